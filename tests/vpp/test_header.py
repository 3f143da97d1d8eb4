# SPDX-License-Identifier: Apache-2.0
"""include/flowmeter.h says what the library exports, in C that any compiler takes."""

import re
import subprocess

import pytest

from support.installation import PLUGIN, ROOT

HEADER = ROOT / "include" / "flowmeter.h"

#: Data that VPP finds by name or address; functions are the header's.
DATA = {"vlib_plugin_registration", "flowmeter_errors"}


@pytest.mark.parametrize(
    "compiler", (["gcc", "-std=c99"], ["gcc", "-std=c11"], ["g++", "-x", "c++", "-std=c++11"])
)
def test_the_header_is_pedantic(compiler, tmp_path):
    source = tmp_path / "header.c"
    source.write_text('#include "flowmeter.h"\n#include "flowmeter.h"\nint main (void) { return 0; }\n')
    subprocess.run(
        [*compiler, "-Werror", "-Wall", "-Wextra", "-pedantic", "-fsyntax-only"]
        + [f"-I{HEADER.parent}", str(source)],
        check=True,
    )


def test_the_library_exports_what_the_header_declares():
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    declared = set(re.findall(r"\b(flowmeter_\w+) \(", text))
    assert len(declared) > 10
    listed = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--format=just-symbols", PLUGIN],
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(listed.stdout.split()) == declared | DATA
