# SPDX-License-Identifier: Apache-2.0
"""Taking all of VPP's buffers, and giving them back.

First fragments of packets whose other fragments never come are kept by reassembly, with
their buffers, until it is told to give up on them. So many are sent that no buffer is left.
"""

import itertools
import time

from . import frames, generator, traffic
from .vpp import Vpp
from .waiting import until

#: Packets that VPP reassembles at a time, by default: so many are enough for 4096 buffers.
_REASSEMBLIES = 1024

_NETWORK = "10.77.0"

#: No packet is like one of another time.
_identifiers = itertools.count(1)


def prepare(vpp: Vpp) -> str:
    """The interface whose packets are reassembled. From now on Linux has no IPv6, which it
    would speak unasked: with each frame that VPP receives one of the buffers that it had put by
    for that becomes free."""
    vpp.namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    interface = generator.add_interface(vpp, 77, mac=traffic.VPP_MAC)
    vpp.configure(
        f"set interface ip address {interface} {_NETWORK}.1/24",
        f"set interface reassembly {interface} on",
    )
    _set_patience(vpp, 1_000_000)
    return interface


def _set_patience(vpp: Vpp, milliseconds: int) -> None:
    """How long reassembly waits for fragments."""
    arguments = {
        "timeout_ms": milliseconds,
        "max_reassemblies": _REASSEMBLIES,
        "max_reassembly_length": 3,
        "expire_walk_interval_ms": 50,
        "is_ip6": 0,
        "type": "IP_REASS_TYPE_FULL",
    }
    vpp.api("ip_reassembly_set", arguments)


def free(vpp: Vpp) -> int:
    """Buffers that this thread or anyone can have."""
    for line in vpp.cli("show buffers").splitlines():
        words = line.split()
        if words and words[0].startswith("default-numa"):
            available, cached = int(words[-3]), int(words[-2])
            return available + cached
    raise AssertionError("VPP shows no buffers")


def exhaust(vpp: Vpp, interface: str, leave: int = 0) -> None:
    """Takes every buffer, or all but `leave` at most. VPP has no workers: each thread keeps
    some for itself."""
    assert vpp.workers == 0
    # What VPP was about to give back when the last was taken is taken too.
    calm = 0
    while calm < 5:
        if free(vpp) > leave:
            _take(vpp, interface, leave)
            calm = 0
        else:
            calm += 1
            time.sleep(0.05)


def _take(vpp: Vpp, interface: str, leave: int) -> None:
    # Each of the first kind takes four buffers of 2048 octets.
    for octets, each in ((7900, 4), (16, 1)):
        while (count := _share(free(vpp) - leave, each)) > 0:
            fragments = [_first_fragment(next(_identifiers), octets) for _ in range(count)]
            generator.Stream(vpp, interface, fragments).run()


def _share(buffers: int, each: int) -> int:
    """A part of what is left: others may take some meanwhile, and a stream that does not get
    all that it needs goes on asking for ever."""
    return (buffers // each + 1) // 2 if buffers > 300 or each == 1 else 0


def release(vpp: Vpp, count: int) -> None:
    """Gives them back, so that `count` are free."""
    _set_patience(vpp, 1)
    until("reassembly to give buffers back", lambda: free(vpp) >= count)


def _first_fragment(identifier: int, octets: int) -> bytes:
    more_fragments = 0x2000
    source = f"{_NETWORK}.{2 + identifier // 200 % 200}"
    packet = frames.ip(
        source,
        f"{_NETWORK}.1",
        frames.UDP,
        bytes(octets),
        fragment=more_fragments,
        identification=identifier % 2**16,
    )
    return frames.ethernet(packet, source=traffic.SENDER_MAC, destination=traffic.VPP_MAC)
