# SPDX-License-Identifier: Apache-2.0
"""Linux's devices as interfaces of VPP: tun, without Ethernet headers, and tap."""

from pathlib import Path

import pytest

from support import accounts, traffic
from support.flows import of_records
from support.link import RawSocket
from support.meter import RX, TX
from support.tun import Tun
from support.waiting import until

VHOST = Path("/dev/vhost-net")


def route_back(vpp, interface: str) -> None:
    """Routes traffic back to the interface that receives it."""
    for version in (4, 6):
        vpp.configure(
            f"set interface ip address {interface} {traffic.GATEWAY[version]}",
            f"ip route add {traffic.ROUTE[version]} via {interface}",
        )


def assert_both_ways(meter, interface: str, sent) -> None:
    """Asserts that the interface has the same flows in both directions."""
    records = meter.flushed()
    index = meter.vpp.interface_index(interface)
    assert {record["ingressInterface"] for record in records} == {index}
    for direction, egress in ((RX, 0), (TX, index)):
        there = [record for record in records if record["flowDirection"] == direction]
        of_records(there).assert_equal(sent.flows, f"direction {direction}")
        assert {record["egressInterface"] for record in there} == {egress}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_tun_device(start_meter, workers):
    """Packets start with their IP headers in both directions."""
    meter = start_meter(workers=workers)
    vpp = meter.vpp
    device = Tun(vpp.namespace, "tun0")
    tun = vpp.cli("create host-interface name tun0 mode ip").strip()
    vpp.configure(f"set interface state {tun} up")
    route_back(vpp, tun)
    vpp.configure(f"flowmeter interface {tun} all both")
    sent = traffic.mixed()
    device.send(sent.packets)
    arrived = []

    def all_arrived() -> bool:
        arrived.extend(packet for packet in device.received() if packet in expected)
        return len(arrived) >= len(sent.packets)

    # Each packet was forwarded: only the hop limit and the header checksum differ.
    expected = {hop(packet) for packet in sent.packets}
    until("packets at the device", all_arrived)
    assert_both_ways(meter, tun, sent)
    device.close()


def hop(packet: bytes) -> bytes:
    """The packet after one hop."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes([packet[7] - 1]) + packet[8:]
    header = packet[:8] + bytes([packet[8] - 1]) + packet[9:10] + b"\x00\x00" + packet[12:20]
    checksum = traffic.frames.checksum(header)
    return header[:10] + checksum.to_bytes(2, "big") + header[12:] + packet[20:]


@pytest.mark.parametrize("mode", ["", "tun"])
def test_vpps_tap(start_meter, capsys, mode):
    """`create tap` needs the vhost module of the machine's kernel. No package can install it, so
    this test is skipped without it, even in CI."""
    if not VHOST.exists():
        with capsys.disabled():
            print(f"\nNOT TESTED: `create tap {mode}`: this kernel has no {VHOST}")
        pytest.skip(f"`create tap {mode}`: this kernel has no {VHOST}")
    meter = start_meter(plugins=["flowmeter", "tap"])
    vpp = meter.vpp
    tap = vpp.cli(f"create tap id 0 {mode} host-ns {vpp.namespace.name}".strip()).strip()
    vpp.configure(f"set interface state {tap} up")
    sent = traffic.mixed()
    if mode == "tun":
        route_back(vpp, tap)
    else:
        vpp.configure(f"set interface mac address {tap} {traffic.VPP_MAC}")
        for version, neighbor in ((4, traffic.SOURCE[4]), (6, traffic.SOURCE[6])):
            vpp.configure(
                f"set interface ip address {tap} {traffic.GATEWAY[version]}",
                f"set ip neighbor {tap} {neighbor} {traffic.SENDER_MAC} static",
                f"ip route add {traffic.ROUTE[version]} via {neighbor} {tap}",
            )
    for family in ("ip4", "ip6"):
        vpp.configure(f"flowmeter interface {tap} {family} both")
    wire = RawSocket(vpp.namespace, f"{mode or 'tap'}0")
    wire.send(sent.packets if mode == "tun" else sent.frames)
    until(
        "packets to be observed",
        lambda: accounts.read(vpp).observed.packets >= 2 * len(sent.frames),
    )
    assert_both_ways(meter, tap, sent)
