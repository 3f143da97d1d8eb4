# SPDX-License-Identifier: Apache-2.0
"""Runs the examples in docs/api.md and compares their results."""

import doctest

from support import accounts, flowprobe, meter
from support.client import DEFINITIONS, Client
from support.installation import ROOT
from support.link import RawSocket, add_link
from support.traffic import Traffic
from support.waiting import until

DOCUMENT = ROOT / "docs" / "api.md"

#: The section before which packets are sent.
LATER = "## Statistics"


def test_the_examples(start_vpp):
    vpp = start_vpp(workers=1)
    collector = add_link(vpp, 0)
    meter.add_sink(collector)
    link = add_link(vpp, 1)
    # The examples count packets, so Linux must not send IPv6 packets there.
    vpp.namespace.run("sysctl", "-qw", f"net.ipv6.conf.{link.host}.disable_ipv6=1")
    client = Client(vpp)
    text = DOCUMENT.read_text()
    before, after = text.split(LATER)
    names = {"vpp": client.papi}
    run(before, names)
    sent = Traffic(destination_mac=link.vpp_mac, source_mac=link.host_mac)
    for _ in range(3):
        sent.add_udp(4, (40000, 53), 100)
    for _ in range(2):
        sent.add_tcp(4, (40001, 443))
    sent.add_udp(6, (40002, 53))
    wire = RawSocket(link.namespace, link.host)
    wire.send(sent.frames)
    until("packets to be observed", lambda: accounts.read(vpp).observed.packets == len(sent.frames))
    run(after, names)
    wire.close()
    client.close()


def run(text: str, names: dict) -> None:
    """Runs the examples of a text."""
    test = doctest.DocTestParser().get_doctest(text, names, DOCUMENT.name, str(DOCUMENT), 0)
    assert len(test.examples) > 10
    output: list[str] = []
    results = doctest.DocTestRunner().run(test, out=output.append, clear_globs=False)
    # Names stay defined for the following examples.
    names.update(test.globs)
    assert results.failed == 0, "".join(output)


def test_each_message_has_an_example():
    messages = [
        line.split()[-1]
        for line in (ROOT / "plugin/src/frontends/api/flowmeter.api").read_text().splitlines()
        if " define " in line
    ]
    text = DOCUMENT.read_text()
    messages += flowprobe.messages()
    requests = [name for name in messages if not name.endswith(("_reply", "_details"))]
    assert len(requests) == 17 + 6 and DEFINITIONS.is_file()
    for name in requests:
        assert f"vpp.api.{name}(" in text or name.endswith("_event") and name in text, name
