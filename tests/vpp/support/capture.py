# SPDX-License-Identifier: Apache-2.0
"""Reads pcap and pcapng captures, and writes the kind of pcap that VPP reads.

VPP's packet generator reads pcap with microseconds in either byte order, and checks neither link
types nor lengths. So each capture is converted: Ethernet only, with microseconds, and truncated
packets padded with zeros to their length on the wire. Other link types cannot be replayed.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

ETHERNET = 1


@dataclass(frozen=True)
class Packet:
    """One packet of a capture."""

    octets: bytes
    #: Octets on the wire.
    length: int
    link_type: int = ETHERNET


class NotReplayable(Exception):
    """VPP cannot replay a capture."""


def read(path: Path) -> list[Packet]:
    """Reads the packets of a capture file, in order."""
    octets = path.read_bytes()
    packets = _pcapng(octets) if octets[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(octets)
    assert packets, f"{path} has no packets"
    return packets


def replayable(path: Path) -> list[bytes]:
    """The frames of a capture, with their lengths on the wire."""
    frames = []
    for number, packet in enumerate(read(path), 1):
        if packet.link_type != ETHERNET:
            raise NotReplayable(
                f"{path.name}: packet {number} has link type {packet.link_type}, not Ethernet"
            )
        missing = packet.length - len(packet.octets)
        assert missing >= 0, f"{path.name}: packet {number} is longer than it was"
        frames.append(packet.octets + bytes(missing))
    return frames


def write(path: Path, frames: list[bytes]) -> None:
    """Writes frames as pcap, a microsecond apart."""
    file = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, ETHERNET))
    for number, frame in enumerate(frames):
        seconds, microseconds = divmod(number, 1_000_000)
        file += struct.pack("<IIII", seconds, microseconds, len(frame), len(frame))
        file += frame
    path.write_bytes(file)


def _pcap(octets: bytes) -> list[Packet]:
    orders = {
        b"\xd4\xc3\xb2\xa1": "<",
        b"\xa1\xb2\xc3\xd4": ">",
        b"\x4d\x3c\xb2\xa1": "<",
        b"\xa1\xb2\x3c\x4d": ">",
    }
    order = orders[octets[:4]]
    (link_type,) = struct.unpack_from(order + "I", octets, 20)
    packets = []
    at = 24
    while at < len(octets):
        captured, length = struct.unpack_from(order + "II", octets, at + 8)
        at += 16
        assert at + captured <= len(octets), "the capture ends inside a packet"
        packets.append(Packet(octets[at : at + captured], length, link_type & 0xFFFF))
        at += captured
    return packets


_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6


def _pcapng(octets: bytes) -> list[Packet]:
    packets = []
    interfaces: list[tuple[int, int]] = []
    order = "<"
    at = 0
    while at < len(octets):
        if octets[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if octets[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, total = struct.unpack_from(order + "II", octets, at)
        body = octets[at + 8 : at + total - 4]
        if kind == _INTERFACE:
            link_type, _, snap = struct.unpack_from(order + "HHI", body)
            interfaces.append((link_type, snap))
        elif kind == _ENHANCED:
            interface, _, _, captured, length = struct.unpack_from(order + "IIIII", body)
            link_type, _ = interfaces[interface]
            packets.append(Packet(body[20 : 20 + captured], length, link_type))
        elif kind == _SIMPLE:
            (length,) = struct.unpack_from(order + "I", body)
            link_type, snap = interfaces[0]
            captured = min(length, snap or length)
            packets.append(Packet(body[4 : 4 + captured], length, link_type))
        assert total >= 12 and total % 4 == 0, f"a block of {total} octets"
        at += total
    return packets
