# SPDX-License-Identifier: Apache-2.0
"""How fast messages leave: one pace for all threads of a VPP."""

import socket
import struct

from support import accounts, generator, meter, routing
from support.collector import PORT
from support.link import add_link, enlarge_buffer
from support.traffic import many_flows

#: Messages that may leave in a millisecond.
PACE = 32

# From Linux's headers, where Python has no name for it.
_SO_TIMESTAMPNS = 35


def _arrivals(opened: socket.socket) -> list[float]:
    """When each datagram came, in seconds, as Linux noted it."""
    times = []
    while True:
        try:
            _, extra, _, _ = opened.recvmsg(65536, 256, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return times
        [stamp] = [octets for _, kind, octets in extra if kind == _SO_TIMESTAMPNS]
        seconds, nanoseconds = struct.unpack("qq", stamp)
        times.append(seconds + nanoseconds / 1e9)


def test_all_threads_share_one_pace(start_vpp):
    """Two workers that end flows at the same time send no faster than one would."""
    vpp = start_vpp(workers=2)
    link = add_link(vpp, 0)
    collector, _ = meter.addresses(link, 4)
    sink = link.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    enlarge_buffer(sink)
    sink.bind((collector, PORT))
    meter.set_exporter(vpp, link)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    frames = many_flows(30_000).frames
    streams = [generator.Stream(vpp, source, frames, worker=worker) for worker in range(2)]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait()
    _arrivals(sink)
    records = accounts.flush(vpp).exported_records
    assert records == 60_000
    times = _arrivals(sink)
    assert len(times) > 40 * PACE, "enough for the pace to matter"
    milliseconds = (max(times) - min(times)) * 1000
    # The first millisecond's messages come at once, and the last message need not be full.
    least = len(times) / PACE - 2
    assert milliseconds >= least, f"{len(times)} messages in {milliseconds:.1f} ms"
