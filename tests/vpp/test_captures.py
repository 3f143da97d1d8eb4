# SPDX-License-Identifier: Apache-2.0
"""Real captures: collectors get the flows of `flowmeter replay` from VPP.

Frames pass the L2 arc, which sees every frame. nfcapd has the IP flows; a strict reader on the same
wire also has those that are not IP.
"""

import pytest

from support import accounts, capture, generator, installation, meter, reference
from support.collector import Nfcapd, Wiretap
from support.flows import Flows, as_nfdump_knows, of_records
from support.link import add_link
from support.meter import PATH_MTU


def test_every_capture_can_be_replayed():
    """Fails for captures that the other tests would skip."""
    assert all(capture.replayable(path) for path in installation.captures())


@pytest.mark.parametrize("path", installation.captures(), ids=lambda path: path.name)
def test_a_capture(start_vpp, tmp_path, path):
    check(start_vpp(), [path], tmp_path)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_all_captures_at_once(start_vpp, tmp_path, workers, version):
    """All captures together, distributed over workers, to IPv4 and IPv6 collectors."""
    check(start_vpp(workers=workers), installation.captures(), tmp_path, version)


@pytest.mark.smoke
def test_captures_in_small_buffers(start_vpp, tmp_path):
    """Most packets are longer than a buffer, and count with all octets."""
    check(start_vpp(buffer_octets=512), installation.captures(), tmp_path)


def check(vpp, paths, folder, version: int = 4) -> None:
    link = add_link(vpp, 0)
    collector, _ = meter.addresses(link, version)
    nfcapd = Nfcapd(link.namespace, collector, folder)
    wiretap = Wiretap(link, PATH_MTU)
    try:
        meter.set_exporter(vpp, link, version)
        streams = {}
        for number, path in enumerate(paths):
            interface = generator.add_interface(vpp, number)
            vpp.configure(f"flowmeter interface {interface} l2 rx")
            worker = number % max(vpp.workers, 1)
            frames = capture.replayable(path)
            streams[path] = interface, generator.Stream(vpp, interface, frames, worker=worker)
        for _, stream in streams.values():
            stream.start()
        for _, stream in streams.values():
            stream.wait()
        after = accounts.flush(vpp)
        nfcapd.wait_for_messages(after.messages)
        shown = nfcapd.stop()
        records = wiretap.poll().flow_records
        domains = wiretap.reader.domains
        sources = wiretap.sources
    finally:
        nfcapd.kill()
        wiretap.close()

    assert len(records) == after.exported_records
    assert len(sources) == 1, f"messages come from {sources}"
    assert domains == ({1} if vpp.workers == 0 else set(range(2, 2 + min(vpp.workers, len(paths)))))
    expected = Flows()
    for path, (interface, stream) in streams.items():
        index = vpp.interface_index(interface)
        of_capture = reference.flows(path, folder)
        expected.add(of_capture.items())
        found = of_records(records, lambda record: record["ingressInterface"] == index)
        found.assert_equal(of_capture, path.name)
    shown.assert_equal(as_nfdump_knows(expected), "nfcapd")
    assert after.metered.packets == expected.total().packets
    assert after.observed.packets == sum(stream.limit for _, stream in streams.values())
    for record in records:
        assert (record["egressInterface"], record["flowDirection"]) == (0, 0), record
        assert record["flowStartMilliseconds"] <= record["flowEndMilliseconds"], record
        assert abs(record["flowEndMilliseconds"] / 1000 - record.export_time) < 60, record
