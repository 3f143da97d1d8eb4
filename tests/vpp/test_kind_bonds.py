# SPDX-License-Identifier: Apache-2.0
"""Bonds: frames of the bond and of its members, and members that change."""

from dataclasses import dataclass

import pytest

from support import generator, routing, traffic
from support.flows import Flows, of_records
from support.link import Link, RawSocket, add_link
from support.meter import RX, TX
from support.observed import assert_flows, features, wait_observed
from support.traffic import Traffic, mixed
from support.vpp import Vpp
from support.waiting import until


@dataclass
class Bond:
    links: list[Link]
    wires: list[RawSocket]
    interface: str = "BondEthernet0"

    @property
    def mac(self) -> str:
        """The bond's MAC address is that of its first member."""
        return self.links[0].vpp_mac


def add_bond(vpp: Vpp, *, members: bool = True) -> Bond:
    """A bond of links 1 and 2, up. Its peer is the namespace, on all members."""
    links = [add_link(vpp, number, addresses=False) for number in (1, 2)]
    bond = Bond(links, [RawSocket(link.namespace, link.host) for link in links])
    vpp.cli("create bond mode round-robin")
    vpp.configure(f"set interface state {bond.interface} up")
    if members:
        for link in links:
            vpp.configure(f"bond add {bond.interface} {link.vpp}")
        until("both members to be active", lambda: vpp.cli("show bond").split()[-2:] == ["2", "2"])
    return bond


def add_bond_addresses(vpp: Vpp, bond: Bond) -> None:
    for version, network, length in ((4, "10.6.6.", 24), (6, "2001:db8:66::", 64)):
        vpp.configure(
            f"set interface ip address {bond.interface} {network}1/{length}",
            f"set ip neighbor {bond.interface} {network}2 {bond.links[0].host_mac} static",
            f"ip route add {traffic.ROUTE[version]} via {network}2 {bond.interface}",
        )


def to_bond(bond: Bond, ports: int) -> Traffic:
    """Frames that the bond receives and VPP does not forward."""
    sent = Traffic(destination_mac=bond.mac)
    for number in range(20):
        for version in (4, 6):
            sent.add_udp(version, (ports + number, 53), 10 * number)
    return sent


@pytest.mark.parametrize("variant", ["all", "l2", "ip4"])
def test_bond_rx(start_meter, variant):
    """A bond has the frames of all members; each member has its own, too."""
    meter = start_meter()
    bond = add_bond(meter.vpp)
    add_bond_addresses(meter.vpp, bond)
    meter.vpp.configure(
        f"flowmeter interface {bond.interface} {variant} rx",
        f"flowmeter interface {bond.links[1].vpp} l2 rx",
    )
    sent = [to_bond(bond, 1000), to_bond(bond, 2000)]
    for wire, part in zip(bond.wires, sent, strict=True):
        wire.send(part.frames)
    is_wanted = lambda key: variant != "ip4" or ":" not in key.source  # noqa: E731
    both = Flows(
        (key, tally) for part in sent for key, tally in part.flows.items() if is_wanted(key)
    )
    wait_observed(meter.vpp, both.total().packets + sent[1].flows.total().packets)
    records = meter.flushed()
    assert_flows(meter, records, bond.interface, RX, both)
    assert_flows(meter, records, bond.links[1].vpp, RX, sent[1].flows)


def test_bond_tx(start_meter):
    """The bond has all sent frames, and each member has its part."""
    meter = start_meter()
    bond = add_bond(meter.vpp)
    add_bond_addresses(meter.vpp, bond)
    source = routing.add_source(meter.vpp)
    members = [link.vpp for link in bond.links]
    meter.vpp.configure(
        *(f"flowmeter interface {name} all tx" for name in (bond.interface, *members))
    )
    sent = mixed()
    generator.replay(meter.vpp, source, sent.frames)
    wait_observed(meter.vpp, 2 * len(sent.frames))
    records = meter.flushed()
    assert_flows(meter, records, bond.interface, TX, sent.flows)
    indices = {meter.vpp.interface_index(name) for name in members}
    parts = [record for record in records if record["egressInterface"] in indices]
    assert {record["egressInterface"] for record in parts} == indices, "both members must send"
    of_records(parts).assert_equal(sent.flows, "members tx")


def test_members_that_join_and_leave(start_meter):
    """A bond is metered before it has members, and then loses a member."""
    meter = start_meter()
    bond = add_bond(meter.vpp, members=False)
    meter.vpp.configure(f"flowmeter interface {bond.interface} all rx")
    for link in bond.links:
        meter.vpp.configure(f"bond add {bond.interface} {link.vpp}")
    sent = [to_bond(bond, 1000), to_bond(bond, 2000)]
    for wire, part in zip(bond.wires, sent, strict=True):
        wire.send(part.frames)
    count = sum(len(part.frames) for part in sent)
    wait_observed(meter.vpp, count)
    meter.vpp.configure(f"bond del {bond.links[1].vpp}")
    sent.append(to_bond(bond, 3000))
    bond.wires[1].send(to_bond(bond, 4000).frames)
    bond.wires[0].send(sent[2].frames)
    wait_observed(meter.vpp, count + len(sent[2].frames))
    records = meter.flushed()
    everything = Flows((key, tally) for part in sent for key, tally in part.flows.items())
    assert_flows(meter, records, bond.interface, RX, everything)
    meter.vpp.configure(f"flowmeter interface {bond.interface} disable")
    for link in bond.links:
        shown = features(meter.vpp, link.vpp)
        assert not any(shown.values()), shown
