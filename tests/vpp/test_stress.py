# SPDX-License-Identifier: Apache-2.0
"""Everything that can change does, in a random order that a number fixes, under all the load
that the packet generator makes: no crash, no leaked buffer, exact accounts, and each record
that the accounts tell of stands in a message."""

import itertools
import random
import time
from collections import defaultdict

import pytest

from support import accounts, frames, generator, meter, routing, traffic
from support.collector import datagram
from support.ipfix import Adder
from support.link import add_link
from support.outlet import Outlet
from support.vpp import Vpp
from support.waiting import until


class Collectors:
    """Whoever records are sent to, at ports of their own: a stream of messages begins with
    each new exporter."""

    ADDRESSES = {4: ("10.2.2.1", "10.2.2.2"), 6: ("2001:db8:c0::1", "2001:db8:c0::2")}
    PATH_MTU = 1400

    def __init__(self, vpp: Vpp):
        self._vpp = vpp
        self._ports = itertools.count(10_000)
        self.readers: defaultdict[int, Adder] = defaultdict(Adder)
        self.outlet = Outlet(vpp, 9, self._take)
        for version, length in ((4, 24), (6, 64)):
            collector, source = self.ADDRESSES[version]
            self.outlet.add_address(source, length, collector)

    def set_exporter(self, version: int, path_mtu: int) -> None:
        """A new collector."""
        collector, source = self.ADDRESSES[version]
        self._vpp.configure(
            f"set flowmeter exporter collector {collector} src {source}"
            f" port {next(self._ports)} path-mtu {path_mtu}"
        )

    def assert_have_all(self, after: accounts.Accounts) -> None:
        """What stands in records that were sent, in messages that came, and in the accounts
        is the same."""
        exported = accounts.total(after.exported.values())
        readers = self.readers.values()
        until(
            "all records",
            lambda: sum(reader.flow_count for reader in readers) >= exported.records,
        )
        self.outlet.close()
        came = accounts.Counts(
            sum(reader.packets for reader in readers),
            sum(reader.octets for reader in readers),
            sum(reader.flow_count for reader in readers),
        )
        assert came == exported
        assert after.metered.packets == came.packets + after.lost.packets
        assert after.metered.octets == came.octets + after.lost.octets

    def _take(self, frame: bytes) -> None:
        # VPP's own neighbour discovery leaves here too.
        _, port, payload = datagram(frame, self.PATH_MTU)
        if port >= 10_000:
            self.readers[port].read(payload)


class Changes:
    """What is changed, and how."""

    def __init__(self, vpp: Vpp, source: str, others: list[str], collectors: Collectors, seed: int):
        self._vpp = vpp
        self._source = source
        self._interfaces = [source, f"{source}.100", *others]
        self._collectors = collectors
        self._chance = random.Random(seed)
        self._numbers = itertools.count(1000)
        self._children: list[str] = []
        self._exports = True
        self._actions = [
            self.create,
            self.delete,
            self.toggle,
            self.toggle,
            self.resize,
            self.retime,
            self.export,
            self.show,
            self.flush,
        ]
        self.done = {action.__name__: 0 for action in self._actions}

    def one(self) -> None:
        """Any of them."""
        action = self._chance.choice(self._actions)
        action()
        self.done[action.__name__] += 1

    def create(self) -> None:
        number = next(self._numbers) % 4000
        child = f"{self._source}.{number}"
        self._vpp.cli(f"create sub-interfaces {self._source} {number}")
        self._vpp.configure(f"set interface state {child} up")
        # Not all arcs are free on it: a refusal is an answer.
        self._vpp.cli(f"flowmeter interface {child} ip4 both")
        self._children.append(child)

    def delete(self) -> None:
        if self._children:
            child = self._children.pop(self._chance.randrange(len(self._children)))
            self._vpp.configure(f"delete sub-interface {child}")

    def toggle(self) -> None:
        interface = self._chance.choice(self._interfaces)
        family = self._chance.choice(["ip4", "ip6", "l2", "all"])
        direction = self._chance.choice(["rx", "tx", "both"])
        state = self._chance.choice(["", "disable"])
        self._vpp.cli(f"flowmeter interface {interface} {family} {direction} {state}".strip())

    def resize(self) -> None:
        # It waits for the flows of the tables before, and without an exporter in vain.
        if self._exports:
            meter.resize(self._vpp, self._chance.choice([1, 100, 5000, 100_000]))

    def retime(self) -> None:
        active, idle = self._chance.choice([1, 2, 60]), self._chance.choice([1, 15])
        self._vpp.configure(f"set flowmeter active-timeout {active} idle-timeout {idle}")

    def export(self) -> None:
        self._exports = self._chance.random() > 0.2
        if self._exports:
            version, path_mtu = self._chance.choice([4, 6]), self._chance.choice([600, 1400])
            self._collectors.set_exporter(version, path_mtu)
        else:
            self._vpp.configure("set flowmeter exporter disable")

    def show(self) -> None:
        # Whatever goes on, what it counts under the barrier balances.
        accounts.counted(self._vpp)
        for words in ("interfaces", "exporter", "memory", "flows top 20 by octets"):
            assert self._vpp.cli(f"show flowmeter {words}").strip()
        self._vpp.cli(f"show flowmeter flows match {traffic.SOURCE[4]}")

    def flush(self) -> None:
        words = ["flowmeter flush", "ipfix flush", "clear flowmeter flows"]
        self._vpp.cli(self._chance.choice(words))


def add_way_out(vpp: Vpp) -> str:
    """The interface that traffic leaves by, to nowhere."""
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


def everything() -> list[bytes]:
    """IPv4, IPv6, a VLAN's packets, and frames without IP."""
    sent = traffic.mixed(flows=300)
    for number in range(50):
        sent.add_l2(0x9000, bytes(50), source=f"02:00:00:01:00:{number:02x}")
    tagged = sent.tagged((frames.VLAN, 100))
    for number in range(200):
        tagged.add_udp(4, (1000 + number, 53))
    return sent.frames


@pytest.mark.parametrize("workers", [0, 2])
def test_stress(start_vpp, stress_seconds, workers):
    vpp = start_vpp(workers=workers, buffers=32768)
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    sink = add_way_out(vpp)
    collectors = Collectors(vpp)
    vpp.cli(f"create sub-interfaces {source} 100")
    vpp.configure(f"set interface state {source}.100 up")
    before = vpp.buffers_in_use()
    streams = [
        generator.Stream(vpp, source, everything(), limit=10**12, worker=worker)
        for worker in range(max(workers, 1))
    ]
    collectors.set_exporter(4, 1400)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    for stream in streams:
        stream.start()

    others = [sink, link.vpp, collectors.outlet.interface]
    changes = Changes(vpp, source, others, collectors, seed=1 + workers)
    deadline = time.monotonic() + stress_seconds
    while time.monotonic() < deadline:
        changes.one()
        collectors.outlet.check()
    print(changes.done)
    assert all(changes.done.values()) or stress_seconds < 10, changes.done

    for stream in streams:
        stream.pause()
    collectors.set_exporter(6, 1400)
    for stream in streams:
        stream.delete()
    after = accounts.flush(vpp)
    print(after)
    assert after.observed.packets > 100_000, "there was hardly any load"
    assert after.exported_records > 1000, after
    collectors.assert_have_all(after)
    until("buffers to come back", lambda: vpp.buffers_in_use() <= before)
