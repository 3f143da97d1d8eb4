# SPDX-License-Identifier: Apache-2.0
"""Paths of programs and files, and the handling of missing ones.

A test that lacks a program or the corpus is skipped with a line that names it, or fails if
FLOWMETER_REQUIRE_TOOLS is 1, as in CI.
"""

import os
import re
import shutil
import warnings
from pathlib import Path
from typing import NoReturn

import pytest

#: The repository.
ROOT = Path(__file__).resolve().parents[3]

#: Captures next to the repository.
CORPUS = ROOT.parent / "shared" / "corpus"

EXAMPLES = ROOT / "examples"

_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"

#: The plugin's library, and its name in VPP's plugin directory.
PLUGIN = _TARGET / "libflowmeter_plugin.so"
PLUGIN_NAME = "flowmeter_plugin.so"

#: The command that replays captures without VPP.
FLOWMETER = _TARGET / "flowmeter"

#: VPP's prefix, set by `run`.
PREFIX = Path(os.environ.get("VPP_PREFIX", "/opt/vpp"))


def vpp_version() -> str:
    """VPP's version, from its headers."""
    text = (PREFIX / "include" / "vpp" / "app" / "version.h").read_text()
    return re.search(r'^#define VPP_BUILD_VER "(.*)"$', text, re.MULTILINE)[1]


def builds() -> list[Path]:
    """The plugin for this VPP, and those that `.ci/run` has built for others."""
    others = ROOT.glob("target/vpp-*/release/libflowmeter_plugin.so")
    own = ROOT / "target" / "release" / PLUGIN.name
    return sorted(path for path in {own, PLUGIN, *others} if path.is_file())


def vpp_program(name: str) -> Path:
    """A program of VPP."""
    path = PREFIX / "bin" / name
    assert path.is_file(), f"VPP's {name} is not in {path.parent}"
    return path


def vpp_release() -> tuple[int, int]:
    """VPP's release, as (year, month)."""
    text = (PREFIX / "include" / "vpp" / "app" / "version.h").read_text()
    year, month = re.search(r'VPP_BUILD_VER "(\d+)\.(\d+)', text).groups()
    return int(year), int(month)


def vpp_plugins() -> Path:
    """VPP's plugin directory."""
    found = sorted(PREFIX.glob("lib*/**/vpp_plugins"))
    assert found, f"no vpp_plugins in {PREFIX}/lib*"
    return found[0]


def program(name: str) -> Path:
    """The path of a system program; ends the test if it is missing."""
    # Daemons are often only in root's path.
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    return Path(found) if found else missing(name)


def captures() -> list[Path]:
    """Every capture of the examples and, if it exists, of the corpus's real traffic."""
    folders = [EXAMPLES]
    traffic = CORPUS / "traffic"
    if traffic.is_dir():
        folders.append(traffic)
    else:
        # Shown when tests are collected; `test_the_corpus_exists` reports it as a test.
        warnings.warn(f"skipped: captures in {traffic}, which does not exist", stacklevel=2)
    found = [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix in (".pcap", ".pcapng", ".cap")
    ]
    assert found, f"no captures in {folders}"
    return found


def missing(needed: str) -> NoReturn:
    """Skips or fails a test that needs something that this machine lacks."""
    if os.environ.get("FLOWMETER_REQUIRE_TOOLS") == "1":
        pytest.fail(f"needs {needed}, and FLOWMETER_REQUIRE_TOOLS=1 is set", pytrace=False)
    pytest.skip(f"needs {needed}")
