# SPDX-License-Identifier: Apache-2.0
"""Messages on their way: collectors, exporters, templates, and what must not be metered."""

import pytest

from support import accounts, frames, generator, meter, routing, traffic
from support.collector import PORT, Nfcapd, UdpSink, Wiretap
from support.flows import Flows, Key, of_records
from support.ipfix import FORCED_END, IDLE_TIMEOUT, Reader
from support.link import add_addresses, add_link
from support.meter import PATH_MTU
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until

TEMPLATES = {256, 257, 258, 512, 513}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_nfcapd_shows_routed_flows(start_vpp, tmp_path, workers, version):
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0)
    collector, _ = meter.addresses(link, version)
    nfcapd = Nfcapd(link.namespace, collector, tmp_path)
    try:
        meter.set_exporter(vpp, link, version)
        source = routing.add_source(vpp)
        vpp.configure(
            f"flowmeter interface {source} ip4 rx", f"flowmeter interface {source} ip6 rx"
        )
        sent = mixed()
        streams = [
            generator.Stream(vpp, source, sent.frames, worker=worker)
            for worker in range(max(workers, 1))
        ]
        for stream in streams:
            stream.start()
        for stream in streams:
            stream.wait()
        nfcapd.wait_for_messages(accounts.flush(vpp).messages)
        shown = nfcapd.stop()
    finally:
        nfcapd.kill()
    expected = Flows()
    for _ in streams:
        expected.add(sent.flows.items())
    shown.assert_equal(expected, "nfcapd")


@pytest.mark.parametrize("version", [4, 6])
def test_messages_are_as_long_as_the_path_allows(start_vpp, version):
    """Not an octet longer, and not much shorter either, or packets are wasted."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    for path_mtu in (1280, 1500):
        wiretap = Wiretap(link, path_mtu)
        wiretap.reader = Reader(from_the_start=path_mtu == 1280)
        meter.set_exporter(vpp, link, version, f"path-mtu {path_mtu}")
        source = routing.add_source(vpp, path_mtu)
        vpp.configure(f"flowmeter interface {source} ip4 rx")
        sent = many_flows(1000)
        generator.replay(vpp, source, sent.frames)
        accounts.flush(vpp)
        reader = wiretap.poll()
        of_records(reader.flow_records).assert_equal(sent.flows, f"path MTU {path_mtu}")
        room = path_mtu - {4: 28, 6: 48}[version]
        full = [message.length for message in reader.messages if 256 in message.sets]
        assert room - 100 < max(full) <= room, full
        vpp.configure(f"flowmeter interface {source} ip4 rx disable")
        vpp.configure(f"set interface state {source} down")
        for address in traffic.GATEWAY.values():
            vpp.configure(f"set interface ip address del {source} {address}")
        wiretap.close()


def test_the_checksum_of_messages(start_meter):
    """Its datagrams pass a check that is not ours: Linux takes them, and counts none bad."""
    for version in (4, 6):
        metered = start_meter(version)
        source = routing.add_source(metered.vpp)
        metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
        generator.replay(metered.vpp, source, many_flows(100).frames)
        assert len(metered.flushed()) == 100
        with metered.link.namespace.entered():
            counters = open("/proc/thread-self/net/snmp6").read().split()
        assert counters[counters.index("Udp6InErrors") + 1] == "0"
        assert counters[counters.index("Udp6InCsumErrors") + 1] == "0"


def test_vpps_own_exporter_is_used(start_vpp):
    """Where none of ours is set, VPP's is, with its path MTU."""
    path_mtu = 600
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, path_mtu=path_mtu)
    vpp.cli(
        f"set ipfix exporter collector {link.host_address} src {link.vpp_address}"
        f" path-mtu {path_mtu} template-interval 20"
    )
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(200)
    generator.replay(vpp, source, sent.frames)
    after = accounts.flush(vpp)
    records = sink.wait_for_records(after.exported_records)
    of_records(records).assert_equal(sent.flows, "by way of VPP's exporter")
    assert {source for source, _ in sink.sources} == {link.vpp_address}


