# SPDX-License-Identifier: Apache-2.0
"""The section `.vlib_plugin_registration`, which VPP reads before it loads a plugin."""

import struct
from pathlib import Path

_SECTION = b".vlib_plugin_registration"

#: vlib_plugin_registration_t: flags, `char version[64]`, `char version_required[64]`.
_REQUIRED = slice(65, 129)


def required(library: Path) -> str:
    """The prefix of the versions of VPP that may load a plugin."""
    octets = library.read_bytes()
    start = _section(octets)
    return octets[start:][_REQUIRED].rstrip(b"\0").decode()


def with_required(library: Path, version: str, copy: Path) -> Path:
    """A copy of a plugin that requires another version."""
    octets = bytearray(library.read_bytes())
    start = _section(octets)
    field = version.encode().ljust(64, b"\0")
    octets[start + _REQUIRED.start : start + _REQUIRED.stop] = field
    copy.write_bytes(octets)
    return copy


def _section(octets: bytes) -> int:
    """The offset of the section in a 64-bit little-endian ELF file."""
    assert octets[:6] == b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file"
    [table] = struct.unpack_from("<Q", octets, 0x28)
    size, count, names = struct.unpack_from("<HHH", octets, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", octets, table + i * size) for i in range(count)]
    names = headers[names][4]
    for name, _, _, _, offset, _ in headers:
        if octets[names + name :].startswith(_SECTION + b"\0"):
            return offset
    raise AssertionError(f"no section {_SECTION}")
