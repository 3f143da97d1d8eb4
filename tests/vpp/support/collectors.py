# SPDX-License-Identifier: Apache-2.0
"""Collectors for more records than fit in memory, without losses on the way.

They are behind an `Outlet`, so that the received records can be compared with those that the
accounts count as sent, under any load.
"""

import itertools
from collections import defaultdict

from . import accounts
from .collector import datagram
from .generator import Stream
from .ipfix import Adder
from .outlet import Outlet
from .vpp import Vpp
from .waiting import until


class Collectors:
    """Collectors at different ports: each new exporter starts a new stream of messages."""

    ADDRESSES = {4: ("10.2.2.1", "10.2.2.2"), 6: ("2001:db8:c0::1", "2001:db8:c0::2")}
    PATH_MTU = 1400
    #: The most octets that may wait to be read.
    BACKLOG = 256 << 20

    def __init__(self, vpp: Vpp, threads: int = 1):
        """`threads` is the number of VPP's threads that send in one domain."""
        self._vpp = vpp
        self._ports = itertools.count(10_000)
        self.readers: defaultdict[int, Adder] = defaultdict(lambda: Adder(threads))
        self.outlet = Outlet(vpp, 9, self._take)
        for version, length in ((4, 24), (6, 64)):
            collector, source = self.ADDRESSES[version]
            self.outlet.add_address(source, length, collector)

    def set_exporter(self, version: int, path_mtu: int) -> None:
        """Sets a new collector."""
        collector, source = self.ADDRESSES[version]
        self._vpp.configure(
            f"set flowmeter exporter collector {collector} src {source}"
            f" port {next(self._ports)} path-mtu {path_mtu}"
        )

    def keep_up(self, streams: list[Stream]) -> None:
        """Pauses the streams while the backlog is too large. Fails if a thread has failed."""
        self.outlet.check()
        if self.outlet.backlog > self.BACKLOG:
            for stream in streams:
                stream.pause()
            until("messages to be read", lambda: self.outlet.backlog == 0 or self.outlet.check())
            for stream in streams:
                stream.start()

    def assert_have_all(self, after: accounts.Accounts) -> None:
        """Asserts that the received records equal those that the accounts count as sent."""
        exported = accounts.total(after.exported.values())
        readers = self.readers.values()
        until(
            "all records",
            lambda: sum(reader.flow_count for reader in readers) >= exported.records,
        )
        self.outlet.close()
        for reader in readers:
            reader.assert_complete()
        came = accounts.Counts(
            sum(reader.packets for reader in readers),
            sum(reader.octets for reader in readers),
            sum(reader.flow_count for reader in readers),
        )
        assert came == exported
        assert after.metered.packets == came.packets + after.lost.packets
        assert after.metered.octets == came.octets + after.lost.octets

    def _take(self, frame: bytes) -> None:
        # VPP also sends neighbour discovery here.
        _, port, payload = datagram(frame, self.PATH_MTU)
        if port >= 10_000:
            self.readers[port].read(payload)
