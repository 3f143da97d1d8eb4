# SPDX-License-Identifier: Apache-2.0
"""Replacing flowprobe: its messages and commands, and which plugin serves them if there are two."""

import struct

import pytest

from support import flowprobe, generator, routing, traffic
from support.collector import UdpSink
from support.flowprobe import (
    BOTH,
    CANNOT_ENABLE_DISABLE_FEATURE,
    DEFAULT,
    ENTRY_ALREADY_EXISTS,
    FLAG_IP4,
    FLAG_IP6,
    FLAG_L2,
    INVALID_SW_IF_INDEX,
    INVALID_VALUE,
    IP4,
    IP6,
    L2,
    NO_SUCH_ENTRY,
    RX,
    TX,
    UNSUPPORTED,
    connected,
)
from support.link import add_link
from support.traffic import many_flows
from support.waiting import until


@pytest.fixture
def vpp(start_vpp):
    return start_vpp(copies=["flowprobe"], plugins=())


def add(client, index, which=IP4, direction=RX, is_add=True) -> int:
    reply = client.api.flowprobe_interface_add_del(
        is_add=is_add, which=which, direction=direction, sw_if_index=index
    )
    return reply.retval


def add_tx(client, index, which, is_add=True) -> int:
    reply = client.api.flowprobe_tx_interface_add_del(
        is_add=is_add, which=which, sw_if_index=index
    )
    return reply.retval


def set_params(client, flags=7, active=DEFAULT, passive=DEFAULT) -> int:
    reply = client.api.flowprobe_set_params(
        record_flags=flags, active_timer=active, passive_timer=passive
    )
    return reply.retval


@pytest.mark.smoke
def test_every_message_has_its_crc(vpp):
    """As in VPP's .api.json, which clients use."""
    known = flowprobe.messages()
    assert known["flowprobe_params"] == "baa46c09"
    assert len(known) == 12
    with connected(vpp) as client:
        table = set(client.transport.message_table)
        missing = [f"{name}_{crc}" for name, crc in known.items() if f"{name}_{crc}" not in table]
        assert missing == []


def test_show_plugins_lists_flowprobe(vpp):
    assert any("flowprobe_plugin.so" in line for line in vpp.cli("show plugins").splitlines())


def test_parameters(vpp):
    with connected(vpp) as client:
        got = client.api.flowprobe_get_params()
        assert (got.record_flags, got.active_timer, got.passive_timer) == (0, 15, 120)
        assert set_params(client, 5, 20, 40) == 0
        got = client.api.flowprobe_get_params()
        assert (got.record_flags, got.active_timer, got.passive_timer) == (5, 20, 40)
        # All ones is the default, and 0 is off, in spite of the comment in flowprobe.api.
        assert set_params(client, 7) == 0
        got = client.api.flowprobe_get_params()
        assert (got.active_timer, got.passive_timer) == (15, 120)
        assert set_params(client, 7, 0, 0) == 0
        assert set_params(client, 7, 40, 20) == INVALID_VALUE
        got = client.api.flowprobe_get_params()
        assert (got.active_timer, got.passive_timer) == (0, 0)
        # The older message checks less.
        reply = client.api.flowprobe_params(record_flags=7, active_timer=40, passive_timer=20)
        assert reply.retval == 0