def test_vpps_own_exporter_over_ipv6(start_vpp):
    """It can be set by the API alone."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, 6, path_mtu=1280)
    vpp.api(
        "ipfix_exporter_create_delete",
        {
            "is_create": True,
            "collector_address": link.host_address6,
            "collector_port": PORT,
            "src_address": link.vpp_address6,
            "vrf_id": 0,
            "path_mtu": 1280,
            "template_interval": 20,
            "udp_checksum": True,
        },
    )
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip6 rx")
    sent = many_flows(200, 6)
    generator.replay(vpp, source, sent.frames)
    after = accounts.flush(vpp)
    records = sink.wait_for_records(after.exported_records)
    of_records(records).assert_equal(sent.flows, "by way of VPP's exporter")


def test_an_exporter_of_ours_goes_before_vpps(start_vpp):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    other = meter.add_sink(link, port=PORT + 1, from_the_start=False)
    vpp.cli(
        f"set ipfix exporter collector {link.host_address} port {PORT + 1} src {link.vpp_address}"
    )
    meter.set_exporter(vpp, link)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(50)
    generator.replay(vpp, source, sent.frames)
    sink.wait_for_records(accounts.flush(vpp).exported_records)
    assert not other.poll().messages
    # Disabled, VPP's takes its place.
    vpp.configure("set flowmeter exporter disable")
    generator.replay(vpp, source, sent.frames)
    accounts.flush(vpp)
    records = until("records at VPP's collector", lambda: other.flow_records)
    assert len(records) == 50
    assert len(sink.flow_records) == 50


def test_the_exporters_fib(start_vpp):
    """The collector is reached in the table that is named, and in no other."""
    vpp = start_vpp()
    vpp.configure("ip table add 5")
    link = add_link(vpp, 0, addresses=False)
    vpp.configure(f"set interface ip table {link.vpp} 5")
    add_addresses(vpp, link)
    sink = meter.add_sink(link)
    meter.set_exporter(vpp, link, words="fib 5")
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(50)
    generator.replay(vpp, source, sent.frames)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    of_records(records).assert_equal(sent.flows, "in table 5")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_exporter_changes_mid_stream(start_vpp, workers):
    """Under traffic: each new collector gets templates before data, and nothing is lost or
    sent twice."""
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0)
    first = meter.add_sink(link)
    meter.set_exporter(vpp, link)
    source = routing.add_source(vpp)
    vpp.configure(
        "set flowmeter active-timeout 1 idle-timeout 1",
        f"flowmeter interface {source} ip4 rx",
        f"flowmeter interface {source} ip6 rx",
    )
    sent = mixed(rounds=1)
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9, rate=20_000)
    stream.start()
    until("records at the first collector", lambda: len(first.flow_records) > 300, patience=60)
    sinks = [first]
    for number, version in enumerate((6, 4, 6), 1):
        sink = meter.add_sink(link, version, port=PORT + number, from_the_start=False)
        meter.set_exporter(vpp, link, version, f"port {PORT + number}")
        sinks.append(sink)
        until(f"records at collector {number}", lambda sink=sink: len(sink.flow_records) > 300)
    stream.pause()
    after = accounts.flush(vpp)
    until(
        "all records",
        lambda: sum(len(sink.flow_records) for sink in sinks) >= after.exported_records,
    )
    records = [record for sink in sinks for record in sink.flow_records]
    assert len(records) == after.exported_records
    assert after.lost.records == 0
    found = of_records(records)
    assert found.keys() == sent.flows.keys()
    assert found.total().packets == after.observed.packets == stream.sent()


def test_without_an_exporter_flows_wait(start_vpp):
    """They stay past their timeouts, and leave once there is a collector."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    source = routing.add_source(vpp)
    vpp.configure(
        "set flowmeter active-timeout 1 idle-timeout 1", f"flowmeter interface {source} ip4 rx"
    )
    sent = many_flows(500)
    generator.replay(vpp, source, sent.frames)
    # Both timeouts have passed for a flow that came later than all of these.
    for _ in range(3):
        late = Traffic()
        late.add_udp(4, (7, 7))
        generator.replay(vpp, source, late.frames)
        uptime = vpp.cli("show clock")
        until("a second to pass", lambda uptime=uptime: _seconds(vpp) > _seconds_in(uptime) + 1)
    now = accounts.accounts(vpp)
    assert (now.live_flows, now.exported_records, now.lost.records) == (501, 0, 0)
    meter.set_exporter(vpp, link)
    until("flows to leave", lambda: accounts.read(vpp).live_flows == 0)
    after = accounts.accounts(vpp)
    vpp.configure("ipfix flush")
    records = sink.wait_for_records(after.exported_records)
    found = of_records(records)
    assert found.pop(Key(traffic.SOURCE[4], traffic.DESTINATION[4], 17, 7, 7)).packets == 3
    found.assert_equal(sent.flows, "what waited")
    assert after.exported["lack_of_resources"].records == 0


