# SPDX-License-Identifier: Apache-2.0
"""The plugin's accounts in the stats segment, and the invariant that they keep.

observed = metered + ignored, and metered = in records exported + in live flows + lost,
for packets and for octets, exactly.
"""

from dataclasses import dataclass

from .vpp import Vpp
from .waiting import until

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
    lost: Counts
    live: Counts
    live_flows: int
    messages: int
    #: Flow records in messages that were sent.
    records: int

    @property
    def exported_records(self) -> int:
        return sum(counts.records for counts in self.exported.values())

    def imbalance(self) -> str | None:
        """What does not add up."""
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
    """The sum of several."""
    parts = list(parts)
    return Counts(
        sum(part.packets for part in parts),
        sum(part.octets for part in parts),
        sum(part.records for part in parts),
    )


def read(vpp: Vpp) -> Accounts:
    """The accounts as they stand; under traffic they may be of different moments."""
    entries = vpp.stats("/flowmeter/")
    totals = {name.removeprefix("/flowmeter/"): sum(map(int, values)) for name, values in entries.items()}
    assert totals, "the stats segment has nothing under /flowmeter/"

    def counts(name: str) -> Counts:
        return Counts(
            totals[f"{name}/packets"], totals[f"{name}/octets"], totals.get(f"{name}/records", 0)
        )

    reasons = sorted({name.split("/")[1] for name in totals if name.startswith("ignored/")})
    assert reasons, f"no reasons in {sorted(totals)}"
    return Accounts(
        observed=counts("observed"),
        metered=counts("metered"),
        ignored={reason: counts(f"ignored/{reason}") for reason in reasons},
        exported={reason: counts(f"exported/{reason}") for reason in END_REASONS},
        lost=total(counts(f"lost/{reason}") for reason in LOST_REASONS),
        live=counts("live"),
        live_flows=totals["live/flows"],
        messages=totals["messages"],
        records=totals["records"],
    )


def accounts(vpp: Vpp) -> Accounts:
    """The accounts, which balance once traffic has settled."""
    last = []

    def settled() -> bool:
        now = read(vpp)
        # Twice the same, so that it is no moment between two refreshes that balances.
        still = bool(last) and last[-1] == now
        last.append(now)
        return still and now.imbalance() is None

    try:
        until("balanced accounts", settled, patience=5)
    except AssertionError as error:
        what = last[-1].imbalance() or f"they never rest: before that they were\n{last[-2]}"
        raise AssertionError(f"{what}\n{last[-1]}") from error
    return last[-1]


def flush(vpp: Vpp) -> Accounts:
    """Ends all flows and waits until everything stands in messages that were sent; the
    accounts then."""
    vpp.cli("flowmeter flush")
    vpp.configure("ipfix flush")

    def all_sent() -> bool:
        now = read(vpp)
        return now.live_flows == 0 and now.records == now.exported_records

    until("all flows to be exported", all_sent)
    return accounts(vpp)
