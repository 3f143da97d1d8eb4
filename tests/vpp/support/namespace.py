# SPDX-License-Identifier: Apache-2.0
"""A test's network namespace, and the links in it.

Owns the namespace and everything in it; the machine's own network is not touched. Names contain the
process id of the test run, so that a later run can remove what a killed run has left.
"""

import ctypes
import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import run

_PREFIX = "flowmeter-"
_numbers = itertools.count()
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace in which only the loopback interface is up."""

    def __init__(self):
        self.name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        run(["ip", "netns", "add", self.name])
        self.ip("link", "set", "lo", "up")
        # Linux would send IPv6 packets on each link, and tests count packets.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        self.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")

    def close(self) -> None:
        run(["ip", "netns", "delete", self.name])

    def command(self, *words: str | os.PathLike) -> list[str | os.PathLike]:
        """The command line that runs a command in the namespace, with exec."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str | os.PathLike) -> str:
        return run(self.command(*words))

    def ip(self, *words: str) -> str:
        return run(["ip", "-netns", self.name, *words])

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Moves this thread into the namespace for a while; sockets opened then stay in it."""
        with open("/proc/thread-self/ns/net", "rb") as before:
            with open(f"/run/netns/{self.name}", "rb") as inside:
                _set_namespace(inside.fileno())
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket in the namespace."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def add_pair(self, one: str, other: str, one_mac: str, other_mac: str) -> None:
        """Adds a pair of connected Ethernet interfaces, both up."""
        # fmt: off
        self.ip("link", "add", one, "address", one_mac, "mtu", "9000",
                "type", "veth", "peer", "name", other, "address", other_mac, "mtu", "9000")
        # fmt: on
        for name in (one, other):
            self.ip("link", "set", name, "up")


def remove_leftovers() -> None:
    """Removes the namespaces of ended runs."""
    for line in run(["ip", "netns", "list"]).splitlines():
        name = line.split()[0]
        if not name.startswith(_PREFIX):
            continue
        pid = name.removeprefix(_PREFIX).split("-")[0]
        if not Path(f"/proc/{pid}").exists():
            run(["ip", "netns", "delete", name])


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