def _seconds(vpp) -> float:
    return _seconds_in(vpp.cli("show clock"))


def _seconds_in(clock: str) -> float:
    return float(clock.split("Time now")[1].split(",")[0])


def test_an_unreachable_collector(start_vpp):
    """There is no route to it: flows wait, and leave once there is one."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    collector = "192.0.2.200"
    link.namespace.ip("address", "add", f"{collector}/32", "dev", "lo")
    sink = UdpSink(link.namespace, collector)
    vpp.configure(f"set flowmeter exporter collector {collector} src {link.vpp_address}")
    source = routing.add_source(vpp)
    before = vpp.buffers_in_use()
    vpp.configure(
        "set flowmeter active-timeout 1 idle-timeout 1", f"flowmeter interface {source} ip4 rx"
    )
    sent = many_flows(2000)
    for _ in range(3):
        generator.replay(vpp, source, sent.frames)
    vpp.cli("flowmeter flush")
    waiting = accounts.accounts(vpp)
    assert (waiting.live_flows, waiting.exported_records, waiting.lost.records) == (2000, 0, 0)
    assert collector in vpp.cli("show flowmeter exporter")
    vpp.configure(f"ip route add {collector}/32 via {link.host_address} {link.vpp}")
    until("flows to leave", lambda: accounts.read(vpp).live_flows == 0)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    expected = Flows()
    for _ in range(3):
        expected.add(sent.flows.items())
    of_records(records).assert_equal(expected, "what waited")
    until("buffers to come back", lambda: vpp.buffers_in_use() <= before)


def test_own_messages_are_never_metered(start_meter):
    """On the very interface that they leave by, on every arc; but what others send to the
    same collector is."""
    # On their way out: what comes in there is Linux's.
    for words in (["l2 tx"], ["ip4 tx", "ip6 tx"]):
        for version in (4, 6):
            metered = start_meter(version)
            vpp, link = metered.vpp, metered.link
            source = routing.add_source(vpp)
            for word in words:
                vpp.configure(f"flowmeter interface {link.vpp} {word}")
            others = Traffic()
            collector, _ = meter.addresses(link, version)
            for number in range(30):
                others.add_udp(version, (1000 + number, PORT + 1), 50, destination=collector)
            closed = UdpSink(link.namespace, collector, PORT + 1)
            vpp.configure("set flowmeter active-timeout 1 idle-timeout 1")
            for _ in range(3):
                generator.replay(vpp, source, others.frames)
                metered.flushed()
            records = metered.flushed()
            expected = Flows()
            for _ in range(3):
                expected.add(others.flows.items())
            of_records(records).assert_equal(expected, f"{words}, IPv{version}")
            observed = accounts.accounts(vpp).observed.packets - metered.own_packets
            assert observed == 3 * len(others.frames), "nothing else was even observed"
            ports = {record["destinationTransportPort"] for record in metered.sink.flow_records}
            assert PORT not in ports
            closed.close()
            vpp.stop()


def test_templates_and_options_are_announced(start_meter):
    """All templates before data; interfaces with their names and the sampling with them."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(
        f"flowmeter interface {source} ip4 rx",
        f"set interface tag {source} uplink",
    )
    generator.replay(vpp, source, mixed((4,)).frames)
    metered.flushed()
    reader = metered.sink.poll()
    assert reader.domains == {2}, "that of worker 0"
    assert reader.templates(2).keys() >= {256, 257, 512, 513}
    interfaces = [record for record in reader.options_records if record.template == 512]
    names = {record["ingressInterface"]: record["interfaceName"] for record in interfaces}
    assert names[vpp.interface_index(source)] == source
    assert {record["observationDomainId"] for record in reader.options_records} == {2}
    (sampling, *_) = [record for record in reader.options_records if record.template == 513]
    assert sampling["samplingInterval"] == 1
    for message in reader.messages:
        # One options record a set, no more than one options template a set.
        assert message.sets.count(512) <= 20


