# SPDX-License-Identifier: Apache-2.0
"""A strict reader of IPFIX messages (RFC 7011).

It keeps templates and sequence numbers as a collector does, and fails on what a collector may have
to tolerate: padding, empty sets, data before its template, wrong sequence numbers, templates that
change.
"""

import functools
import ipaddress
import struct
from dataclasses import dataclass, field

#: IANA's names of the elements that the plugin exports, and their types.
ELEMENTS = {
    1: ("octetDeltaCount", "number"),
    2: ("packetDeltaCount", "number"),
    4: ("protocolIdentifier", "number"),
    5: ("ipClassOfService", "number"),
    6: ("tcpControlBits", "number"),
    7: ("sourceTransportPort", "number"),
    8: ("sourceIPv4Address", "address"),
    10: ("ingressInterface", "number"),
    11: ("destinationTransportPort", "number"),
    12: ("destinationIPv4Address", "address"),
    14: ("egressInterface", "number"),
    27: ("sourceIPv6Address", "address"),
    28: ("destinationIPv6Address", "address"),
    31: ("flowLabelIPv6", "number"),
    32: ("icmpTypeCodeIPv4", "number"),
    34: ("samplingInterval", "number"),
    56: ("sourceMacAddress", "mac"),
    58: ("vlanId", "number"),
    60: ("ipVersion", "number"),
    61: ("flowDirection", "number"),
    80: ("destinationMacAddress", "mac"),
    82: ("interfaceName", "string"),
    83: ("interfaceDescription", "string"),
    89: ("forwardingStatus", "number"),
    136: ("flowEndReason", "number"),
    139: ("icmpTypeCodeIPv6", "number"),
    149: ("observationDomainId", "number"),
    152: ("flowStartMilliseconds", "number"),
    153: ("flowEndMilliseconds", "number"),
    156: ("flowStartNanoseconds", "number"),
    157: ("flowEndNanoseconds", "number"),
    234: ("ingressVRFID", "number"),
    235: ("egressVRFID", "number"),
    256: ("ethernetType", "number"),
}

#: flowEndReason (IANA element 136).
IDLE_TIMEOUT, ACTIVE_TIMEOUT, END_OF_FLOW, FORCED_END, LACK_OF_RESOURCES = range(1, 6)

_HEADER = struct.Struct("!HHIII")


@dataclass(frozen=True)
class Record:
    """A Data Record: values by IANA name."""

    domain: int
    template: int
    is_options: bool
    fields: dict
    export_time: int

    @property
    def is_flow(self) -> bool:
        return not self.is_options

    def __getitem__(self, name: str):
        return self.fields[name]


@dataclass(frozen=True)
class Template:
    scope_fields: int
    #: Element number and octets.
    fields: tuple[tuple[int, int], ...]

    @property
    def octets(self) -> int:
        """The length of a record."""
        return sum(length for _, length in self.fields)


@dataclass
class Message:
    """The content of a message."""

    domain: int
    sequence: int
    export_time: int
    length: int
    sets: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


@dataclass
class _Domain:
    #: The next message's sequence number. The first message must have 0.
    sequence: int = 0
    templates: dict[int, Template] = field(default_factory=dict)
    export_time: int = 0
    #: Messages that arrived early: sequence number and number of records.
    ahead: dict[int, int] = field(default_factory=dict)

    def takes(self, sequence: int, records: int) -> bool:
        """Whether a message is plausible if several threads send: it is not too early, and its
        numbers are not used twice."""
        distance = (sequence - self.sequence) % 2**32
        if records == 0:
            return distance < _FAR or distance > 2**32 - _FAR
        if distance >= _FAR or sequence in self.ahead:
            return False
        self.ahead[sequence] = records
        while self.sequence in self.ahead:
            self.sequence = (self.sequence + self.ahead.pop(self.sequence)) % 2**32
        return True


#: How many records may be missing before a message: as many as other threads send while one waits
#: for a core.
_FAR = 1_000_000


