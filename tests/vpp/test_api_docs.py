# SPDX-License-Identifier: Apache-2.0
"""docs/api.md: each example is run, and answers what stands there."""

import doctest

from support import accounts, flowprobe, meter
from support.client import DEFINITIONS, Client
from support.installation import ROOT
from support.link import RawSocket, add_link
from support.traffic import Traffic
from support.waiting import until

DOCUMENT = ROOT / "docs" / "api.md"

#: Where packets come.
LATER = "## Statistics"


def test_the_examples(start_vpp):
    vpp = start_vpp(workers=1)
    collector = add_link(vpp, 0)
    meter.add_sink(collector)
    link = add_link(vpp, 1)
    # What the examples count is ours alone: Linux would speak IPv6 there unasked, now and then.
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
    until("packets to come", lambda: accounts.read(vpp).observed.packets == len(sent.frames))
    run(after, names)
    wire.close()
    client.close()


def run(text: str, names: dict) -> None:
    """Runs the examples of a text."""
    test = doctest.DocTestParser().get_doctest(text, names, DOCUMENT.name, str(DOCUMENT), 0)
    assert len(test.examples) > 10
    said: list[str] = []
    results = doctest.DocTestRunner().run(test, out=said.append, clear_globs=False)
    # What was named stays for the examples that follow.
    names.update(test.globs)
    assert results.failed == 0, "".join(said)


def test_each_message_has_one():
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
