# SPDX-License-Identifier: Apache-2.0
"""Replacing flowprobe: commands, and the records that collectors read."""

import pytest

from support import accounts, generator
from support.collector import Nfcapd, UdpSink
from support.flowprobe import BOTH, DEFAULT, IP4, connected, set_exporter
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until

FULL = (10, 14, 61, 2, 156, 157, 56, 80, 256)


def record(vpp, link, interface, words, active=10, passive=20, which="ip4 rx"):
    vpp.cli(f"set ipfix exporter collector {link.host_address} src {link.vpp_address} path-mtu 1400")
    vpp.configure(
        f"flowprobe params record {words} active {active} passive {passive}",
        f"flowprobe feature add-del {interface} {which}",
    )


def totals(records) -> tuple[int, int]:
    return (
        sum(each["packetDeltaCount"] for each in records),
        sum(each["octetDeltaCount"] for each in records),
    )


def tally_of(sent: Traffic) -> tuple[int, int]:
    total = sent.flows.total()
    return total.packets, total.octets


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 2])
def test_one_stream_of_messages(dropin, workers):
    """The strict reader accepts it: one domain and one sequence for all threads, templates before
    data, nothing else. Packets and octets are exact."""
    vpp, link, source = dropin(workers=workers)
    sink = UdpSink(link.namespace, link.host_address, payload_limit=1372, threads=1 + workers)
    record(vpp, link, source, "l2 l3 l4", which="ip4 rx")
    vpp.configure(f"flowprobe feature add-del {source} ip6 rx")
    until("templates", lambda: len(sink.poll().messages) >= 2)
    sent = mixed()
    streams = [
        generator.Stream(vpp, source, sent.frames, worker=worker)
        for worker in range(max(workers, 1))
    ]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait()
    for variant in ("ip4", "ip6"):
        vpp.configure(f"flowprobe feature add-del {source} {variant} disable")
    expected = tuple(each * len(streams) for each in tally_of(sent))
    until("all packets", lambda: totals(sink.flow_records)[0] >= expected[0])
    assert totals(sink.flow_records) == expected
    after = accounts.accounts(vpp)
    assert (after.observed.packets, after.observed.octets) == expected
    assert after.exported_records == len(sink.flow_records)
    reader = sink.reader
    reader.assert_complete()
    assert reader.domains == {1}
    assert reader.options_records == []
    templates = reader.templates(1)
    numbers = [tuple(number for number, _ in t.fields) for t in templates.values()]
    assert sorted(numbers) == sorted(
        [(*FULL, 8, 12, 4, 1, 7, 11, 6), (*FULL, 27, 28, 4, 1, 7, 11, 6)]
    )


def test_layers_choose_key_and_fields(dropin):
    """Layers that are not recorded do not distinguish flows."""
    for layers, expected in (("l3", 1), ("l4", 20), ("l2", 1), ("l3 l4", 20)):
        vpp, link, source = dropin()
        sink = UdpSink(link.namespace, link.host_address)
        record(vpp, link, source, layers)
        sent = Traffic()
        for number in range(20):
            sent.add_udp(4, (1000 + number, 53))
        generator.replay(vpp, source, sent.frames)
        vpp.configure(f"flowprobe feature add-del {source} ip4 disable")
        records = sink.wait_for_records(expected)
        assert sum(each["packetDeltaCount"] for each in records) == 20, layers
        assert ("octetDeltaCount" in records[0].fields) == ("l3" in layers)
        assert ("sourceTransportPort" in records[0].fields) == ("l4" in layers)
        assert ("sourceMacAddress" in records[0].fields) == ("l2" in layers)
        vpp.stop()


@pytest.mark.parametrize("layers", ["l2", "l3", "l4", "l2 l3 l4"])
def test_frames(dropin, layers):
    """At l2, with any layers: each kind of packet has a layout, or is ignored with a reason.
    flowprobe sends set id 0 for some of these."""
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    record(vpp, link, source, layers, which="l2 rx")
    sent = mixed()
    for number in range(5):
        sent.add_l2(0x88B5, b"frame %d" % number)
    generator.replay(vpp, source, sent.frames)
    vpp.configure(f"flowprobe feature add-del {source} l2 disable")
    has_frames = "l2" in layers
    expected = len(sent.frames) - (0 if has_frames else 5)
    until("all packets", lambda: totals_packets(sink) >= expected)
    assert totals_packets(sink) == expected
    after = accounts.accounts(vpp)
    assert after.ignored["non_ip"].packets == len(sent.frames) - expected
    assert after.exported_records == len(sink.flow_records)
    sets = [
        {number for number, _ in template.fields}
        for template in sink.reader.templates(1).values()
    ]
    fields = {10, 14, 61, 2, 156, 157} | ({56, 80, 256} if has_frames else set())
    above = ({4, 1} if "l3" in layers else set()) | ({7, 11, 6} if "l4" in layers else set())
    kinds = [fields] if has_frames else []
    if above:
        for addresses in ({8, 12}, {27, 28}):
            kinds.append(fields | above | (addresses if "l3" in layers else set()))
    assert sorted(map(sorted, sets)) == sorted(map(sorted, kinds))


def test_active_0_exports_every_packet(dropin):
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address, payload_limit=1372)
    record(vpp, link, source, "l2 l3 l4", active=0, passive=0)
    sent = many_flows(30, rounds=3)
    generator.replay(vpp, source, sent.frames)
    vpp.cli("ipfix flush")
    records = sink.wait_for_records(90)
    assert {each["packetDeltaCount"] for each in records} == {1}
    assert len(vpp.cli("show flowprobe table").splitlines()) == 1


