# SPDX-License-Identifier: Apache-2.0
"""The binary API with VPP's client `vat2`, which takes and prints JSON."""

import json

import pytest

from support import generator, meter, routing
from support import vat2 as client
from support.process import run
from support.traffic import mixed


@pytest.fixture
def vat2(start_vpp):
    vpp = start_vpp()

    def call(message: str, **fields):
        return json.loads(run(client.command(vpp, message, **fields)))

    call.vpp = vpp
    return call


@pytest.mark.smoke
def test_messages(vat2):
    vpp = vat2.vpp
    source = routing.add_source(vpp)
    index = vpp.interface_index(source)
    both = {"variant": "FLOWMETER_API_VARIANT_ALL", "direction": "FLOWMETER_API_DIRECTION_BOTH"}
    reply = vat2("flowmeter_interface_add_del", is_add=True, sw_if_index=index, **both)
    assert reply["retval"] == 0
    rx, tx, end = vat2("flowmeter_interface_dump", sw_if_index=0xFFFFFFFF)
    assert end["retval"] == 0
    assert (rx["interface_name"], rx["variant"]) == (source, "FLOWMETER_API_VARIANT_L2")
    assert tx["direction"] == "FLOWMETER_API_DIRECTION_TX"
    everything = {
        "order": "FLOWMETER_API_ORDER_OCTETS",
        "top": 5,
        "families": ["FLOWMETER_API_FAMILY_IP4"],
        "is_match": False,
        "match": "0.0.0.0",
    }
    sent = mixed()
    generator.replay(vpp, source, sent.frames)
    *flows, end = vat2("flowmeter_flow_dump", **everything)
    assert (end["retval"], len(flows)) == (0, 5)
    assert flows[0]["octets"] == max(
        tally.octets for key, tally in sent.flows.items() if ":" not in key.source
    )
    [worker, end] = vat2("flowmeter_statistics_dump", thread_index=0)
    # VPP sends multicast reports, from `local0`.
    every = everything | {"order": "FLOWMETER_API_ORDER_NONE", "top": 0, "families": []}
    *flows, end = vat2("flowmeter_flow_dump", **every)
    own = sum(flow["packets"] for flow in flows if flow["ingress_interface"] == meter.LOCAL)
    assert worker["observed"]["packets"] == len(sent.frames) + own
    parameters = {"active_timeout": 5, "idle_timeout": 0, "flows_per_worker": 0}
    reply = vat2("flowmeter_set_parameters", **parameters, observation_domain=0)
    assert reply["retval"] == 0
    assert vat2("flowmeter_get_parameters")["active_timeout"] == 5
    assert vat2("flowmeter_set_exporter", **_exporter("192.0.2.1"))["retval"] == 0
    assert vat2("flowmeter_get_exporter")["collector"] == "192.0.2.1"
    assert vat2("flowmeter_set_exporter", **_exporter("224.0.0.1"))["retval"] == -58


def _exporter(collector: str) -> dict:
    rest = {"collector_port": 0, "table_id": 0, "path_mtu": 0, "template_interval": 0}
    return {"is_add": True, "collector": collector, "source": "192.0.2.2", **rest, "source_interface": 0}
