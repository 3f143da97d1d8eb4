# SPDX-License-Identifier: Apache-2.0
"""An output interface of VPP without losses under any load.

An interface of the packet generator writes the packets that it sends to a pipe, and the worker
waits while the pipe is full. A socket would drop packets that come faster than they are read, which
happens under full load.

VPP aborts if a worker waits for a second. So one thread only empties the pipe, and another one
parses the data. (A non-blocking pipe cannot be used: `pcap_write` handles the -1 of a `write` that
would block as one octet to be written again.) Data that has not been parsed is kept in memory; the
test that generates the load has to keep the `backlog` small.
"""

import fcntl
import os
import select
import struct
import threading
import time
from collections import deque
from collections.abc import Callable

from . import generator
from .vpp import Vpp

_HEADER, _PACKET = 24, struct.Struct("<IIII")

#: The size of the pipe: the most that Linux allows by default.
_PIPE = 1 << 20


class Outlet:
    """Interface `pg<number>`, with static neighbours, whose sent frames are received here."""

    MAC = "02:00:00:00:88:01"

    def __init__(self, vpp: Vpp, number: int, take: Callable[[bytes], None]):
        """Calls `take` with each frame, on a separate thread."""
        self.interface = generator.add_interface(vpp, number, mac="02:00:00:00:88:02")
        self._take = take
        self._vpp = vpp
        path = vpp.folder / f"{self.interface}.pipe"
        # The file must not exist yet. VPP opens it when it sends the first frame.
        vpp.configure(f"packet-generator capture {self.interface} pcap {path} count 4294967295")
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        #: The number of frames received.
        self.count = 0
        #: The longest time between two reads of a full pipe, in seconds. VPP may have waited for
        #: that long.
        self.longest_wait = 0.0
        self._error: BaseException | None = None
        self._ending = threading.Event()
        self._pieces: deque[bytes] = deque()
        self._has_come = threading.Semaphore(0)
        self._come = self._taken = 0
        self._threads = [
            threading.Thread(target=self._run, args=(what,), daemon=True)
            for what in (self._empty, self._look)
        ]
        for thread in self._threads:
            thread.start()

    def add_address(self, address: str, length: int, neighbor: str) -> None:
        self._vpp.configure(
            f"set interface ip address {self.interface} {address}/{length}",
            f"set ip neighbor {self.interface} {neighbor} {self.MAC} static",
        )

    @property
    def backlog(self) -> int:
        """The number of octets that have not been parsed yet."""
        return self._come - self._taken

    def check(self) -> None:
        """Raises the failure of a thread, if one has failed."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stops reading, after everything that was written."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        os.close(self._pipe)
        self.check()

    def _run(self, what: Callable[[], None]) -> None:
        try:
            what()
        except BaseException as error:
            self._error = error

    def _empty(self) -> None:
        """Reads the pipe continuously, and queues the data."""
        read_before = time.monotonic()
        try:
            while more := self._octets():
                now = time.monotonic()
                # The pipe's pages need not all be full.
                if len(more) > _PIPE * 3 // 4:
                    self.longest_wait = max(self.longest_wait, now - read_before)
                read_before = now
                if self._error is None:
                    self._come += len(more)
                    self._pieces.append(more)
                    self._has_come.release()
        finally:
            self._pieces.append(b"")
            self._has_come.release()

    def _octets(self) -> bytes:
        """The data written since the last call; empty at the end."""
        while True:
            is_last = self._ending.is_set()
            if select.select([self._pipe], [], [], 0.05)[0]:
                try:
                    # No octets: VPP has not opened the pipe.
                    if octets := os.read(self._pipe, _PIPE):
                        return octets
                except BlockingIOError:
                    pass
            if is_last:
                return b""
            self._ending.wait(0.005)

    def _piece(self) -> bytes:
        self._has_come.acquire()
        return self._pieces.popleft()

    def _look(self) -> None:
        """Parses the data, and calls `take` with each frame."""
        octets = bytearray()
        is_headed = False
        while piece := self._piece():
            octets += piece
            at = 0
            if not is_headed:
                if len(octets) < _HEADER:
                    continue
                is_headed, at = True, _HEADER
            while len(octets) >= at + _PACKET.size:
                _, _, stored, length = _PACKET.unpack_from(octets, at)
                assert stored == length, f"VPP has truncated a frame of {length} octets to {stored}"
                start = at + _PACKET.size
                if len(octets) < start + length:
                    break
                at = start + length
                self._take(bytes(octets[start:at]))
                self.count += 1
            del octets[:at]
            self._taken += len(piece)
        assert not octets, "the last frame is incomplete"
