# SPDX-License-Identifier: Apache-2.0
"""Interfaces of VPP whose other end is in the test's namespace.

A link is a pair of Ethernet interfaces in the namespace, one of which VPP uses. Neighbours are
static by default: VPP drops packets while it resolves a neighbour, which would make tests depend on
timing.
"""

import socket
import struct
from dataclasses import dataclass

from .namespace import Namespace
from .vpp import Vpp
from .waiting import until


@dataclass(frozen=True)
class Link:
    """An Ethernet link between VPP and the namespace."""

    namespace: Namespace
    #: The names of the interface in the namespace and in VPP.
    host: str
    vpp: str
    host_mac: str
    vpp_mac: str
    #: The addresses of both ends.
    host_address: str
    vpp_address: str
    host_address6: str
    vpp_address6: str


def add_link(
    vpp: Vpp,
    number: int,
    *,
    addresses: bool = True,
    words: str = "",
    elsewhere: Namespace | None = None,
) -> Link:
    """Link `number` of this VPP, up at both ends. Without `addresses` it only carries frames, as in
    a bridge. `words` are more arguments of VPP's command. The other end may be `elsewhere`, in
    another namespace. Add links before sub-interfaces: af_packet counts received packets under the
    index of the hardware interface, which may then be the `sw_if_index` of another interface."""
    namespace = vpp.namespace
    link = Link(
        elsewhere or namespace,
        host=f"host{number}",
        vpp=f"host-vpp{number}",
        host_mac=f"02:00:00:00:{number:02x}:01",
        vpp_mac=f"02:00:00:00:{number:02x}:02",
        host_address=f"192.0.2.{8 * number + 1}",
        vpp_address=f"192.0.2.{8 * number + 2}",
        host_address6=f"2001:db8:{0xA0 + number:x}::1",
        vpp_address6=f"2001:db8:{0xA0 + number:x}::2",
    )
    namespace.add_pair(link.host, f"vpp{number}", link.host_mac, "02:00:00:00:ff:%02x" % number)
    if elsewhere:
        namespace.ip("link", "set", link.host, "netns", elsewhere.name)
        elsewhere.ip("link", "set", link.host, "up")
    vpp.cli(f"create host-interface name vpp{number} hw-addr {link.vpp_mac} {words}".strip())
    vpp.configure(f"set interface state {link.vpp} up")
    _fill_buffers(vpp, link)
    if addresses:
        add_addresses(vpp, link)
    return link


def _fill_buffers(vpp: Vpp, link: Link) -> None:
    """Lets VPP allocate its receive buffers. It allocates 256 more when it has fewer than that, so
    after a few frames the number of buffers in use does not change for the next 250."""
    wire = RawSocket(link.namespace, link.host)
    index = vpp.interface_index(link.vpp)
    for count in range(1, 4):
        wire.send([bytes.fromhex("0180c200000e020000000001") + b"\x88\xcc" + bytes(46)])
        until(f"{link.vpp} to receive", lambda count=count: _received(vpp, index) >= count)
    wire.close()


def _received(vpp: Vpp, index: int) -> int:
    """The number of packets that an interface has received."""
    return sum(packets for packets, _ in vpp.statistics().by_thread("/if/rx", index))


def add_addresses(
    vpp: Vpp, link: Link, interface: str | None = None, *, are_known: bool = True
) -> None:
    """Sets the addresses of both ends; in VPP, those of `interface`. Neighbours are static, or VPP
    has to resolve them."""
    namespace = link.namespace
    interface = interface or link.vpp
    vpp.configure(
        f"set interface ip address {interface} {link.vpp_address}/29",
        f"set interface ip address {interface} {link.vpp_address6}/64",
    )
    if are_known:
        vpp.configure(
            f"set ip neighbor {interface} {link.host_address} {link.host_mac} static",
            f"set ip neighbor {interface} {link.host_address6} {link.host_mac} static",
        )
    settings = f"net.ipv6.conf.{link.host}"
    # No link-local address, with which Linux would send packets.
    namespace.run("sysctl", "-qw", f"{settings}.addr_gen_mode=1")
    namespace.run("sysctl", "-qw", f"{settings}.mldv2_unsolicited_report_interval=1")
    namespace.run("sysctl", "-qw", f"{settings}.disable_ipv6=0")
    namespace.ip("address", "add", f"{link.host_address}/29", "dev", link.host)
    received = _received(vpp, index := vpp.interface_index(link.vpp))
    namespace.ip("address", "add", f"{link.host_address6}/64", "dev", link.host, "nodad")
    # Linux reports the multicast group of the address (RFC 3810 §6.1). Wait, so that no test
    # counts these packets.
    until("Linux's multicast reports", lambda: _multicast_reports(link) == _MULTICAST_REPORTS)
    until(
        f"{link.vpp} to receive them",
        lambda: _received(vpp, index) >= received + _MULTICAST_REPORTS,
    )
    for address in (link.vpp_address, link.vpp_address6):
        # fmt: off
        namespace.ip("neighbor", "add", address, "lladdr", link.vpp_mac,
                     "dev", link.host, "nud", "permanent")
        # fmt: on


#: The default of `net.ipv6.mld_qrv`.
_MULTICAST_REPORTS = 2


def _multicast_reports(link: Link) -> int:
    """The number of MLDv2 reports that Linux has sent."""
    text = link.namespace.run("cat", f"/proc/net/dev_snmp6/{link.host}")
    return sum(int(line.split()[1]) for line in text.splitlines() if "Icmp6OutType143" in line)


_SO_RCVBUFFORCE = 33


def enlarge_buffer(opened: socket.socket) -> None:
    """Enlarges the receive buffer for all that arrives before it is read."""
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)


class RawSocket:
    """Sends and receives whole frames at the namespace's end of a link."""

    # From Linux's headers; Python has no names for them.
    _EVERYTHING = 0x0003
    _OUTGOING = 4
    _SOL_PACKET, _PACKET_STATISTICS, _PACKET_AUXDATA = 263, 6, 8

    def __init__(self, namespace: Namespace, interface: str):
        self._socket = namespace.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self._EVERYTHING)
        )
        self._socket.setsockopt(self._SOL_PACKET, self._PACKET_AUXDATA, 1)
        # Before it is bound, so that nothing is dropped.
        enlarge_buffer(self._socket)
        self._socket.bind((interface, self._EVERYTHING))
        while _receive_at_once(self._socket) is not None:
            pass

    def send(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._socket.send(frame)

    def received(self) -> list[bytes]:
        """The frames received since the last call, in order. Asserts that none was dropped."""
        frames = []
        while (packet := _receive_at_once(self._socket)) is not None:
            frame, address = packet
            if address[2] != self._OUTGOING:
                frames.append(frame)
        counts = self._socket.getsockopt(self._SOL_PACKET, self._PACKET_STATISTICS, 8)
        _, dropped = struct.unpack("II", counts)
        assert dropped == 0, f"this machine has dropped {dropped} frames"
        return frames

    def close(self) -> None:
        self._socket.close()


def _receive_at_once(opened: socket.socket) -> tuple[bytes, tuple] | None:
    """Receives a frame and its address without waiting; None if there is none."""
    try:
        frame, extra, _, address = opened.recvmsg(65536, 256, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    for _, _, octets in extra:
        # Linux has removed the outer tag from the frame: struct tpacket_auxdata.
        status, _, _, _, _, control, announced = struct.unpack("IIIHHHH", octets)
        if status & _VLAN_VALID:
            frame = frame[:12] + struct.pack("!HH", announced, control) + frame[12:]
    return frame, address


_VLAN_VALID = 0x10
