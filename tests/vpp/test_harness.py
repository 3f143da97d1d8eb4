# SPDX-License-Identifier: Apache-2.0
"""The harness of the other tests: each part fails when it should."""

import os
import signal
import struct

import pytest

from support import capture, frames, generator, installation, reference
from support.collector import UdpSink
from support.flows import Flows, Key, Tally, of_records
from support.ipfix import Reader
from support.link import RawSocket, add_link
from support.process import run
from support.vpp import FLOWPROBE, VppDied
from support.waiting import until


def test_the_corpus_exists():
    """Skips or fails if captures are missing that `test_captures.py` would silently leave out."""
    if not (installation.CORPUS / "traffic").is_dir():
        installation.missing("the captures in shared/corpus/traffic next to the repository")


@pytest.mark.parametrize("path", installation.captures(), ids=lambda path: path.name)
def test_captures_are_read_as_the_command_reads_them(path):
    import json

    shown = json.loads(run([installation.FLOWMETER, "replay", "--json", path]))
    assert len(capture.read(path)) == shown["packets"]


def test_a_capture_written_is_the_same_when_read(tmp_path):
    path = tmp_path / "some.pcap"
    written = [bytes([number]) * (60 + number) for number in range(5)]
    capture.write(path, written)
    assert capture.replayable(path) == written


def test_a_truncated_capture_is_replayed_with_its_full_length():
    frames_ = capture.replayable(installation.EXAMPLES / "iperf3.pcap")
    packets = capture.read(installation.EXAMPLES / "iperf3.pcap")
    assert max(len(packet.octets) for packet in packets) == 128
    assert [len(frame) for frame in frames_] == [packet.length for packet in packets]
    assert max(len(frame) for frame in frames_) > 1500


def test_the_reader_finds_what_the_command_dumps(tmp_path):
    path = installation.EXAMPLES / "pods.pcapng"
    output = tmp_path / "pods.ipfix"
    run([installation.FLOWMETER, "replay", "--l2", path, "--output", output])
    reader = Reader()
    octets = output.read_bytes()
    while octets:
        (length,) = struct.unpack_from("!H", octets, 2)
        reader.read(octets[:length])
        octets = octets[length:]
    of_records(reader.records).assert_equal(reference.flows(path, tmp_path), "pods.pcapng")


TEMPLATE = struct.pack("!HHHHHHHH", 2, 16, 256, 2, 2, 8, 1, 8)
DATA = struct.pack("!HHQQ", 256, 20, 3, 100)


def message(*sets: bytes, sequence: int = 0, version: int = 10) -> bytes:
    body = b"".join(sets)
    return struct.pack("!HHIII", version, 16 + len(body), 1000, sequence, 1) + body


@pytest.mark.parametrize(
    ("messages", "part"),
    [
        ([message(DATA)], "before its template"),
        ([message(TEMPLATE), message(DATA, sequence=1)], "sequence number 1, not 0"),
        ([message(TEMPLATE, DATA), message(DATA)], "sequence number 0, not 1"),
        ([message(TEMPLATE, struct.pack("!HH", 256, 4))], "set 256 of 4 octets"),
        ([message(TEMPLATE, struct.pack("!HHQQI", 256, 24, 3, 100, 0))], "has padding"),
        ([message(TEMPLATE, struct.pack("!HHI", 5, 8, 0))], "reserved"),
        ([message(TEMPLATE, struct.pack("!HHHH", 2, 8, 256, 0))], "withdrawn"),
        ([message(TEMPLATE, struct.pack("!HHHHHH", 2, 12, 256, 1, 2, 8))], "has changed"),
        ([message(TEMPLATE) + b"\x00\x00"], "octets"),
        ([message(TEMPLATE, version=9)], "version 9"),
        ([message()], "without a set"),
    ],
)
def test_the_reader_refuses(messages, part):
    reader = Reader()
    with pytest.raises(AssertionError, match=part):
        for octets in messages:
            reader.read(octets)


def test_the_reader_reads_what_is_well_formed():
    reader = Reader()
    reader.read(message(TEMPLATE, DATA, DATA))
    reader.read(message(DATA, sequence=2))
    assert [record["packetDeltaCount"] for record in reader.records] == [3, 3, 3]


def test_different_flows_are_named():
    key = Key("192.0.2.1", "192.0.2.2", 17, 1, 2)
    flows = Flows([(key, Tally(1, 100)), (key, Tally(2, 200))])
    flows.assert_equal(Flows([(key, Tally(3, 300))]), "the sum")
    with pytest.raises(AssertionError, match="1 of 1 flows differ"):
        flows.assert_equal(Flows([(key, Tally(3, 299))]), "one octet")
    with pytest.raises(AssertionError, match="no flows are expected"):
        Flows().assert_equal(Flows(), "nothing")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_vpp_runs_with_workers(start_vpp, workers):
    vpp = start_vpp(workers=workers, plugins=[])
    names = vpp.cli("show threads")
    assert names.count("vpp_wk_") == workers
    assert vpp.stat("/sys/num_worker_threads") == workers


def test_several_vpps_run_at_once(start_vpp):
    first, second = start_vpp(plugins=[]), start_vpp(plugins=[])
    generator.add_interface(first, 3)
    assert "pg3" in first.cli("show interface")
    assert "pg3" not in second.cli("show interface")
    first.stop()
    assert "vpp v" in second.cli("show version")