class Reader:
    """Reads all messages of an exporter. They have to be in order, unless several threads send in
    one domain."""

    def __init__(self, threads: int = 1):
        self._threads = threads
        self._domains: dict[int, _Domain] = {}
        self.messages: list[Message] = []

    def assert_complete(self) -> None:
        """Asserts that no message is missing."""
        for number, domain in self._domains.items():
            assert not domain.ahead, f"domain {number}: {domain.sequence} is missing: {domain.ahead}"

    @property
    def records(self) -> list[Record]:
        return [record for message in self.messages for record in message.records]

    @property
    def flow_records(self) -> list[Record]:
        return [record for record in self.records if record.is_flow]

    @property
    def options_records(self) -> list[Record]:
        return [record for record in self.records if record.is_options]

    def templates(self, domain: int) -> dict[int, Template]:
        return self._domains[domain].templates

    @property
    def domains(self) -> set[int]:
        return set(self._domains)

    def read(self, octets: bytes) -> Message:
        """Reads one message, which must be all of `octets`."""
        assert len(octets) > _HEADER.size, "a message without a set"
        version, length, export_time, sequence, number = _HEADER.unpack_from(octets)
        assert version == 10, f"version {version}"
        assert length == len(octets), f"a message of {length} in {len(octets)} octets"
        domain = self._domains.setdefault(number, _Domain())
        wrong = f"domain {number}: sequence number {sequence}, not {domain.sequence} (RFC 7011 §3.1)"
        assert self._threads > 1 or sequence == domain.sequence, wrong
        # A message that arrives late may have an earlier export time.
        earliest = domain.export_time - (self._threads > 1)
        assert export_time >= earliest, f"domain {number}: export time steps back"
        domain.export_time = export_time
        records = 0
        message = Message(number, sequence, export_time, length)
        at = _HEADER.size
        while at < length:
            assert length - at >= 4, f"{length - at} octets after the last set"
            identifier, set_length = struct.unpack_from("!HH", octets, at)
            assert 4 < set_length <= length - at, f"set {identifier} of {set_length} octets"
            body = octets[at + 4 : at + set_length]
            message.sets.append(identifier)
            if identifier in (2, 3):
                _learn(domain, body, identifier == 3)
            else:
                assert identifier >= 256, f"set id {identifier} is reserved"
                template = domain.templates.get(identifier)
                assert template is not None, f"data of {identifier} before its template"
                assert len(body) % template.octets == 0, f"set {identifier} has padding"
                records += len(body) // template.octets
                self._take(message, identifier, template, body)
            at += set_length
        assert domain.takes(sequence, records), wrong
        self._keep(message)
        return message

    def _take(self, message: Message, identifier: int, template: Template, body: bytes) -> None:
        """Reads the records of a set."""
        message.records += _records(message, identifier, template, body)

    def _keep(self, message: Message) -> None:
        self.messages.append(message)


class Adder(Reader):
    """Reads as strictly, but only adds up the counts of flow records: there may be too many records
    to keep."""

    def __init__(self, threads: int = 1):
        super().__init__(threads)
        self.flow_count = self.packets = self.octets = 0

    def _take(self, message: Message, identifier: int, template: Template, body: bytes) -> None:
        if template.scope_fields:
            return
        count = len(body) // template.octets
        counts = _counters(template, count).unpack(body)
        self.packets += sum(counts[::2])
        self.octets += sum(counts[1::2])
        self.flow_count += count

    def _keep(self, message: Message) -> None:
        pass


@functools.cache
def _counters(template: Template, count: int) -> struct.Struct:
    """Unpacks only the packet and octet counts of `count` records, in this order."""
    octets, packets = (1, 8), (2, 8)
    assert template.fields.index(packets) < template.fields.index(octets)
    parts = {octets: "Q", packets: "Q"}
    record = "".join(parts.get(part, f"{part[1]}x") for part in template.fields)
    return struct.Struct("!" + record * count)


def _learn(domain: _Domain, body: bytes, is_options: bool) -> None:
    at = 0
    while at < len(body):
        identifier, count = struct.unpack_from("!HH", body, at)
        at += 4
        assert identifier >= 256, f"template id {identifier}"
        assert count > 0, f"template {identifier} is withdrawn, forbidden with UDP (RFC 7011 §8.4)"
        scope_fields = 0
        if is_options:
            (scope_fields,) = struct.unpack_from("!H", body, at)
            assert 0 < scope_fields <= count, f"scope of {scope_fields}"
            at += 2
        fields = []
        for _ in range(count):
            element, length = struct.unpack_from("!HH", body, at)
            assert element < 0x8000, "enterprise elements break some collectors"
            assert element in ELEMENTS, f"element {element}"
            assert 0 < length < 0xFFFF, f"{length} octets of element {element}"
            fields.append((element, length))
            at += 4
        template = Template(scope_fields, tuple(fields))
        known = domain.templates.setdefault(identifier, template)
        assert known == template, f"template {identifier} has changed"


def _records(
    message: Message, identifier: int, template: Template, body: bytes
) -> list[Record]:
    is_options = template.scope_fields > 0
    records = []
    for start in range(0, len(body), template.octets):
        fields = {}
        at = start
        for element, length in template.fields:
            name, kind = ELEMENTS[element]
            fields[name] = _value(kind, body[at : at + length])
            at += length
        record = Record(message.domain, identifier, is_options, fields, message.export_time)
        records.append(record)
    return records


def _value(kind: str, octets: bytes):
    if kind == "address":
        return str(ipaddress.ip_address(octets))
    if kind == "mac":
        return octets.hex(":")
    if kind == "string":
        return octets.rstrip(b"\x00").decode()
    return int.from_bytes(octets)
