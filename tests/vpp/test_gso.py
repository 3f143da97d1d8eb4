# SPDX-License-Identifier: Apache-2.0
"""Packets that are still to be segmented (GSO): each counts as its segments at every observation
point."""

import socket
import struct
import threading

import pytest

from support import accounts, installation
from support.flows import Tally, at
from support.frames import IPV4, IPV6, TCP
from support.link import Link, RawSocket, add_link
from support.meter import RX, TX
from support.waiting import until

OCTETS = 1_500_000
PORT = 5001


def route(link: Link, other: Link) -> None:
    """Routes one host's traffic to the other through VPP."""
    link.namespace.ip("link", "set", link.host, "mtu", "1500")
    link.namespace.ip("route", "add", f"{other.host_address}/32", "via", link.vpp_address)
    link.namespace.ip("route", "add", f"{other.host_address6}/128", "via", link.vpp_address6)


def transfer(sender: Link, receiver: Link, version: int) -> None:
    """Sends data by TCP, from kernel to kernel."""
    family = {4: socket.AF_INET, 6: socket.AF_INET6}[version]
    address = receiver.host_address if version == 4 else receiver.host_address6
    listener = receiver.namespace.socket(family, socket.SOCK_STREAM)
    listener.bind((address, PORT))
    listener.listen()
    listener.settimeout(30)
    received = []

    def receive() -> None:
        connection, _ = listener.accept()
        connection.settimeout(30)
        count = 0
        while octets := connection.recv(1 << 16):
            count += len(octets)
        received.append(count)
        connection.close()

    thread = threading.Thread(target=receive)
    thread.start()
    client = sender.namespace.socket(family, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect((address, PORT))
    client.sendall(bytes(OCTETS))
    client.shutdown(socket.SHUT_WR)
    thread.join(40)
    client.close()
    listener.close()
    assert received == [OCTETS]


def to_port(frames: list[bytes], version: int) -> Tally:
    """The TCP packets to the test's port, as they were on the wire."""
    packets = octets = 0
    for frame in frames:
        ether_type = struct.unpack_from("!H", frame, 12)[0]
        packet = frame[14:]
        if version == 4 and ether_type == IPV4 and packet[9] == TCP:
            length, transport = struct.unpack_from("!H", packet, 2)[0], packet[20:]
        elif version == 6 and ether_type == IPV6 and packet[6] == TCP:
            length, transport = 40 + struct.unpack_from("!H", packet, 4)[0], packet[40:]
        else:
            continue
        if struct.unpack_from("!H", transport, 2)[0] == PORT:
            packets += 1
            octets += length
    return Tally(packets, octets)


def of_port(records) -> Tally:
    """The same packets, as metered."""
    there = [record for record in records if record.fields.get("destinationTransportPort") == PORT]
    return Tally(
        sum(record["packetDeltaCount"] for record in there),
        sum(record["octetDeltaCount"] for record in there),
    )


@pytest.mark.parametrize("variant", ["ip", "l2"])
@pytest.mark.parametrize(
    ("is_cut_here", "version"),
    # VPP v26.06 segments an IPv4 packet without checksum offload, as kernels send it, as if it were
    # IPv6, so no host accepts the result: gso_fixup_segmented_buf in vnet/gso/gso.h.
    [(True, 6), (False, 4), (False, 6)],
)
def test_kernel_sender(start_meter, new_namespace, is_cut_here, version, variant):
    """A kernel sends through VPP. If VPP segments the packets, both observation points count what
    is then on the wire; if VPP sends them unsegmented, both still count segments."""
    meter = start_meter()
    vpp = meter.vpp
    sender = add_link(vpp, 1)
    words = "cksum-gso-disable" if is_cut_here else ""
    receiver = add_link(vpp, 2, words=words, elsewhere=new_namespace())
    if is_cut_here:
        vpp.configure(f"set interface feature gso {receiver.vpp} enable")
        # VPP would not know that packets from there still lack their checksums.
        receiver.namespace.run(installation.program("ethtool"), "-K", receiver.host, "tx", "off")
    route(sender, receiver)
    route(receiver, sender)
    for family in ("ip4", "ip6") if variant == "ip" else ("l2",):
        vpp.configure(
            f"flowmeter interface {sender.vpp} {family} rx",
            f"flowmeter interface {receiver.vpp} {family} tx",
        )
    wire = RawSocket(receiver.namespace, receiver.host)
    transfer(sender, receiver, version)
    until("the accounts to settle", lambda: accounts.accounts(vpp))
    on_wire = to_port(wire.received(), version)
    records = meter.flushed()
    came, left = (of_port(at(records, flowDirection=direction)) for direction in (RX, TX))
    counters = vpp.statistics().by_thread("/if/rx", vpp.interface_index(sender.vpp))
    received = sum(packets for packets, _ in counters)
    assert received < came.packets, "VPP must have received unsegmented packets"
    assert came == left
    if is_cut_here:
        assert came == on_wire
    else:
        assert on_wire.packets < came.packets
    # No segment exceeds the link's MTU.
    assert came.octets <= came.packets * 1500
    assert came.octets > OCTETS

