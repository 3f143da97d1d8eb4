# SPDX-License-Identifier: Apache-2.0
"""Flows with their packets and octets, from any source.

The records of a flow are added up, so that only the counts matter, not when records were made. A
comparison names the flows that differ.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .frames import ICMP, ICMPV6, SCTP
from .ipfix import Record


class Key(NamedTuple):
    """The key of an IP flow. The destination port holds ICMP's type and code."""

    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    vlan: int = 0


class L2Key(NamedTuple):
    """The key of a flow that is not IP."""

    source: str
    destination: str
    ether_type: int
    vlan: int = 0


class Tally(NamedTuple):
    packets: int
    octets: int
    #: The union of all packets' flags.
    tcp_flags: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.packets + other.packets,
            self.octets + other.octets,
            self.tcp_flags | other.tcp_flags,
        )


class Flows(defaultdict[Key | L2Key, Tally]):
    """Tallies by flow."""

    def __init__(self, flows: Iterable[tuple[Key | L2Key, Tally]] = ()):
        super().__init__(lambda: Tally(0, 0))
        self.add(flows)

    def add(self, flows: Iterable[tuple[Key | L2Key, Tally]]) -> None:
        for key, tally in flows:
            self[key] += tally

    def total(self) -> Tally:
        return sum(self.values(), Tally(0, 0))

    def only(self, kind: type) -> "Flows":
        """The flows with keys of one type."""
        return Flows((key, tally) for key, tally in self.items() if isinstance(key, kind))

    def assert_equal(self, expected: "Flows", what: str) -> None:
        """Fails with the flows that differ, and also if nothing is expected."""
        assert expected, f"{what}: no flows are expected"
        keys = sorted(self.keys() | expected.keys(), key=str)
        differing = [
            f"{key}: {self.get(key)}, not {expected.get(key)}"
            for key in keys
            if self.get(key) != expected.get(key)
        ]
        shown = "\n".join(differing[:10])
        assert not differing, f"{what}: {len(differing)} of {len(keys)} flows differ:\n{shown}"


def of_records(
    records: Iterable[Record], chosen: Callable[[Record], bool] = lambda record: True
) -> Flows:
    """The flows of flow records."""
    return Flows(
        flow_of(record.fields) for record in records if record.is_flow and chosen(record)
    )


def at(records: Iterable[Record], **place) -> list[Record]:
    """The records of one observation point."""
    return [
        record for record in records if all(record[name] == value for name, value in place.items())
    ]


def flow_of(fields: dict) -> tuple[Key | L2Key, Tally]:
    """The flow of a record. `fields` are values by IANA name."""
    tally = Tally(
        fields["packetDeltaCount"], fields["octetDeltaCount"], fields.get("tcpControlBits", 0)
    )
    if "ethernetType" in fields:
        key = L2Key(
            fields["sourceMacAddress"].lower(),
            fields["destinationMacAddress"].lower(),
            fields["ethernetType"],
            fields["vlanId"],
        )
        return key, tally
    version = fields["ipVersion"]
    protocol = fields["protocolIdentifier"]
    port = fields["destinationTransportPort"]
    type_and_code = fields[f"icmpTypeCodeIPv{version}"]
    if protocol == {4: ICMP, 6: ICMPV6}[version]:
        assert port == 0, fields
        port = type_and_code
    else:
        assert type_and_code == 0, fields
    key = Key(
        fields[f"sourceIPv{version}Address"],
        fields[f"destinationIPv{version}Address"],
        protocol,
        fields["sourceTransportPort"],
        port,
        fields["vlanId"],
    )
    return key, tally


def as_nfdump_knows(flows: Flows) -> Flows:
    """The same flows as nfdump shows them, without what it loses."""
    known = Flows()
    for key, tally in flows.items():
        if isinstance(key, Key):
            port = _UNKNOWN_PORT if key.protocol == SCTP else key.destination_port
            known.add([(key._replace(destination_port=port), tally)])
    return known


_UNKNOWN_PORT = -1

_NFDUMP_FLAGS = "FSRPAUEC"


def of_nfdump(shown: Iterable[dict]) -> Flows:
    """The IP flows in the output of `nfdump -o json`. Other flows have no addresses there."""
    flows = Flows()
    for record in shown:
        if "src4_addr" not in record and "src6_addr" not in record:
            continue
        protocol = record["proto"]
        if protocol in (ICMP, ICMPV6):
            port = record["icmp_type"] << 8 | record["icmp_code"]
        else:
            port = record.get("dst_port", 0)
        letters = record.get("tcp_flags", "")
        flags = sum(1 << bit for bit, letter in enumerate(_NFDUMP_FLAGS) if letter in letters)
        if protocol == SCTP:
            # Except for TCP and UDP, nfcapd 1.7.1 takes the port from the ICMP type and code in
            # the template, which are 0.
            port = _UNKNOWN_PORT
        key = Key(
            record.get("src4_addr") or record["src6_addr"],
            record.get("dst4_addr") or record["dst6_addr"],
            protocol,
            record.get("src_port", 0),
            port,
            record.get("src_vlan", 0),
        )
        # nfdump shows TCP flags for every protocol.
        tally = Tally(record["in_packets"], record["in_bytes"], flags if protocol == 6 else 0)
        flows.add([(key, tally)])
    return flows