@pytest.mark.smoke
def test_interfaces(vpp):
    one = vpp.interface_index(generator.add_interface(vpp, 0))
    two = vpp.interface_index(generator.add_interface(vpp, 1))
    with connected(vpp) as client:
        assert add(client, one) == CANNOT_ENABLE_DISABLE_FEATURE, "no layers are set"
        assert set_params(client) == 0
        assert add(client, 99) == INVALID_SW_IF_INDEX
        assert add(client, one, is_add=False) == NO_SUCH_ENTRY
        assert add(client, one, IP4, BOTH) == 0
        assert add(client, one, IP4) == ENTRY_ALREADY_EXISTS
        assert add(client, one, L2) == ENTRY_ALREADY_EXISTS
        assert set_params(client) == UNSUPPORTED, "an interface is enabled"
        # flowprobe does not support both on one interface.
        assert add(client, one, IP6, TX) == 0
        assert add(client, two, L2, RX) == 0

        def dump(index=DEFAULT):
            details = client.api.flowprobe_interface_dump(sw_if_index=index)
            return [(each.sw_if_index, each.which, each.direction) for each in details]

        assert dump() == [(one, IP4, BOTH), (one, IP6, TX), (two, L2, RX)]
        assert dump(two) == [(two, L2, RX)]
        assert dump(99) == []
        shown = [line.split() for line in vpp.cli("show flowprobe feature").splitlines()]
        assert shown == [["pg0", "ip4", "rx", "tx"], ["pg0", "ip6", "tx"], ["pg1", "l2", "rx"]]
        for index, which in ((one, IP4), (one, IP6), (two, L2)):
            assert add(client, index, which, is_add=False) == 0
        assert dump() == []
        assert set_params(client) == 0


def test_invalid_numbers(vpp):
    """vpp_papi would not send them, so messages are encoded by the test."""
    index = vpp.interface_index(generator.add_interface(vpp, 0))
    with connected(vpp) as client:
        assert set_params(client) == 0
        transport = client.transport
        number = transport.get_msg_index("flowprobe_interface_add_del_3420739c")
        for which, direction in ((3, 0), (255, 0), (0, 3), (0, 255)):
            head = struct.pack("!HII", number, transport.socket_index, 1)
            transport.write(head + struct.pack("!?BBI", True, which, direction, index))
            reply = transport.read()
            assert struct.unpack("!HIi", reply)[2] == INVALID_VALUE
        assert client.api.flowprobe_interface_dump() == []
        for which in (0, 8, 255, FLAG_IP4 | FLAG_L2):
            assert add_tx(client, index, which) != 0
        assert client.api.flowprobe_interface_dump() == []


def test_capacity(start_vpp):
    """The default is flowprobe's."""
    vpp = start_vpp(copies=["flowprobe"], plugins=(), flows=None)
    assert "pool size per thread: 262144" in vpp.cli("show flowprobe statistics")
    vpp.configure("set flowmeter flows-per-worker 1000", "flowprobe params record l3")
    vpp.configure(f"flowprobe feature add-del {routing.add_source(vpp)} ip4 rx")
    assert "pool size per thread: 1000" in vpp.cli("show flowprobe statistics")
    vpp.configure("set flowmeter default")
    assert "pool size per thread: 1000" in vpp.cli("show flowprobe statistics")


def test_vpps_own_tools(vpp):
    """vat2 looks messages up by name and CRC, vpp_api_test by the file's CRC; traces show them."""
    index = vpp.interface_index(generator.add_interface(vpp, 0))
    vpp.cli("api trace on")
    with connected(vpp) as client:
        assert set_params(client, 7, 20, 40) == 0
        assert add(client, index) == 0
        assert len(client.api.flowprobe_interface_dump()) == 1
    reply = vpp.api("flowprobe_get_params", {})
    assert reply["active_timer"] == 20
    assert "flowprobe plugin not loaded" not in vpp.log()
    traced = vpp.cli("api trace dump")
    assert "flowprobe_set_params:" in traced and "passive_timer 40" in traced, traced
    assert '"sw_if_index":\t%d' % index in vpp.cli("api trace dump-json")


