# SPDX-License-Identifier: Apache-2.0
"""Exhausts VPP's buffers, and releases them.

Reassembly keeps first fragments, with their buffers, until a timeout if the other fragments never
come. So many first fragments are sent that no buffer is left.
"""

import itertools
import time

from . import frames, generator, traffic
from .vpp import Vpp
from .waiting import until

#: VPP's default limit of concurrent reassemblies: enough to take 4096 buffers.
_REASSEMBLIES = 1024

_NETWORK = "10.77.0"

#: Every packet has another identification.
_identifiers = itertools.count(1)


def prepare(vpp: Vpp) -> str:
    """Returns an interface whose packets are reassembled. Disables IPv6 in Linux, since each frame
    that Linux sends frees one of the buffers that VPP holds for reception."""
    vpp.namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    interface = generator.add_interface(vpp, 77, mac=traffic.VPP_MAC)
    vpp.configure(
        f"set interface ip address {interface} {_NETWORK}.1/24",
        f"set interface reassembly {interface} on",
    )
    _set_reassembly_timeout(vpp, 1_000_000)
    return interface


def _set_reassembly_timeout(vpp: Vpp, milliseconds: int) -> None:
    """Sets how long reassembly waits for fragments."""
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
    """The number of free buffers, including those cached by threads."""
    for line in vpp.cli("show buffers").splitlines():
        words = line.split()
        if words and words[0].startswith("default-numa"):
            available, cached = int(words[-3]), int(words[-2])
            return available + cached
    raise AssertionError("VPP shows no buffers")


def exhaust(vpp: Vpp, interface: str, leave: int = 0) -> None:
    """Takes all buffers, or leaves at most `leave`. VPP must have no workers, since each thread
    caches some buffers."""
    assert vpp.workers == 0
    # VPP may still have been returning buffers: repeat until none is free for a while.
    calm = 0
    while calm < 5:
        if free(vpp) > leave:
            _take(vpp, interface, leave)
            calm = 0
        else:
            calm += 1
            time.sleep(0.05)


def _take(vpp: Vpp, interface: str, leave: int) -> None:
    # A fragment of 7900 octets takes four buffers of 2048 octets.
    for octets, each in ((7900, 4), (16, 1)):
        while (count := _share(free(vpp) - leave, each)) > 0:
            fragments = [_first_fragment(next(_identifiers), octets) for _ in range(count)]
            generator.Stream(vpp, interface, fragments).run()


def _share(buffers: int, each: int) -> int:
    """The number of packets for a part of the free buffers. Others may take some in the meantime,
    and a stream that lacks buffers never ends."""
    return (buffers // each + 1) // 2 if buffers > 300 or each == 1 else 0


def release(vpp: Vpp, count: int) -> None:
    """Releases the buffers, and waits until `count` are free."""
    _set_reassembly_timeout(vpp, 1)
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
