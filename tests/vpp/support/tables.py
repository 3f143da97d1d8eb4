# SPDX-License-Identifier: Apache-2.0
"""The flow tables of a VPP, from `show flowmeter memory`."""

from dataclasses import dataclass

from .vpp import Vpp

_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class Table:
    live: int
    capacity: int
    load: str
    octets: int
    pages: str
    evicted: int
    #: None if no flow was evicted.
    enough: int | None


def tables(vpp: Vpp) -> dict[tuple[int, str], Table]:
    """The tables by thread and family."""
    found = {}
    lines = vpp.cli("show flowmeter memory").splitlines()
    assert lines[0].split()[:3] == ["Thread", "NUMA", "Flows"], lines
    for line in lines[1:]:
        words = line.split()
        if words[0] == "total:" or words[2] == "recorded":
            continue
        thread, numa, family, live, capacity, load, size, *pages, evicted, enough = words
        assert numa == "-" or numa.isdigit(), line
        found[int(thread), family] = Table(
            int(live),
            int(capacity),
            load,
            octets(size),
            " ".join(pages),
            int(evicted),
            None if enough == "-" else int(enough),
        )
    return found


def of_threads(vpp: Vpp) -> list[int]:
    """The octets of each thread's tables."""
    sums = [0] * vpp.threads
    for (thread, _), table in tables(vpp).items():
        sums[thread] += table.octets
    return sums


def octets(size: str) -> int:
    """Parses a size in VPP's format."""
    unit = _UNITS.get(size[-1])
    return round(float(size[:-1]) * unit) if unit else int(size)
