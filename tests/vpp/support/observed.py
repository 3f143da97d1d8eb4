# SPDX-License-Identifier: Apache-2.0
"""What was observed at an interface, compared with what was sent."""

from . import accounts
from .flows import Flows, at, of_records
from .link import RawSocket
from .meter import RX, Meter
from .vpp import Vpp
from .waiting import until


def assert_flows(meter: Meter, records, interface: str, direction: int, expected: Flows) -> list:
    """Asserts that these flows were metered at an interface in one direction; returns the
    records."""
    index = meter.vpp.interface_index(interface)
    name = "ingressInterface" if direction == RX else "egressInterface"
    there = at(records, flowDirection=direction, **{name: index})
    of_records(there).assert_equal(expected, f"{interface} {'rx' if direction == RX else 'tx'}")
    return there


def wait_observed(vpp: Vpp, count: int) -> None:
    until(f"{count} packets", lambda: accounts.read(vpp).observed.packets >= count)


def wait_received(wire: RawSocket, count: int) -> list[bytes]:
    """Waits for `count` frames at the other end of a link, and returns them."""
    arrived = []

    def all_arrived() -> bool:
        arrived.extend(wire.received())
        return len(arrived) >= count

    until(f"{count} frames at the other end", all_arrived)
    return arrived


def features(vpp: Vpp, interface: str) -> dict[str, list[str]]:
    """The plugin's nodes that are enabled on an interface, by arc."""
    arcs: dict[str, list[str]] = {}
    arc = ""
    for line in vpp.cli(f"show interface features {interface}").splitlines():
        if line.endswith(":") and not line.startswith(" "):
            arc = line.rstrip(":")
            arcs[arc] = []
        elif arc and line.strip().startswith("flowmeter-"):
            arcs[arc].append(line.strip())
    return arcs
