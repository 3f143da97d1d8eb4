# SPDX-License-Identifier: Apache-2.0
"""The report of a comparison: tables, results compared with the aims, the machine; or JSON.

It reads the runs and measures nothing.
"""

import json
import os
import platform
import statistics
from pathlib import Path

import contenders

# A run in which other processes had VPP's core for a larger share is disturbed.
DISTURBED = 0.02


def ranged(values, digits=1):
    """Median and range."""
    if not values:
        return ""
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(rows):
    """A Markdown table with aligned columns; all but the second column are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    texts = [1] if rows[0][0] == "Flows" else [0]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("| " + " | ".join(cells) + " |")
    rule = [
        "-" * width if column in texts else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


COLUMNS = [
    "Flows",
    "Plugin",
    "Its node's clocks per packet",
    "Its other nodes'",
    "Times all other nodes'",
    "Times flowprobe's",
    "Whole graph",
    "More than without",
    "Vectors per call",
    "Collisions, evictions *",
    "Records *",
    "Messages *",
]


def main_table(comparisons):
    rows = [COLUMNS]
    for comparison in comparisons:
        for name, runs in comparison.runs.items():
            if not runs:
                continue
            row = [f"{comparison.flows:,}", name]
            if name == "off":
                row += ["", "", "", "", ranged(comparison.values(name, "graph")), *[""] * 5]
                rows.append(row)
                continue
            per = runs[0].per_thousand
            collided = next((word for word in ("collisions", "evictions") if word in per), None)
            # Here, flowprobe exports exactly one record per collision.
            records = "records" if "records" in per else collided
            row += [
                ranged(comparison.values(name, "node")),
                ranged(comparison.values(name, "others")),
                ranged(comparison.values(name, "relative"), 3),
                ranged(comparison.values(name, "ratio"), 3),
                ranged(comparison.values(name, "graph")),
                ranged(comparison.values(name, "growth")),
                f"{comparison.median(name, 'vectors_per_call'):.1f}",
                f"{comparison.rate(name, collided):.2f}" if collided else "",
                f"{comparison.rate(name, records):.2f}" if records else "",
                f"{comparison.rate(name, 'exported_messages'):.3f}",
            ]
            rows.append(row)
    return table(rows)


def node_table(comparison):
    """Clocks of each node in the path, for every contender."""
    names = [name for name, runs in comparison.runs.items() if runs]
    totals = {}
    for name in names:
        for run in comparison.runs[name]:
            for node, clocks in run.clocks.items():
                totals[node] = max(totals.get(node, 0), clocks)
    shown = [node for node, clocks in totals.items() if clocks >= 0.5]
    rows = [["Node", *names]]
    for node in sorted(shown, key=lambda node: (contenders.is_any(node), node)):
        rows.append([node, *(f"{comparison.of_node(name, node):.1f}" for name in names)])
    rest = (
        statistics.median(
            sum(clocks for node, clocks in run.clocks.items() if node not in shown)
            for run in comparison.runs[name]
        )
        for name in names
    )
    rows.append(["all others", *(f"{clocks:.1f}" for clocks in rest)])
    return table(rows)


def aims(comparisons):
    """Each aim: its text, the result, and whether it was reached; None if not measured."""
    by_flows = {comparison.flows: comparison for comparison in comparisons}
    aims = []

    def aim(flows, text, what, most, digits):
        comparison = by_flows.get(flows)
        values = comparison.values("flowmeter", what) if comparison else []
        reached = statistics.median(values) if values else None
        said = ranged(values, digits) if values else "not measured"
        aims.append((text, said, None if reached is None else reached <= most))

    aim(1_000, "at most 0.35 times flowprobe's clocks at 1 k flows", "ratio", 0.35, 3)
    aim(1_000_000, "at most 0.07 times flowprobe's clocks at 1 M flows", "ratio", 0.07, 3)
    aim(10_000_000, "at most 50 clocks per packet at 10 M flows", "own", 50, 1)
    aim(1_000, "the whole graph grows by at most 24 clocks at 1 k flows", "growth", 24, 1)
    lost = sum(1 for comparison in comparisons for _ in comparison.complaints())
    runs = [run for each in comparisons for runs in each.runs.values() for run in runs]
    packets = sum(run.whole for run in runs)
    said = f"{lost} complaints" if lost else f"{packets:,} packets in {len(runs)} runs"
    metered = any(each.runs.get("flowmeter") for each in comparisons)
    whose = "" if metered else "; flowmeter not measured"
    reached = False if lost else True if metered else None
    aims.append(("every packet is accounted for", said + whose, reached))
    return aims


VERDICTS = {None: "not measured", True: "reached", False: "MISSED"}


def machine():
    """The machine, without its name."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    advised = pages.read_text().partition("[")[2].partition("]")[0] if pages.exists() else "never"
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()} {platform.machine()}, transparent huge pages: {advised}"
    )