def test_timers(dropin):
    """Active: a record, and the flow continues. Passive: the flow ends."""
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    record(vpp, link, source, "l3 l4", active=1, passive=3)
    generator.replay(vpp, source, many_flows(5).frames)
    records = sink.wait_for_records(5)
    assert {each["packetDeltaCount"] for each in records} == {1}
    assert len(vpp.cli("show flowprobe table").splitlines()) == 1, "no packets since"
    until(
        "flows to end",
        lambda: "is 0%" in vpp.cli("show flowprobe statistics"),
    )
    assert len(sink.flow_records) == 5


def test_nfcapd_reads_it(dropin, tmp_path):
    """nfdump supports neither the nanoseconds nor the byte order of element 256, but shows flows,
    packets and octets."""
    vpp, link, source = dropin()
    nfcapd = Nfcapd(link.namespace, link.host_address, tmp_path)
    try:
        record(vpp, link, source, "l3 l4")
        sent = many_flows(100)
        generator.replay(vpp, source, sent.frames)
        vpp.configure(f"flowprobe feature add-del {source} ip4 disable")
        # One template, and 100 records of 56 octets.
        nfcapd.wait_for_messages(1 + 5)
        nfcapd.stop().assert_equal(sent.flows, "nfcapd")
    finally:
        nfcapd.kill()


@pytest.mark.smoke
def test_commands(dropin):
    """Their output, and their errors in one line."""
    vpp, _, source = dropin()
    assert vpp.cli("show flowprobe params").strip() == "active: 15 passive: 120"
    assert "specify flowprobe params record" in vpp.cli(f"flowprobe feature add-del {source}")
    vpp.configure("flowprobe params record l2 l3 active 5 passive 6")
    assert vpp.cli("show flowprobe params").strip() == "l2 l3 active: 5 passive: 6"
    assert "greater than active" in vpp.cli("flowprobe params record l2 active 7 passive 6")
    assert "lx" in vpp.cli("flowprobe params record lx")
    assert "nowhere" in vpp.cli("flowprobe feature add-del nowhere")
    assert "no datapath" in vpp.cli(f"flowprobe feature add-del {source} disable")
    # The default is ip4 tx.
    vpp.configure(f"flowprobe feature add-del {source}")
    assert vpp.cli("show flowprobe feature").split() == [source, "ip4", "tx"]
    assert "already enabled" in vpp.cli(f"flowprobe feature add-del {source}")
    assert "different datapath" in vpp.cli(f"flowprobe feature add-del {source} l2")
    assert "Couldn't change" in vpp.cli("flowprobe params record l2")
    assert "Flow pool size per thread: 65536" in vpp.cli("show flowprobe statistics")
    vpp.configure(f"flowprobe feature add-del {source} disable")
    assert vpp.cli("show flowprobe feature").strip() == ""


def test_from_active_0_to_n_and_back(dropin):
    """flowprobe dereferences NULL here."""
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    index = vpp.interface_index(source)
    sent = many_flows(10)
    expected = 0
    with connected(vpp) as client:
        set_exporter(client, link)
        for active, layers in ((0, 7), (10, 2), (0, 4), (10, 7)):
            reply = client.api.flowprobe_set_params(
                record_flags=layers, active_timer=active, passive_timer=DEFAULT
            )
            assert reply.retval == 0
            for is_add in (True, False):
                reply = client.api.flowprobe_interface_add_del(
                    is_add=is_add, which=IP4, direction=BOTH, sw_if_index=index
                )
                assert reply.retval == 0
                if is_add:
                    generator.replay(vpp, source, sent.frames)
            expected += 10
            until("records", lambda: totals_packets(sink) >= expected)
            assert totals_packets(sink) == expected


def totals_packets(sink) -> int:
    return sum(each["packetDeltaCount"] for each in sink.flow_records)


def test_deleting_an_interface_ends_its_flows(dropin):
    """A new interface with the same index is not enabled."""
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    vpp.cli(f"create sub-interfaces {source} 100")
    sub = f"{source}.100"
    vpp.configure(
        f"set interface state {sub} up", f"set interface ip address {sub} 10.1.1.1/24"
    )
    record(vpp, link, sub, "l3 l4")
    sent = Traffic(vlans=((0x8100, 100),))
    for number in range(10):
        sent.add_udp(4, (1000 + number, 53))
    generator.replay(vpp, source, sent.frames)
    vpp.configure(f"delete sub-interface {sub}")
    assert totals(sink.wait_for_records(10)) == tally_of(sent)
    assert vpp.cli("show flowprobe feature").strip() == ""


@pytest.mark.parametrize("version", [4, 6])
def test_interfaces_without_ethernet(dropin, version):
    """flowprobe takes the first octets of the packet for MAC addresses. Here, the addresses are
    zeros, and l2 is refused."""
    vpp, link, _ = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    interface = generator.add_interface(vpp, 1, mode=f"ip{version}")
    address = {4: "10.9.0.1/24", 6: "2001:db8:9::1/64"}[version]
    vpp.configure(f"set interface ip address {interface} {address}")
    record(vpp, link, interface, "l2 l3 l4", which=f"ip{version} rx")
    sent = many_flows(10, version)
    node = {4: "ip4-input", 6: "ip6-input"}[version]
    generator.replay(vpp, interface, sent.packets, node=node)
    vpp.configure(f"flowprobe feature add-del {interface} ip{version} disable")
    records = sink.wait_for_records(10)
    assert totals(records) == tally_of(sent)
    assert {each["sourceMacAddress"] for each in records} == {"00:00:00:00:00:00"}
    assert "physical ports" in vpp.cli(f"flowprobe feature add-del {interface} l2 rx")
