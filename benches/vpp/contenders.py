# SPDX-License-Identifier: Apache-2.0
"""The compared plugins: how each is turned on and off, and its counters.

Each contender has the name of its metering node, the prefix of its other nodes' names, and three
steps: `prepare`, once per capture while all are off, `enable` and `disable`. `report` reads its
counters; `check` reports packets that are missing in them.
"""

import time

from vpp import VppError

# Long enough that no flow times out during a measurement: only metering is compared.
ACTIVE_TIMEOUT, IDLE_TIMEOUT = 900, 1800

COLLECTOR, SOURCE, PATH_MTU = "203.0.113.10", "203.0.113.9", 1450

# The least room for flows; more if a capture has more flows.
LEAST_ROOM = 1_000_000


class Contender:
    name = node = settings = ""
    # Plugins of VPP that it needs.
    plugins = []

    def prepare(self, vpp, flows):
        """Called before its first run over a capture."""

    def enable(self, vpp):
        """Starts metering what pg0 receives, and waits until it is in effect."""

    def verify(self, vpp, flows):
        """Raises if it does not meter; called after a pass, while it is on."""

    def disable(self, vpp):
        """Stops metering, and waits until all of its work has ended."""

    def owns(self, node):
        """Whether a node belongs to this contender."""
        return bool(self.node) and node.startswith(self.name)

    def report(self, stats):
        """Its monotonic counters, by the names in the table."""
        return {}

    def check(self, packets, grown):
        """Errors after `packets` packets, while it is on, from the growth of its counters."""
        return []

    def settle(self, stats):
        """Waits until its counters include all received packets."""

    def closed(self, grown):
        """Errors over the whole run, after it is off and all of its work has ended."""
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
    """VPP's sampler: samples one packet of a thousand."""

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
    """The flow meter."""

    name, node = "flowmeter", "flowmeter-input-ip4"
    settings = (
        f"`set flowmeter active-timeout {ACTIVE_TIMEOUT} idle-timeout {IDLE_TIMEOUT} "
        f"flows-per-worker` {LEAST_ROOM:,} or as many as the capture has, "
        "`flowmeter interface pg0 ip4 rx`"
    )

    def prepare(self, vpp, flows):
        room = max(flows, LEAST_ROOM)
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
        # After two updates, all copied counters are newer.
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
        """The plugin's version and commit."""
        for line in vpp.ask("show plugins").splitlines():
            if "flowmeter_plugin.so" in line:
                return " ".join(line.partition("flowmeter_plugin.so")[2].split())
        raise VppError("VPP did not load flowmeter_plugin.so: is it built for this VPP?")


class Dropin(Flowmeter):
    """The plugin instead of flowprobe: with its commands, layers and layouts."""

    name, node = "dropin", "flowmeter-record-input-ip4"
    settings = f"{Flowprobe.settings}; {LEAST_ROOM:,} flows or as many as the first capture has"

    def prepare(self, vpp, flows):
        room = max(flows, LEAST_ROOM)
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

#: Contenders that exclude each other: the first is used with `compare --dropin`, else the second.
INSTEAD = {"dropin": "flowprobe", "flowprobe": "dropin"}


def is_any(node):
    """Whether a node belongs to a contender."""
    return any(contender.owns(node) for contender in ALL.values())
