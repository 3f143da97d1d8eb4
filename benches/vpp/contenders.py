# SPDX-License-Identifier: Apache-2.0
"""What is compared: how each plugin is turned on and off, and what it says that it did.

Each contender names its metering node, the beginning of its other nodes' names, and three steps:
`prepare` once for each capture while all are off, `enable`, `disable`. `report` reads its own
counters; `check` says whether packets are missing from them.
"""

import time

from vpp import VppError

# Long enough that no flow times out while a capture is measured: what is compared is metering.
ACTIVE_TIMEOUT, IDLE_TIMEOUT = 900, 1800

COLLECTOR, SOURCE, PATH_MTU = "203.0.113.10", "203.0.113.9", 1450

# The table of the plugin's default size, or a larger one when a capture has more flows.
DEFAULT_FLOWS = 1_000_000


class Contender:
    name = node = settings = ""
    # Plugins of VPP's own that it needs.
    plugins = []

    def prepare(self, vpp, flows):
        """Before the first of its runs over a capture."""

    def enable(self, vpp):
        """Meters what comes in on pg0, and waits until it really does."""

    def verify(self, vpp, flows):
        """Raises when it did not meter, after a pass and while it is on."""

    def disable(self, vpp):
        """Ends metering, and waits until nothing of it is left."""

    def owns(self, node):
        """Whether a node runs for this contender only."""
        return bool(self.node) and node.startswith(self.name)

    def report(self, stats):
        """Its counters, by the words of the table; only those that ever grow."""
        return {}

    def check(self, packets, grown):
        """Complaints after so many packets, while it is on, given how its counters grew."""
        return []

    def settle(self, stats):
        """Waits until its counters tell of all packets that have come."""

    def closed(self, grown):
        """Complaints once it is off and nothing of it is left, from turning on to turning off."""
        return []


class Off(Contender):
    name = "off"


class Flowprobe(Contender):
    """VPP's own IPFIX plugin: one table of 2^18 entries, each for one flow at a time."""

    name, node = "flowprobe", "flowprobe-input-ip4"
    plugins = ["flowprobe_plugin.so"]
    settings = (
        f"`flowprobe params record l3 l4 active {ACTIVE_TIMEOUT} passive {IDLE_TIMEOUT}`, "
        "`flowprobe feature add-del pg0 ip4 rx`"
    )

    def __init__(self):
        self.started = False

    def prepare(self, vpp, flows):
        timers = f"active {ACTIVE_TIMEOUT} passive {IDLE_TIMEOUT}"
        vpp.tell(f"flowprobe params record l3 l4 {timers}")

    def enable(self, vpp):
        vpp.tell("flowprobe feature add-del pg0 ip4 rx")
        if not self.started:
            # It ignores packets until its timer has run once.
            time.sleep(1)
            self.started = True

    def verify(self, vpp, flows):
        if flows <= 20_000:
            held = vpp.ask("show flowprobe table").count(" -> ")
            enough = held >= 0.9 * flows
        else:
            said = vpp.ask("show flowprobe statistics")
            held = int(said.rpartition(" is ")[2].partition("%")[0])
            enough = held >= 1
        if not enough:
            raise VppError(f"flowprobe does not meter: its table holds {held} of {flows} flows")

    def disable(self, vpp):
        vpp.tell("flowprobe feature add-del pg0 ip4 rx disable")

    def report(self, stats):
        errors = "/err/flowprobe-{}/{}".format
        return {
            "collisions": stats.one(errors("input-ip4", "Hash table collisions")),
            "messages": stats.one(errors("output-l2", "Exported packets")),
        }


class Sflow(Contender):
    """VPP's sampler: looks at one packet of a thousand."""

    name, node = "sflow", "sflow"
    plugins = ["sflow_plugin.so"]
    settings = "`sflow sampling-rate 1000`, `sflow enable-disable pg0`"

    def prepare(self, vpp, flows):
        vpp.tell("sflow sampling-rate 1000")

    def enable(self, vpp):
        vpp.tell("sflow enable-disable pg0")

    def disable(self, vpp):
        vpp.tell("sflow enable-disable pg0 disable")

    def report(self, stats):
        return {"sampled": stats.one("/err/sflow/sflow packets sampled")}


