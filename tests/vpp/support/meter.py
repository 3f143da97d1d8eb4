# SPDX-License-Identifier: Apache-2.0
"""A VPP that meters, and the collector that its records go to.

Most tests want just this: the plugin, link 0 to a collector, an exporter that is set, and
a strict reader of what arrives.
"""

from dataclasses import dataclass

from . import accounts, routing
from .collector import PORT, UdpSink
from .ipfix import Record
from .link import Link, add_link
from .vpp import Vpp
from .waiting import until

#: Octets of an IP packet to the collector, as long as nothing else is set.
PATH_MTU = 1400

#: flowDirection (IANA element 61).
RX, TX = 0, 1

#: What VPP sends of itself (it reports the multicast groups that it listens to) comes from
#: `local0`, and is metered on its way out as anything else.
LOCAL = 0

_HEADERS = {4: 20 + 8, 6: 40 + 8}


@dataclass
class Meter:
    vpp: Vpp
    #: The link to the collector.
    link: Link
    sink: UdpSink
    #: What VPP has sent of itself, as of the last flush.
    own_packets: int = 0

    def flushed(self) -> list[Record]:
        """Ends all flows; the flow records that the collector has then, which are exactly
        those that the accounts tell of. Without what VPP has sent of itself."""
        after = accounts.flush(self.vpp)
        records = self.sink.wait_for_records(after.exported_records)
        own = [record for record in records if record["ingressInterface"] == LOCAL]
        assert all(record["flowDirection"] == TX for record in own), own
        self.own_packets = sum(record["packetDeltaCount"] for record in own)
        return [record for record in records if record["ingressInterface"] != LOCAL]


def addresses(link: Link, version: int) -> tuple[str, str]:
    """Collector and source address on a link."""
    if version == 6:
        return link.host_address6, link.vpp_address6
    return link.host_address, link.vpp_address


def set_exporter(vpp: Vpp, link: Link, version: int = 4, words: str = "") -> None:
    collector, source = addresses(link, version)
    vpp.configure(f"set flowmeter exporter collector {collector} src {source} {words}".strip())


def resize(vpp: Vpp, flows: int) -> None:
    """Gives the tables another size. While flows of the last time are still on their way, that
    is refused."""

    def accepted() -> bool:
        answer = vpp.cli(f"set flowmeter flows-per-worker {flows}").strip()
        assert answer == "" or "try again" in answer, answer
        return answer == ""

    until("tables of another size", accepted)


def add_metered(vpp: Vpp, families: tuple[str, ...] = ("ip4", "ip6")) -> str:
    """A source of traffic that is metered."""
    source = routing.add_source(vpp)
    for family in families:
        vpp.configure(f"flowmeter interface {source} {family} rx")
    return source


def add_sink(link: Link, version: int = 4, path_mtu: int = PATH_MTU, **options) -> UdpSink:
    collector, _ = addresses(link, version)
    options.setdefault("port", PORT)
    limit = path_mtu - _HEADERS[version]
    return UdpSink(link.namespace, collector, payload_limit=limit, **options)


def start(vpp: Vpp, version: int = 4) -> Meter:
    """Makes a VPP that has just started into one that meters."""
    link = add_link(vpp, 0)
    sink = add_sink(link, version)
    set_exporter(vpp, link, version)
    return Meter(vpp, link, sink)
