# SPDX-License-Identifier: Apache-2.0
"""VPP's packet generator: interfaces on which packets appear as if received.

A stream sends a list of frames repeatedly, in order, up to a limit. Frames pass the interface's
device-input features and then ethernet-input, as from a network card; long frames are chained.
"""

import itertools
import re
from ipaddress import IPv4Address
from pathlib import Path

from . import capture
from .traffic import DESTINATION
from .vpp import Vpp
from .waiting import until

_numbers = itertools.count()


class Stream:
    """A stream of frames into a packet-generator interface."""

    def __init__(
        self,
        vpp: Vpp,
        interface: str,
        frames: list[bytes],
        *,
        node: str = "ethernet-input",
        limit: int | None = None,
        rate: float | None = None,
        worker: int = 0,
    ):
        """Sends each frame once, or `limit` frames, at most `rate` per second."""
        assert frames, "no frames"
        self._vpp = vpp
        self._name = f"stream{next(_numbers)}"
        self.limit = limit or len(frames)
        file: Path = vpp.folder / f"{self._name}.pcap"
        capture.write(file, frames)
        words = f"name {self._name} limit {self.limit} pcap {file} maxframe 256"
        words += f" source {interface} worker {worker} node {node}"
        if rate:
            words += f" rate {rate}"
        vpp.configure(f"packet-generator new {{ {words} }}")
        file.unlink()

    def start(self) -> None:
        self._vpp.configure(f"packet-generator enable-stream {self._name}")

    def pause(self) -> None:
        self._vpp.configure(f"packet-generator disable-stream {self._name}")

    def sent(self) -> int:
        """The number of packets sent since the stream was last started."""
        return self._line()[1]

    def wait(self, timeout: float = 60) -> None:
        """Waits until all frames have been sent and processed by the graph."""

        def done() -> bool:
            enabled, sent = self._line()
            return not enabled and sent == self.limit

        until(f"{self._name} to send {self.limit} packets", done, timeout)

    def run(self) -> None:
        self.start()
        self.wait()

    def delete(self) -> None:
        """Deletes the stream, which releases its buffers."""
        self._vpp.configure(f"packet-generator delete {self._name}")

    def _line(self) -> tuple[bool, int]:
        shown = self._vpp.cli("show packet-generator")
        found = re.search(rf"^{self._name}\s+(Yes|No)\s+(\d+)", shown, re.MULTILINE)
        assert found, shown
        return found[1] == "Yes", int(found[2])


class FlowStream(Stream):
    """An endless stream of UDP packets of `flows` flows in turn, each with its own source address.
    VPP generates the packets, so there may be millions of flows."""

    def __init__(self, vpp: Vpp, interface: str, flows: int, *, rate: float, worker: int = 0):
        self._vpp = vpp
        self._name = f"stream{next(_numbers)}"
        self.limit = 1 << 40
        first = IPv4Address("16.0.0.0")
        words = f"name {self._name} limit {self.limit} size 60-60 maxframe 256 rate {rate}"
        words += f" source {interface} worker {worker} node ip4-input"
        words += f" data {{ UDP: {first} - {first + flows - 1} -> {DESTINATION[4]}"
        words += " UDP: 1000 -> 53 length 40 checksum 0 incrementing 32 }"
        vpp.configure(f"packet-generator new {{ {words} }}")


def add_interface(vpp: Vpp, number: int, *, mac: str | None = None, mode: str | None = None) -> str:
    """Interface `pg<number>`, up; in mode `ip4` or `ip6` it has no Ethernet header."""
    words = f"create packet-generator interface pg{number}"
    if mac:
        words += f" hw-addr {mac}"
    if mode:
        words += f" mode {mode}"
    vpp.configure(words, f"set interface state pg{number} up")
    return f"pg{number}"


def replay(vpp: Vpp, interface: str, frames: list[bytes], **options) -> None:
    """Sends frames once, and waits until they have been processed."""
    stream = Stream(vpp, interface, frames, **options)
    stream.run()
    stream.delete()