def test_templates_are_announced_again(start_vpp):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    meter.set_exporter(vpp, link, words="template-interval 1")
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    generator.replay(vpp, source, many_flows(1).frames)
    vpp.cli("flowmeter flush")

    def announcements() -> list[int]:
        return [message.export_time for message in sink.poll().messages if 2 in message.sets]

    until("templates four times", lambda: len(announcements()) >= 4)
    times = announcements()
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    # Export times are whole seconds.
    assert all(1 <= pause <= 3 for pause in pauses), pauses


def test_ipfix_flush_sends_at_once(start_meter):
    """A message that waits for more records goes when VPP's own command says so."""
    metered = start_meter()
    source = routing.add_source(metered.vpp)
    metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
    generator.replay(metered.vpp, source, many_flows(3).frames)
    metered.vpp.cli("flowmeter flush")
    metered.vpp.configure("ipfix flush")
    # The linger of a message is one second.
    until("the records", lambda: len(metered.sink.flow_records) == 3, patience=0.8)


def test_a_message_waits_a_second_at_most(start_meter):
    metered = start_meter()
    source = routing.add_source(metered.vpp)
    metered.vpp.configure(
        "set flowmeter idle-timeout 1", f"flowmeter interface {source} ip4 rx"
    )
    generator.replay(metered.vpp, source, many_flows(3).frames)
    until("the records", lambda: len(metered.sink.flow_records) == 3, patience=1 + 1 + 1 + 1)
    assert {record["flowEndReason"] for record in metered.sink.flow_records} == {IDLE_TIMEOUT}


def test_flush_ends_what_lives_with_reason_4(start_meter):
    metered = start_meter(workers=2)
    source = routing.add_source(metered.vpp)
    metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(20_000)
    generator.replay(metered.vpp, source, sent.frames, worker=1)
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "all that lived")
    assert {record["flowEndReason"] for record in records} == {FORCED_END}
    assert frames.UDP in {record["protocolIdentifier"] for record in records}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_collector_that_must_be_asked_for(start_vpp, workers, version):
    """VPP has never heard of the collector's MAC address: it is asked for, and no template and
    no record is sent before it is known."""
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0, addresses=False)
    add_addresses(vpp, link, are_known=False)
    sink = meter.add_sink(link, version)
    collector, _ = meter.addresses(link, version)
    assert collector not in vpp.cli("show ip neighbors")
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(2000)
    meter.set_exporter(vpp, link, version)
    generator.replay(vpp, source, sent.frames, worker=max(workers - 1, 0))
    after = accounts.flush(vpp)
    # The reader fails on data without templates, and on a sequence that does not begin at 0.
    records = sink.wait_for_records(after.exported_records)
    of_records(records).assert_equal(sent.flows, "a neighbour that was asked for")
    assert after.lost.records == 0
    assert collector in vpp.cli("show ip neighbors")
