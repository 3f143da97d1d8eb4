# SPDX-License-Identifier: Apache-2.0
"""A memif between two VPPs, in Ethernet or IP mode."""

from .vpp import Vpp
from .waiting import until

#: The interface's name in both VPPs.
MEMIF = "memif1/0"

_ROLES = ("master", "slave")
_MACS = ("02:00:00:00:66:01", "02:00:00:00:66:02")


def connect(one: Vpp, other: Vpp, mode: str) -> None:
    """Connects two VPPs in mode `ethernet` or `ip`. Their addresses are 10.9.9.1 and 10.9.9.2,
    2001:db8:9::1 and 2001:db8:9::2, and their neighbours are static."""
    socket = one.folder / "memif.sock"
    for number, vpp in enumerate((one, other)):
        words = "mode ip" if mode == "ip" else f"hw-addr {_MACS[number]}"
        vpp.configure(
            f"create memif socket id 1 filename {socket}",
            f"create interface memif id 0 socket-id 1 {_ROLES[number]} {words}",
            f"set interface state {MEMIF} up",
            f"set interface ip address {MEMIF} 10.9.9.{number + 1}/24",
            f"set interface ip address {MEMIF} 2001:db8:9::{number + 1}/64",
        )
        if mode == "ethernet":
            peer = 2 - number
            vpp.configure(
                f"set ip neighbor {MEMIF} 10.9.9.{peer} {_MACS[1 - number]} static",
                f"set ip neighbor {MEMIF} 2001:db8:9::{peer} {_MACS[1 - number]} static",
            )
    for vpp in (one, other):
        until("memif to connect", lambda vpp=vpp: "connected" in vpp.cli("show memif"))