class Flowmeter(Contender):
    """Ours."""

    name, node = "flowmeter", "flowmeter-input-ip4"
    settings = (
        f"`set flowmeter active-timeout {ACTIVE_TIMEOUT} idle-timeout {IDLE_TIMEOUT} "
        f"flows-per-worker` {DEFAULT_FLOWS:,} (the default) or as many as the capture has, "
        "`flowmeter interface pg0 ip4 rx`"
    )

    def prepare(self, vpp, flows):
        room = max(flows, DEFAULT_FLOWS)
        timeouts = f"active-timeout {ACTIVE_TIMEOUT} idle-timeout {IDLE_TIMEOUT}"
        vpp.tell(f"set flowmeter {timeouts} flows-per-worker {room}")
        exporter = f"collector {COLLECTOR} port 4739 src {SOURCE} path-mtu {PATH_MTU}"
        vpp.tell(f"set flowmeter exporter {exporter}")

    def enable(self, vpp):
        vpp.tell("flowmeter interface pg0 ip4 rx")

    def disable(self, vpp):
        vpp.tell("flowmeter interface pg0 ip4 rx disable")
        self.wait_until_empty(vpp)

    def wait_until_empty(self, vpp):
        deadline = time.monotonic() + 120
        while True:
            self.settle(vpp.stats)
            counts = self.report(vpp.stats)
            gauges = vpp.stats.present("/flowmeter/thread/")
            live = sum(vpp.stats.one(name) for name in gauges if name.endswith("/live_flows"))
            if not live and counts["records"] == vpp.stats.one("/flowmeter/sent/records"):
                return
            vpp.check_alive()
            if time.monotonic() > deadline:
                raise VppError(f"flowmeter holds {live:,} flows 120 s after it was turned off")

    def settle(self, stats):
        # Counters that VPP copies are all of a later time after two updates.
        beat = stats.heartbeat()
        while stats.heartbeat() < beat + 2:
            time.sleep(0.005)

    def report(self, stats):
        def total(what):
            """Packets and octets."""
            pairs = [stats.combined(name) for name in stats.present(f"/flowmeter/{what}")]
            return [sum(sum(pair[part]) for pair in pairs) for part in (0, 1)]

        metered, in_records = total("metered"), total("exported/")
        records = stats.present("/flowmeter/records/exported/")
        return {
            "observed": total("observed")[0],
            "metered": metered[0],
            "metered_octets": metered[1],
            "ignored": total("ignored/")[0],
            "lost": total("lost/")[0],
            "in_records": in_records[0],
            "octets_in_records": in_records[1],
            "records": sum(stats.one(name) for name in records),
            "evictions": stats.one("/flowmeter/records/exported/lack_of_resources"),
            "messages": stats.one("/flowmeter/sent/messages"),
        }

    def check(self, packets, grown):
        wrong = {
            "observed": grown["observed"] - packets,
            "metered": grown["metered"] - packets,
            "ignored": grown["ignored"],
            "lost": grown["lost"],
        }
        return [
            f"{grown[word]:,} {word} of {packets:,} packets" for word in wrong if wrong[word]
        ]

    def closed(self, grown):
        complaints = []
        for whole, part in (
            ("packets", "in_records"),
            ("metered_octets", "octets_in_records"),
            ("messages", "exported_messages"),
        ):
            if grown[whole] != grown[part]:
                complaints.append(f"{grown[whole]:,} {whole}, but {grown[part]:,} {part}")
        return complaints

    @staticmethod
    def version(vpp):
        """What the plugin says of itself: its version and commit."""
        for line in vpp.ask("show plugins").splitlines():
            if "flowmeter_plugin.so" in line:
                return " ".join(line.partition("flowmeter_plugin.so")[2].split())
        raise VppError("VPP did not load flowmeter_plugin.so: is it built for this VPP?")


class Dropin(Flowmeter):
    """Ours in flowprobe's place, where that is not loaded: its commands, layers and layouts."""

    name, node = "dropin", "flowmeter-record-input-ip4"
    settings = f"{Flowprobe.settings}; {DEFAULT_FLOWS:,} flows or as many as the first capture has"

    def prepare(self, vpp, flows):
        room = max(flows, DEFAULT_FLOWS)
        vpp.tell(f"set flowmeter flows-per-worker {room}")
        Flowprobe().prepare(vpp, flows)

    def enable(self, vpp):
        vpp.tell("flowprobe feature add-del pg0 ip4 rx")

    def disable(self, vpp):
        vpp.tell("flowprobe feature add-del pg0 ip4 rx disable")
        self.wait_until_empty(vpp)

    def owns(self, node):
        return node.startswith("flowmeter-record") or node == "flowmeter-expire"


ALL = {contender.name: contender for contender in (Flowprobe(), Flowmeter(), Dropin(), Sflow())}

#: Who can't be in one VPP with whom: `compare --dropin` has the one, else it has the other.
INSTEAD = {"dropin": "flowprobe", "flowprobe": "dropin"}


def is_any(node):
    """Whether a node is a contender's own."""
    return any(contender.owns(node) for contender in ALL.values())
