# SPDX-License-Identifier: Apache-2.0
"""A way out of VPP on which nothing can be lost, however much there is.

An interface of the packet generator writes what leaves by it to a pipe, and the worker waits
while that is full. A socket has no such patience: what comes faster than it is read is dropped,
and under full load messages do.

VPP gives itself up where a worker waits for a second. So one thread does nothing but empty the
pipe, which takes no more than its turn among Python's threads, and another one looks at what has
come. (The pipe cannot be one that VPP does not wait for: `pcap_write` takes the -1 of a `write`
that would block for an octet that is to be written again.) What has yet to be looked at is kept
in memory, and whoever makes the load has to see that it stays small: `backlog`.
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

#: Room for what comes while the reader has no turn: the most that Linux gives by default.
_PIPE = 1 << 20


class Outlet:
    """Interface `pg<number>`, whose neighbours are static and whose frames come here."""

    MAC = "02:00:00:00:88:01"

    def __init__(self, vpp: Vpp, number: int, take: Callable[[bytes], None]):
        """Calls `take` with each frame, on a thread of its own."""
        self.interface = generator.add_interface(vpp, number, mac="02:00:00:00:88:02")
        self._take = take
        self._vpp = vpp
        path = vpp.folder / f"{self.interface}.pipe"
        # VPP must find no file of this name here, and opens it when the first frame leaves.
        vpp.configure(f"packet-generator capture {self.interface} pcap {path} count 4294967295")
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        #: Frames that were taken.
        self.count = 0
        #: The longest time that the full pipe was not read for, in seconds: VPP may have waited
        #: for so long.
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
        """Octets that have come and have yet to be looked at."""
        return self._come - self._taken

    def check(self) -> None:
        """Fails with what has failed meanwhile on a thread."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Ends reading, after all that has been written."""
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
        """Takes out of the pipe what is in it, whatever becomes of that."""
        read_before = time.monotonic()
        try:
            while more := self._octets():
                now = time.monotonic()
                # Its pages need not all be full.
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
        """What has been written since; nothing once reading is to end."""
        while True:
            is_last = self._ending.is_set()
            if select.select([self._pipe], [], [], 0.05)[0]:
                try:
                    # No octets: VPP does not have it open.
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
        """Takes frames out of what has come."""
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
                assert stored == length, f"VPP has cut a frame of {length} octets to {stored}"
                start = at + _PACKET.size
                if len(octets) < start + length:
                    break
                at = start + length
                self._take(bytes(octets[start:at]))
                self.count += 1
            del octets[:at]
            self._taken += len(piece)
        assert not octets, "the last frame is not whole"
