# SPDX-License-Identifier: Apache-2.0
"""What VPP reads in a plugin's file before it loads it: the section `.vlib_plugin_registration`."""

import struct
from pathlib import Path

_SECTION = b".vlib_plugin_registration"

#: vlib_plugin_registration_t: flags, `char version[64]`, `char version_required[64]`.
_REQUIRED = slice(65, 129)


def required(library: Path) -> str:
    """How the version of a VPP has to begin that may load it."""
    octets = library.read_bytes()
    start = _section(octets)
    return octets[start:][_REQUIRED].rstrip(b"\0").decode()


def with_required(library: Path, version: str, copy: Path) -> Path:
    """A copy that asks for another VPP."""
    octets = bytearray(library.read_bytes())
    start = _section(octets)
    field = version.encode().ljust(64, b"\0")
    octets[start + _REQUIRED.start : start + _REQUIRED.stop] = field
    copy.write_bytes(octets)
    return copy


def _section(octets: bytes) -> int:
    """Where the section begins in an ELF file of 64 bits, least significant octet first."""
    assert octets[:6] == b"\x7fELF\x02\x01", "not such a file"
    [table] = struct.unpack_from("<Q", octets, 0x28)
    size, count, names = struct.unpack_from("<HHH", octets, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", octets, table + i * size) for i in range(count)]
    names = headers[names][4]
    for name, _, _, _, offset, _ in headers:
        if octets[names + name :].startswith(_SECTION + b"\0"):
            return offset
    raise AssertionError(f"no section {_SECTION}")