def test_the_sequence_of_ligatos_agent(start_vpp):
    """vpp-agent looks for the plugin's name, then sets the exporter, the parameters and, with
    flags, the interfaces. For ip4, flowprobe itself would enable ip6."""
    vpp = start_vpp(copies=["flowprobe"], plugins=())
    link = add_link(vpp, 0)
    sink = UdpSink(link.namespace, link.host_address)
    source = routing.add_source(vpp)
    routing.add_routes(vpp, link)
    index = vpp.interface_index(link.vpp)
    with connected(vpp, "vpp-agent") as client:
        names = [word for word in vpp.cli("show plugins").split() if "_plugin.so" in word]
        assert "flowprobe" in {name.removesuffix("_plugin.so") for name in names}
        reply = client.api.set_ipfix_exporter(
            collector_address=link.host_address,
            collector_port=0xFFFF,
            src_address=link.vpp_address,
            vrf_id=DEFAULT,
            path_mtu=DEFAULT,
            template_interval=DEFAULT,
            udp_checksum=False,
        )
        assert reply.retval == 0
        reply = client.api.flowprobe_params(
            record_flags=7, active_timer=DEFAULT, passive_timer=DEFAULT
        )
        assert reply.retval == 0
        assert add_tx(client, index, FLAG_IP4 | FLAG_IP6) == 0
        details = client.api.flowprobe_interface_dump()
        assert [(each.which, each.direction) for each in details] == [(IP4, TX), (IP6, TX)]
        sent = many_flows(20)
        generator.replay(vpp, source, sent.frames)
        assert len(vpp.cli("show flowprobe table").splitlines()) >= 21
        assert add_tx(client, index, FLAG_IP4 | FLAG_IP6, is_add=False) == 0
        assert client.api.flowprobe_interface_dump() == []
    # Packets that VPP generates, from interface 0, are metered, too.
    until("records", lambda: len([r for r in sink.flow_records if r["ingressInterface"]]) >= 20)
    records = [record for record in sink.flow_records if record["ingressInterface"]]
    assert sum(record["packetDeltaCount"] for record in records) == 20
    assert {record["egressInterface"] for record in records} == {index}
    assert {record["ethernetType"] for record in records} == {0x0008}


@pytest.mark.smoke
def test_flowprobe_keeps_its_api_if_it_is_loaded(start_vpp):
    """The plugin logs one line; both plugins work."""
    vpp = start_vpp(plugins=("flowmeter", "flowprobe"))
    log = vpp.cli("show logging")
    lines = [line for line in log.splitlines() if "flowprobe is loaded" in line]
    assert len(lines) == 1, log
    assert "flowmeter" in lines[0]
    with connected(vpp) as client:
        assert set_params(client, 7, 20, 40) == 0
    interface = generator.add_interface(vpp, 0, mac=traffic.VPP_MAC)
    vpp.configure(f"flowmeter interface {interface}")
    vpp.configure(f"flowprobe feature add-del {interface} l2 tx")
    assert "flowprobe-output-l2" in vpp.cli(f"show interface {interface} features")


@pytest.mark.smoke
def test_a_second_copy_is_disabled(start_vpp):
    """The second one is not loaded, and logs one line."""
    vpp = start_vpp(copies=["flowprobe"], plugins=("flowmeter",))
    ours = {"flowmeter_plugin.so", "flowprobe_plugin.so"}
    assert len(ours & set(vpp.cli("show plugins").split())) == 1
    assert vpp.cli("show logging").count("another copy of the flow meter is loaded already") == 1
    assert "flowmeter 0" in vpp.cli("show flowmeter")
    assert "active: 15 passive: 120" in vpp.cli("show flowprobe params")


def test_flowprobe_and_flowmeter_exclude_each_other(vpp):
    """Interfaces are metered either by flowprobe's commands or by the plugin's own."""
    interface = generator.add_interface(vpp, 0)
    index = vpp.interface_index(interface)
    with connected(vpp) as client:
        assert set_params(client) == 0
        vpp.configure(f"flowmeter interface {interface}")
        assert add(client, index) == CANNOT_ENABLE_DISABLE_FEATURE
        vpp.configure(f"flowmeter interface {interface} disable")
        assert add(client, index) == 0
        assert "flowprobe" in vpp.cli(f"flowmeter interface {interface}")
        assert add(client, index, is_add=False) == 0
        vpp.configure(f"flowmeter interface {interface}")
