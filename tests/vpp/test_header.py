# SPDX-License-Identifier: Apache-2.0
"""include/*.h declare what the library exports, in C that any compiler accepts."""

import re
import subprocess

import pytest

from support.installation import PLUGIN, ROOT

HEADERS = sorted((ROOT / "include").glob("*.h"))

#: Exported data, which VPP finds by name or address; all exported functions are declared.
DATA = {"vlib_plugin_registration", "flowmeter_errors"}


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.name)
@pytest.mark.parametrize(
    "compiler", (["gcc", "-std=c99"], ["gcc", "-std=c11"], ["g++", "-x", "c++", "-std=c++11"])
)
def test_the_header_is_pedantic(compiler, header, tmp_path):
    source = tmp_path / "header.c"
    include = f'#include "{header.name}"\n'
    source.write_text(f"{include}{include}int main (void) {{ return 0; }}\n")
    subprocess.run(
        [*compiler, "-Werror", "-Wall", "-Wextra", "-pedantic", "-fsyntax-only"]
        + [f"-I{header.parent}", str(source)],
        check=True,
    )


def test_the_library_exports_what_the_headers_declare():
    text = "".join(header.read_text() for header in HEADERS)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    declared = set(re.findall(r"\b(flowmeter_\w+) \(", text))
    assert len(declared) > 10
    listed = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--format=just-symbols", PLUGIN],
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(listed.stdout.split()) == declared | DATA
