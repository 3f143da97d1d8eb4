# SPDX-License-Identifier: Apache-2.0
"""Traffic with known flows.

Owns the packets that are sent and the flows that a meter has to find in them. Expected tallies are
added up while packets are created, not parsed from them.
"""

from dataclasses import dataclass, field, replace

from . import frames
from .flows import Flows, Key, L2Key, Tally
from .frames import ACK

#: The addresses of the sender, and of the interface that it sends to.
SENDER_MAC = "02:00:00:00:99:02"
VPP_MAC = "02:00:00:00:99:01"

#: The addresses of packets; tests route the destinations.
SOURCE = {4: "198.51.100.2", 6: "2001:db8:ffff::2"}
DESTINATION = {4: "203.0.113.1", 6: "2001:db8:eeee::1"}
GATEWAY = {4: "198.51.100.1/24", 6: "2001:db8:ffff::1/64"}
ROUTE = {4: "203.0.113.0/24", 6: "2001:db8:eeee::/48"}


@dataclass
class Traffic:
    """Packets in the order in which they were added, and their flows."""

    destination_mac: str = VPP_MAC
    source_mac: str = SENDER_MAC
    vlans: tuple[tuple[int, int], ...] = ()
    frames: list[bytes] = field(default_factory=list)
    flows: Flows = field(default_factory=Flows)

    def add(
        self,
        version: int,
        protocol: int,
        transport: bytes,
        ports: tuple[int, int],
        *,
        tcp_flags: int = 0,
        source: str | None = None,
        destination: str | None = None,
        **header,
    ) -> None:
        """Adds an IP packet of the flow with these ports (ICMP: 0, type and code)."""
        source = source or SOURCE[version]
        destination = destination or DESTINATION[version]
        packet = frames.ip(source, destination, protocol, transport, **header)
        key = Key(source, destination, protocol, *ports, self.vlan)
        self.flows.add([(key, Tally(1, len(packet), tcp_flags))])
        self._frame(packet)

    def add_udp(self, version: int, ports: tuple[int, int], octets: int = 0, **header) -> None:
        self.add(version, frames.UDP, frames.udp(*ports, bytes(octets)), ports, **header)

    def add_tcp(
        self, version: int, ports: tuple[int, int], flags: int = ACK, **header
    ) -> None:
        transport = frames.tcp(*ports, flags)
        self.add(version, frames.TCP, transport, ports, tcp_flags=flags, **header)

    def add_icmp(self, version: int, kind: int, code: int = 0, **header) -> None:
        protocol = {4: frames.ICMP, 6: frames.ICMPV6}[version]
        self.add(version, protocol, frames.icmp(kind, code), (0, kind << 8 | code), **header)

    def add_l2(self, ether_type: int, payload: bytes, source: str | None = None) -> None:
        """Adds a frame that is not IP."""
        source = source or self.source_mac
        key = L2Key(source, self.destination_mac, ether_type, self.vlan)
        frame = self._frame(payload, ether_type, source)
        self.flows.add([(key, Tally(1, len(frame)))])

    @property
    def vlan(self) -> int:
        """The VLAN id of the outer tag."""
        return self.vlans[0][1] if self.vlans else 0

    @property
    def packets(self) -> list[bytes]:
        """The IP packets without Ethernet headers."""
        return [frame[14 + 4 * len(self.vlans) :] for frame in self.frames]

    def tagged(self, *vlans: tuple[int, int]) -> "Traffic":
        """Traffic whose packets get these tags and are also added here."""
        return replace(self, vlans=vlans)

    def _frame(self, payload: bytes, ether_type: int | None = None, source: str = "") -> bytes:
        frame = frames.ethernet(
            payload,
            source=source or self.source_mac,
            destination=self.destination_mac,
            ether_type=ether_type,
            vlans=self.vlans,
        )
        self.frames.append(frame)
        return frame


def mixed(versions: tuple[int, ...] = (4, 6), flows: int = 50, rounds: int = 3) -> Traffic:
    """UDP, TCP and ICMP packets of many flows in turn, with different lengths."""
    traffic = Traffic()
    for turn in range(rounds):
        for number in range(flows):
            for version in versions:
                traffic.add_udp(version, (1000 + number, 53), 37 * number % 1200)
                flags = frames.SYN if turn == 0 else frames.ACK | frames.PSH
                traffic.add_tcp(version, (20000 + number, 443), flags)
        for version in versions:
            # Echo requests only: VPP would act on errors and discovery.
            traffic.add_icmp(version, {4: 8, 6: 128}[version])
            traffic.add_icmp(version, {4: 0, 6: 129}[version])
    return traffic


def many_flows(count: int, version: int = 4, rounds: int = 1) -> Traffic:
    """UDP packets of `count` flows."""
    traffic = Traffic()
    for _ in range(rounds):
        for number in range(count):
            ports = (1024 + number % 60000, 1024 + number // 60000)
            traffic.add_udp(version, ports, 4)
    return traffic