def test_a_vpp_that_dies_is_noticed(start_vpp):
    vpp = start_vpp(plugins=[])
    os.kill(vpp.pid, signal.SIGKILL)
    with pytest.raises(VppDied, match="SIGKILL"):
        until("VPP to be gone", lambda: vpp.cli("show version") == "")
    with pytest.raises(VppDied, match="SIGKILL"):
        vpp.stop()
    assert not vpp.folder.exists()


def test_a_command_that_fails_is_noticed(start_vpp):
    vpp = start_vpp(plugins=[])
    with pytest.raises(AssertionError, match="set interface state nothing up: .*unknown"):
        vpp.configure("set interface state nothing up")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_generated_packets_are_routed_to_a_link(start_vpp, workers):
    """All packets arrive unchanged, including those longer than a buffer, and no buffer leaks."""
    vpp = start_vpp(workers=workers, plugins=[])
    link = add_link(vpp, 0)
    wire = RawSocket(link.namespace, link.host)
    interface = generator.add_interface(vpp, 0, mac="02:00:00:00:99:01")
    vpp.configure("set interface ip address pg0 198.51.100.1/24")
    before = vpp.buffers_in_use()
    packets = [
        frames.ip("198.51.100.2", link.host_address, frames.UDP, frames.udp(1000, port, bytes(size)))
        for port, size in enumerate([0, 100, 1400, 3000, 6000] * 20)
    ]
    sent = [
        frames.ethernet(packet, source="02:00:00:00:99:02", destination="02:00:00:00:99:01")
        for packet in packets
    ]
    worker = max(workers - 1, 0)
    generator.replay(vpp, interface, sent, worker=worker)
    received = []

    def arrived() -> bool:
        # VPP sometimes sends IPv6 packets of its own.
        received.extend(frame for frame in wire.received() if frame[12:14] == b"\x08\x00")
        return len(received) >= len(sent)

    until("packets at the link", arrived)
    # Except for the hop limit, the header checksum and the Ethernet header.
    assert [frame[14 + 12 :] for frame in received] == [frame[14 + 12 :] for frame in sent]
    # A packet that VPP generated may have been in a buffer before.
    until("buffers to be released", lambda: vpp.buffers_in_use() <= before)


def test_frames_have_right_checksums(start_vpp):
    """VPP checks them independently."""
    vpp = start_vpp(plugins=["ping"])
    interface = generator.add_interface(vpp, 0, mac="02:00:00:00:99:01")
    vpp.configure(
        "set interface ip address pg0 198.51.100.1/24",
        "set interface ip address pg0 2001:db8:1::1/64",
        "set ip neighbor pg0 198.51.100.2 02:00:00:00:99:02 static",
        "set ip neighbor pg0 2001:db8:1::2 02:00:00:00:99:02 static",
    )
    pings = [
        frames.ip("198.51.100.2", "198.51.100.1", frames.ICMP, frames.icmp(8, payload=b"abc")),
        frames.ip("2001:db8:1::2", "2001:db8:1::1", frames.ICMPV6, frames.icmp(128)),
        frames.ip("198.51.100.2", "198.51.100.1", frames.UDP, frames.udp(1, 9, b"abc")),
        frames.ip("2001:db8:1::2", "2001:db8:1::1", frames.UDP, frames.udp(1, 9, b"abc")),
    ]
    packets = [
        frames.ethernet(ping, source="02:00:00:00:99:02", destination="02:00:00:00:99:01")
        for ping in pings
    ]
    generator.replay(vpp, interface, packets)
    errors = vpp.error_counters()
    for version in (4, 6):
        # Counted only for packets with correct checksums.
        assert errors.get((f"ip{version}-udp-lookup", "No listener for dst port")) == 1, errors
        assert errors.get((f"ip{version}-icmp-input", "echo replies sent")) == 1, errors
    bad = [key for key in errors if "checksum" in key[1] or "bad" in key[1]]
    assert not bad, errors


def test_flowprobe_fails_the_reader(start_vpp):
    """flowprobe counts messages in its sequence numbers: the harness receives them, and detects
    that they are wrong."""
    vpp = start_vpp(plugins=[FLOWPROBE])
    link = add_link(vpp, 0)
    sink = UdpSink(link.namespace, link.host_address)
    interface = generator.add_interface(vpp, 0, mac="02:00:00:00:99:01")
    vpp.configure("set interface ip address pg0 198.51.100.1/24")
    vpp.cli(
        f"set ipfix exporter collector {link.host_address} src {link.vpp_address}"
        " path-mtu 1400 template-interval 10"
    )
    vpp.configure("flowprobe params record l3 l4 active 0 passive 0")
    vpp.cli(f"flowprobe feature add-del {interface} ip4 rx")
    sent = [
        frames.ethernet(
            frames.ip("198.51.100.2", "203.0.113.1", frames.UDP, frames.udp(1000, port)),
            source="02:00:00:00:99:02",
            destination="02:00:00:00:99:01",
        )
        for port in range(100)
    ]
    generator.replay(vpp, interface, sent)

    def refused() -> bool:
        vpp.cli("ipfix flush")
        try:
            sink.poll()
        except AssertionError as error:
            return str(error)
        return ""

    # A process that wakes up occasionally sends its reports.
    assert until("flowprobe's records", refused)
    assert sink.datagrams
