# SPDX-License-Identifier: Apache-2.0
"""VPP as a router, from a packet-generator interface to a link.

Packets of `traffic` enter at `pg0` and leave on the link, whose neighbour is static.
"""

from . import generator, traffic
from .link import Link
from .vpp import Vpp


def add_source(vpp: Vpp, number: int = 0, **options) -> str:
    """Adds the interface that receives traffic, with the gateway's addresses."""
    interface = generator.add_interface(vpp, number, mac=traffic.VPP_MAC, **options)
    add_gateway(vpp, interface)
    return interface


def add_gateway(vpp: Vpp, interface: str) -> None:
    for version in (4, 6):
        vpp.configure(f"set interface ip address {interface} {traffic.GATEWAY[version]}")


def add_routes(vpp: Vpp, link: Link, interface: str | None = None) -> None:
    """Routes traffic to the link."""
    interface = interface or link.vpp
    vpp.configure(
        f"ip route add {traffic.ROUTE[4]} via {link.host_address} {interface}",
        f"ip route add {traffic.ROUTE[6]} via {link.host_address6} {interface}",
    )


def add_way_out(vpp: Vpp) -> str:
    """Adds an interface that traffic is routed to, without a receiver."""
    interface = generator.add_interface(vpp, 1)
    for version, (address, neighbor, length) in {
        4: ("10.1.1.1", "10.1.1.2", 24),
        6: ("2001:db8:11::1", "2001:db8:11::2", 64),
    }.items():
        vpp.configure(
            f"set interface ip address {interface} {address}/{length}",
            f"set ip neighbor {interface} {neighbor} 02:00:00:00:11:01 static",
            f"ip route add {traffic.ROUTE[version]} via {neighbor} {interface}",
        )
    return interface


def routed_from(link: Link) -> traffic.Traffic:
    """Traffic of a host behind the link that VPP routes."""
    sent = traffic.Traffic(destination_mac=link.vpp_mac, source_mac=link.host_mac)
    for number in range(20):
        for version, source in ((4, link.host_address), (6, link.host_address6)):
            sent.add_udp(version, (1000 + number, 53), 10 * number, source=source)
    return sent
