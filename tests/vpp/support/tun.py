# SPDX-License-Identifier: Apache-2.0
"""Linux's tun devices: interfaces without Ethernet headers, whose packets a program makes."""

import fcntl
import os
import struct

from .namespace import Namespace

# linux/if_tun.h.
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


class Tun:
    """A tun device of a namespace, up; this process is what is connected to it."""

    def __init__(self, namespace: Namespace, name: str):
        self.name = name
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        with namespace.entered():
            self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._device, _TUNSETIFF, request)
        # Room for all that leaves before it is read.
        namespace.ip("link", "set", name, "txqueuelen", "10000", "up")

    def send(self, packets: list[bytes]) -> None:
        """Packets come in by the device."""
        for packet in packets:
            os.write(self._device, packet)

    def received(self) -> list[bytes]:
        """Packets that have left by the device since, in order."""
        packets = []
        while True:
            try:
                packets.append(os.read(self._device, 65536))
            except BlockingIOError:
                return packets

    def close(self) -> None:
        os.close(self._device)
