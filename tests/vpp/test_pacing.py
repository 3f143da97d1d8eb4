# SPDX-License-Identifier: Apache-2.0
"""Pacing: the limit of messages per millisecond, for all threads of a VPP."""

import socket
import struct

from support import accounts, generator, meter, routing
from support.collector import PORT
from support.link import add_link, enlarge_buffer
from support.traffic import many_flows

#: Messages per millisecond.
PACE = 32

# From Linux's headers; Python has no name for it.
_SO_TIMESTAMPNS = 35


def _arrivals(opened: socket.socket) -> list[float]:
    """Linux's receive time of each datagram, in seconds."""
    times = []
    while True:
        try:
            _, extra, _, _ = opened.recvmsg(65536, 256, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return times
        [stamp] = [octets for _, kind, octets in extra if kind == _SO_TIMESTAMPNS]
        seconds, nanoseconds = struct.unpack("qq", stamp)
        times.append(seconds + nanoseconds / 1e9)


def test_all_threads_share_the_limit(start_vpp):
    """Two workers that end flows at the same time do not send faster than one."""
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
    assert len(times) > 40 * PACE, "enough messages to measure the pacing"
    milliseconds = (max(times) - min(times)) * 1000
    # The messages of the first and of the last millisecond take no time.
    least = len(times) / PACE - 2
    assert milliseconds >= least, f"{len(times)} messages in {milliseconds:.1f} ms"
