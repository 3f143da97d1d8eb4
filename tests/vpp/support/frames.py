# SPDX-License-Identifier: Apache-2.0
"""Builds frames: headers and checksums, without anything random.

`ip` wraps a transport segment and sets its checksum; `ethernet` wraps an IP packet.
"""

import ipaddress
import struct

ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132

IPV4, IPV6, ARP, VLAN, SERVICE_VLAN = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8

#: TCP flags (RFC 9293 §3.1).
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

#: The offset of each transport's checksum.
_CHECKSUMS = {ICMP: 2, TCP: 16, UDP: 6, ICMPV6: 2}


def udp(source_port: int, destination_port: int, payload: bytes = b"") -> bytes:
    return struct.pack("!HHHH", source_port, destination_port, 8 + len(payload), 0) + payload


def tcp(
    source_port: int,
    destination_port: int,
    flags: int = ACK,
    payload: bytes = b"",
    sequence: int = 1,
) -> bytes:
    header = struct.pack(
        "!HHIIBBHHH", source_port, destination_port, sequence, 1, 5 << 4, flags, 65535, 0, 0
    )
    return header + payload


def icmp(kind: int, code: int = 0, identifier: int = 1, payload: bytes = b"") -> bytes:
    """ICMP or ICMPv6."""
    return struct.pack("!BBHHH", kind, code, 0, identifier, 1) + payload


def sctp(source_port: int, destination_port: int, payload: bytes = b"\x00" * 4) -> bytes:
    return struct.pack("!HHII", source_port, destination_port, 1, 0) + payload


def ip(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    type_of_service: int = 0,
    hop_limit: int = 64,
    options: bytes = b"",
    fragment: int = 0,
    identification: int = 0,
    extensions: list[tuple[int, bytes]] | None = None,
    flow_label: int = 0,
) -> bytes:
    """An IPv4 or IPv6 packet, by its addresses. `options` are IPv4 options, `fragment` is the IPv4
    flags and offset, `extensions` are IPv6 extension headers by number, each without its first
    octet (next header)."""
    addresses = [ipaddress.ip_address(address).packed for address in (source, destination)]
    extensions = extensions or []
    if not fragment & 0x1FFF and not any(number == 44 for number, _ in extensions):
        payload = _with_checksum(addresses, protocol, payload)
    if len(addresses[0]) == 4:
        length = 20 + len(options)
        assert length % 4 == 0, "options are a multiple of 4 octets"
        header = struct.pack(
            "!BBHHHBBH",
            0x40 | length // 4,
            type_of_service,
            length + len(payload),
            identification,
            fragment,
            hop_limit,
            protocol,
            0,
        )
        header += b"".join(addresses) + options
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload
    numbers = [number for number, _ in extensions] + [protocol]
    chain = b"".join(
        bytes([following]) + body
        for following, (_, body) in zip(numbers[1:], extensions, strict=True)
    )
    header = struct.pack(
        "!IHBB",
        6 << 28 | type_of_service << 20 | flow_label,
        len(chain) + len(payload),
        numbers[0],
        hop_limit,
    )
    return header + b"".join(addresses) + chain + payload


def arp_request(sender_mac: str, sender: str, target: str) -> bytes:
    addresses = [ipaddress.ip_address(address).packed for address in (sender, target)]
    return (
        struct.pack("!HHBBH", 1, IPV4, 6, 4, 1)
        + mac(sender_mac)
        + addresses[0]
        + bytes(6)
        + addresses[1]
    )


def ethernet(
    payload: bytes,
    *,
    source: str,
    destination: str,
    ether_type: int | None = None,
    vlans: tuple[tuple[int, int], ...] = (),
) -> bytes:
    """A frame; the default EtherType is that of the IP packet in it. `vlans` are tags as (TPID,
    VLAN id), the outer one first. Frames are not padded to 60 octets, since a virtual link does not
    need it."""
    if ether_type is None:
        ether_type = {4: IPV4, 6: IPV6}[payload[0] >> 4]
    tags = b"".join(struct.pack("!HH", announced, vlan) for announced, vlan in vlans)
    return mac(destination) + mac(source) + tags + struct.pack("!H", ether_type) + payload


def is_mld_report(frame: bytes) -> bool:
    """Whether it is an Ethernet frame with a Multicast Listener Report (RFC 3810 §5.2): ICMPv6 of
    type 143 behind a hop-by-hop header of eight octets."""
    return frame[12:14] == b"\x86\xdd" and frame[20] == 0 and frame[54:55] == b":" and frame[62] == 143


def mac(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def checksum(octets: bytes) -> int:
    """RFC 1071."""
    number = int.from_bytes(octets + bytes(len(octets) % 2), "big")
    # 2¹⁶ is 1 modulo 2¹⁶ − 1, so the remainder is the sum of all words and carries.
    total = number % 0xFFFF or (0xFFFF if number else 0)
    return 0xFFFF - total


def pseudo_header(addresses: list[bytes], protocol: int, length: int) -> bytes:
    """RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6."""
    if len(addresses[0]) == 4:
        return b"".join(addresses) + struct.pack("!HH", protocol, length)
    return b"".join(addresses) + struct.pack("!II", length, protocol)


def _with_checksum(addresses: list[bytes], protocol: int, payload: bytes) -> bytes:
    at = _CHECKSUMS.get(protocol)
    if at is None or len(payload) < at + 2:
        return payload
    pseudo = b"" if protocol == ICMP else pseudo_header(addresses, protocol, len(payload))
    value = checksum(pseudo + payload)
    if protocol == UDP and value == 0:
        value = 0xFFFF
    return payload[:at] + struct.pack("!H", value) + payload[at + 2 :]
