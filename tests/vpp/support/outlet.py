# SPDX-License-Identifier: Apache-2.0
"""A way out of VPP on which nothing can be lost, however much there is.

An interface of the packet generator writes what leaves by it to a pipe, and VPP waits while
that is full. A socket has no such patience: what comes faster than it is read is dropped,
and under full load messages do.
"""

import fcntl
import os
import select
import struct
import threading
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
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add_address(self, address: str, length: int, neighbor: str) -> None:
        self._vpp.configure(
            f"set interface ip address {self.interface} {address}/{length}",
            f"set ip neighbor {self.interface} {neighbor} {self.MAC} static",
        )

    def check(self) -> None:
        """Fails with what has failed meanwhile on the reading thread."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Ends reading, after all that has been written."""
        self._ended.set()
        self._thread.join()
        os.close(self._pipe)
        self.check()

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self._error = error
            # VPP must not wait for a reader that is no more.
            while self._octets():
                pass

    def _read(self) -> None:
        octets = bytearray()
        at = 0
        is_headed = False
        while more := self._octets():
            octets += more
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
            at = 0
        assert not octets, "the last frame is not whole"

    def _octets(self) -> bytes:
        """What has been written since; nothing once reading is to end."""
        while True:
            is_last = self._ended.is_set()
            if select.select([self._pipe], [], [], 0.05)[0]:
                try:
                    # No octets: VPP does not have it open.
                    if octets := os.read(self._pipe, 1 << 20):
                        return octets
                except BlockingIOError:
                    pass
            if is_last:
                return b""
            self._ended.wait(0.005)
