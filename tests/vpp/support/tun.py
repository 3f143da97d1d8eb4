# SPDX-License-Identifier: Apache-2.0
"""Linux's tun devices: interfaces without Ethernet headers that a program reads and writes."""

import fcntl
import os
import struct

from .namespace import Namespace

# linux/if_tun.h.
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


class Tun:
    """A tun device of a namespace, up, connected to this process."""

    def __init__(self, namespace: Namespace, name: str):
        self.name = name
        request = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
        with namespace.entered():
            self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._device, _TUNSETIFF, request)
        # Room for all packets that are sent before they are read.
        namespace.ip("link", "set", name, "txqueuelen", "10000", "up")

    def send(self, packets: list[bytes]) -> None:
        """Makes the device receive packets."""
        for packet in packets:
            os.write(self._device, packet)

    def received(self) -> list[bytes]:
        """The packets that the device has sent since the last call, in order."""
        packets = []
        while True:
            try:
                packets.append(os.read(self._device, 65536))
            except BlockingIOError:
                return packets

    def close(self) -> None:
        os.close(self._device)