def markdown(comparisons, turns, left_out, facts, options):
    lines = [
        f"## VPP: {', '.join(turn.name for turn in turns)} and no metering, {facts['date']}",
        "",
        f"{options.runs} runs of each in turn, each after one without metering; at least "
        f"{options.packets:,} packets of 64 octets in a run, after a warm-up; random flow order. "
        "Medians (and ranges) of TSC clocks per packet.",
        "",
        f"- Machine: {facts['machine']}; load average {facts['load']:.2f} before.",
        f"- {facts['vpp']}; main thread on core {facts['core']}, no workers; heap and buffers in "
        f"{options.page_size} pages.",
    ]
    for turn in turns:
        version = f", {facts['plugin']}" if turn.name == "flowmeter" else ""
        lines.append(f"- {turn.name}{version}: {turn.settings}.")
    for name in left_out:
        lines.append(f"- **{name} was left out.**")
    worst = max(
        run.disturbed for each in comparisons for runs in each.runs.values() for run in runs
    )
    lines.append(
        f"- Other processes had VPP's core for at most {worst:.1%} of a run"
        + (": **the machine was busy, figures are indicative only**." if worst > DISTURBED else ".")
    )
    lines += ["", main_table(comparisons), ""]
    lines += [
        "\\* per 1,000 packets. A collision of flowprobe ends a live flow: it exports a fragment of it "
        "as a record. An eviction of flowmeter is a record with reason lack of resources.",
        "",
    ]
    rows = [["Aim", "Reached", "Verdict"]]
    rows += [[text, said, VERDICTS[reached]] for text, said, reached in aims(comparisons)]
    lines.append(table(rows))
    for comparison in comparisons:
        lines += ["", f"Clocks per packet of each node at {comparison.flows:,} flows:", ""]
        lines.append(node_table(comparison))
    complaints = [complaint for each in comparisons for complaint in each.complaints()]
    if complaints:
        lines += ["", "**Packets are not accounted for:**", ""]
        lines += [f"- {complaint}" for complaint in complaints]
    return "\n".join(lines) + "\n"


def as_json(comparisons, left_out, facts, options):
    return json.dumps(
        {
            **facts,
            "packets_of_a_run_at_least": options.packets,
            "runs": options.runs,
            "page_size": options.page_size,
            "left_out": left_out,
            "aims": [
                {"aim": text, "reached": said, "verdict": VERDICTS[reached]}
                for text, said, reached in aims(comparisons)
            ],
            "comparisons": [
                {
                    "flows": comparison.flows,
                    "medians": {
                        name: {
                            what: comparison.median(name, what)
                            for what in ("node", "others", "graph", "growth", "ratio")
                        }
                        for name, runs in comparison.runs.items()
                        if runs
                    },
                    "runs": [run.as_json() for runs in comparison.runs.values() for run in runs],
                }
                for comparison in comparisons
            ],
        },
        indent=2,
    )
