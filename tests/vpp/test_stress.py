# SPDX-License-Identifier: Apache-2.0
"""Random changes of everything, from a fixed seed, under full load of the packet generator: no
crash, no leaked buffer, exact accounts, and every exported record arrives in a message."""

import itertools
import random
import time

import pytest

from support import accounts, frames, generator, meter, routing, traffic
from support.collectors import Collectors
from support.link import add_link
from support.vpp import Vpp
from support.waiting import until


class Changes:
    """The changes, by the plugin's commands."""

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
        """Makes a random change."""
        action = self._chance.choice(self._actions)
        action()
        self.done[action.__name__] += 1

    def create(self) -> None:
        number = next(self._numbers) % 4000
        child = f"{self._source}.{number}"
        self._vpp.cli(f"create sub-interfaces {self._source} {number}")
        self._vpp.configure(f"set interface state {child} up")
        self.meter(child, "ip4", "both", "")
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
        self.meter(interface, family, direction, state)

    def meter(self, interface: str, family: str, direction: str, state: str) -> None:
        # May be refused because of a conflict.
        self._vpp.cli(f"flowmeter interface {interface} {family} {direction} {state}".strip())

    def resize(self) -> None:
        # It waits until the flows of old tables are exported, so it needs an exporter.
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
        # Accounts counted under the barrier balance at any time.
        accounts.counted(self._vpp)
        for words in ("interfaces", "exporter", "memory", "flows top 20 by octets"):
            assert self._vpp.cli(f"show flowmeter {words}").strip()
        self._vpp.cli(f"show flowmeter flows match {traffic.SOURCE[4]}")

    def flush(self) -> None:
        words = ["flowmeter flush", "ipfix flush"]
        self._vpp.cli(self._chance.choice(words))


class FlowprobeChanges(Changes):
    """The changes, by flowprobe's commands."""

    def meter(self, interface: str, family: str, direction: str, state: str) -> None:
        family = family.replace("all", "ip4")
        words = f"{interface} {family} {direction} {state}"
        self._vpp.cli(f"flowprobe feature add-del {words}".strip())

    def resize(self) -> None:
        """Changes the recorded layers instead of tables, after disabling all interfaces."""
        for line in self._vpp.cli("show flowprobe feature").splitlines():
            interface, family, *direction = line.split()
            self.meter(interface, family, "both", "disable")
        layers = self._chance.choice(["l3", "l3 l4"])
        active = self._chance.choice([0, 1, 60])
        self._vpp.configure(f"flowprobe params record {layers} active {active} passive 60")

    def retime(self) -> None:
        # Refused while an interface is enabled, as is mostly the case.
        self._vpp.cli("flowprobe params record l3 active 1 passive 1")

    def show(self) -> None:
        accounts.counted(self._vpp)
        for words in ("flowmeter", "flowprobe statistics", "flowprobe params"):
            assert self._vpp.cli(f"show {words}").strip()
        self._vpp.cli("show flowprobe table")


def everything() -> list[bytes]:
    """IPv4, IPv6, tagged packets, and frames that are not IP."""
    sent = traffic.mixed(flows=300)
    for number in range(50):
        sent.add_l2(0x9000, bytes(50), source=f"02:00:00:01:00:{number:02x}")
    tagged = sent.tagged((frames.VLAN, 100))
    for number in range(200):
        tagged.add_udp(4, (1000 + number, 53))
    return sent.frames


#: The changes, the options of VPP, and the first commands.
KINDS = {
    "flowmeter": (Changes, {}, ["flowmeter interface {} ip4 rx"]),
    "flowprobe": (
        FlowprobeChanges,
        {"copies": ["flowprobe"], "plugins": ()},
        ["flowprobe params record l3", "flowprobe feature add-del {} ip4 rx"],
    ),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_stress(start_vpp, stress_seconds, workers, kind):
    kind, options, commands = KINDS[kind]
    vpp = start_vpp(workers=workers, buffers=32768, **options)
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    sink = routing.add_way_out(vpp)
    # With flowprobe's commands, all threads send in one domain.
    collectors = Collectors(vpp, threads=1 + workers if options else 1)
    vpp.cli(f"create sub-interfaces {source} 100")
    vpp.configure(f"set interface state {source}.100 up")
    before = vpp.buffers_in_use()
    streams = [
        generator.Stream(vpp, source, everything(), limit=10**12, worker=worker)
        for worker in range(max(workers, 1))
    ]
    collectors.set_exporter(4, 1400)
    vpp.configure(*(command.format(source) for command in commands))
    for stream in streams:
        stream.start()

    others = [sink, link.vpp, collectors.outlet.interface]
    changes = kind(vpp, source, others, collectors, seed=1 + workers)
    deadline = time.monotonic() + stress_seconds
    while time.monotonic() < deadline:
        changes.one()
        collectors.keep_up(streams)
    print(changes.done, f"a full pipe was read after {collectors.outlet.longest_wait:.3f} s")
    assert all(changes.done.values()) or stress_seconds < 10, changes.done

    for stream in streams:
        stream.pause()
    collectors.set_exporter(6, 1400)
    for stream in streams:
        stream.delete()
    after = accounts.flush(vpp)
    print(after)
    assert after.observed.packets > 100_000, "there was too little load"
    assert after.exported_records > 1000, after
    collectors.assert_have_all(after)
    until("buffers to be released", lambda: vpp.buffers_in_use() <= before)


def test_tables_of_the_default_size(start_vpp):
    """Tables of the default size, and then of a million flows, are created, filled and replaced
    under full load: workers must not be stopped for so long that VPP aborts."""
    vpp = start_vpp(workers=2, buffers=65536, flows=None)
    source = routing.add_source(vpp)
    out = routing.add_way_out(vpp)
    collectors = Collectors(vpp)
    collectors.set_exporter(4, 1400)
    flows = 30_000
    sent = traffic.many_flows(flows, 4).frames + traffic.many_flows(flows, 6).frames
    streams = [
        generator.Stream(vpp, source, sent, limit=10**12, worker=worker) for worker in (0, 1)
    ]
    for stream in streams:
        stream.start()
    # Of each worker, at rx and tx.
    live = 2 * len(streams) * len(sent)
    size = 131_072
    sizes = (999_999, 1_000_000)
    for new_size in sizes:
        for family in ("ip4", "ip6"):
            vpp.configure(
                f"flowmeter interface {source} {family} rx",
                f"flowmeter interface {out} {family} tx",
            )
        until("all flows", lambda: accounts.read(vpp).live_flows >= live)
        accounts.counted(vpp)
        assert f"flows per worker {size}" in vpp.cli("show flowmeter")
        # Meanwhile, the flows of the old tables are exported.
        size = new_size
        meter.resize(vpp, size)
        collectors.keep_up(streams)
        for family in ("ip4", "ip6"):
            vpp.configure(
                f"flowmeter interface {source} {family} rx disable",
                f"flowmeter interface {out} {family} tx disable",
            )
    for stream in streams:
        stream.pause()
    after = accounts.flush(vpp)
    print(after)
    assert after.lost.records == 0
    assert after.exported_records > len(sizes) * live, after
    collectors.assert_have_all(after)
