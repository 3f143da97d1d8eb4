# SPDX-License-Identifier: Apache-2.0
"""The plugin's accounts, and their invariant.

observed = metered + ignored, and metered = in records exported + in live flows + lost,
for packets and for octets, exactly.

In the stats segment and in `show flowmeter statistics`, the packets in live flows are derived from
the other accounts, so those always add up. `show flowmeter verify` counts the flows one by one
under the worker barrier. The accounts balance if it says so, and if its figures equal those of the
segment and of `show flowmeter statistics`.
"""

import re
import time
from dataclasses import dataclass

from .vpp import Vpp
from .waiting import TIMEOUT, PAUSE, until

LOST_REASONS = ("no_collector", "collector_unreachable", "no_buffer")
END_REASONS = ("idle_timeout", "active_timeout", "end_of_flow", "forced_end", "lack_of_resources")


@dataclass(frozen=True)
class Counts:
    packets: int
    octets: int
    records: int = 0


@dataclass(frozen=True)
class Accounts:
    """The accounts at one moment, over all threads."""

    observed: Counts
    metered: Counts
    ignored: dict[str, Counts]
    exported: dict[str, Counts]
    lost_for: dict[str, Counts]
    live: Counts
    live_flows: int
    messages: int
    #: Flow records in messages that were sent.
    records: int

    @property
    def exported_records(self) -> int:
        return sum(counts.records for counts in self.exported.values())

    @property
    def lost(self) -> Counts:
        return total(self.lost_for.values())

    def shown(self) -> dict[str, Counts]:
        """The accounts as lines of `show flowmeter statistics` and `verify`."""
        lines = {"observed": self.observed, "metered": self.metered}
        lines |= {
            f"ignored: {reason}": counts for reason, counts in self.ignored.items() if counts.packets
        }
        for words, parts in (("in records", self.exported), ("lost", self.lost_for)):
            lines |= {
                f"{words}: {reason}": counts for reason, counts in parts.items() if counts.records
            }
        lines["in live flows"] = Counts(self.live.packets, self.live.octets, self.live_flows)
        return lines

    def imbalance(self) -> str | None:
        """Describes what does not add up, if anything."""
        for unit in ("packets", "octets"):
            of = lambda counts, unit=unit: getattr(counts, unit)  # noqa: E731
            metered = of(self.metered)
            ignored = sum(map(of, self.ignored.values()))
            if of(self.observed) != metered + ignored:
                return f"{unit}: observed {of(self.observed)}, not {metered} + {ignored} ignored"
            exported = sum(map(of, self.exported.values()))
            if metered != exported + of(self.live) + of(self.lost):
                return (
                    f"{unit}: metered {metered}, not {exported} exported"
                    f" + {of(self.live)} live + {of(self.lost)} lost"
                )
        return None


def total(parts) -> Counts:
    """The sum of several counts."""
    parts = list(parts)
    return Counts(
        sum(part.packets for part in parts),
        sum(part.octets for part in parts),
        sum(part.records for part in parts),
    )


def read(vpp: Vpp) -> Accounts:
    """The current accounts; under traffic, those of threads may be of different moments."""
    entries = {
        name.removeprefix("/flowmeter/"): values for name, values in vpp.stats("/flowmeter/").items()
    }
    assert entries, "the stats segment has nothing under /flowmeter/"

    def number(name: str) -> int:
        return sum(map(int, entries[name]))

    def counts(name: str) -> Counts:
        packets, octets = map(sum, zip(*entries[name], strict=True))
        records = f"records/{name}"
        return Counts(packets, octets, number(records) if records in entries else 0)

    reasons = sorted(name.split("/")[1] for name in entries if name.startswith("ignored/"))
    assert reasons, f"no reasons in {sorted(entries)}"
    live_flows = [name for name in entries if re.fullmatch(r"thread/\d+/live_flows", name)]
    assert len(live_flows) == vpp.threads, sorted(entries)
    return Accounts(
        observed=counts("observed"),
        metered=counts("metered"),
        ignored={reason: counts(f"ignored/{reason}") for reason in reasons},
        exported={reason: counts(f"exported/{reason}") for reason in END_REASONS},
        lost_for={reason: counts(f"lost/{reason}") for reason in LOST_REASONS},
        live=counts("live"),
        live_flows=sum(map(number, live_flows)),
        messages=number("sent/messages"),
        records=number("sent/records"),
    )


BALANCED = "accounts balance: every packet and octet is accounted for"
#: The verdict if packets came while flows were counted in several slices.
MOVING = "live flows not verified"


def _lines(heads: str, lines: list[str]) -> dict[str, Counts]:
    assert heads.split() == ["packets", "octets", "records"], heads
    found = {}
    for line in lines:
        name, *numbers = re.split(r"\s{2,}", line.strip())
        found[name] = Counts(*map(int, numbers))
    return found


def shown(vpp: Vpp) -> dict[str, Counts]:
    """The accounts of `show flowmeter statistics`, by line."""
    heads, *lines = vpp.cli("show flowmeter statistics").strip().splitlines()
    return _lines(heads, lines)


def counted(vpp: Vpp) -> tuple[dict[str, Counts], bool]:
    """The accounts of `show flowmeter verify`, by line, and whether they were verified. Verified
    accounts balance, also under traffic."""
    heads, *lines, verdict = vpp.cli("show flowmeter verify").strip().splitlines()
    found = _lines(heads, lines)
    assert verdict == BALANCED or verdict.startswith(MOVING), "\n".join([*lines, verdict])
    return found, verdict == BALANCED


def accounts(vpp: Vpp) -> Accounts:
    """The accounts after traffic has ended; asserts that they balance."""
    now, why = _difference(vpp)
    deadline = time.monotonic() + TIMEOUT
    while why is not None:
        assert time.monotonic() < deadline, f"{why}\n{now}"
        time.sleep(PAUSE)
        now, why = _difference(vpp)
    return now


def _difference(vpp: Vpp) -> tuple[Accounts, str | None]:
    """The accounts, and why they have not settled or do not balance, if so."""
    before = read(vpp)
    published = shown(vpp)
    lines, is_counted = counted(vpp)
    now = read(vpp)
    if before != now:
        return now, f"they are still changing: before, they were {before}"
    if not is_counted:
        return now, MOVING
    if lines != now.shown():
        return now, f"`show flowmeter verify` has {lines}"
    if published != now.shown():
        return now, f"`show flowmeter statistics` has {published}"
    return now, now.imbalance()


def flush(vpp: Vpp) -> Accounts:
    """Ends all flows, waits until all records have been sent, and returns the accounts."""

    def all_sent() -> bool:
        now = read(vpp)
        return now.live_flows == 0 and now.records == now.exported_records

    def flushed() -> Accounts | None:
        vpp.cli("flowmeter flush")
        vpp.configure("ipfix flush")
        until("all flows to be exported", all_sent)
        now = accounts(vpp)
        # VPP itself may send a packet at any time, such as a multicast report.
        return now if now.live_flows == 0 else None

    return until("accounts without live flows", flushed)
