# SPDX-License-Identifier: Apache-2.0
"""Collectors at the namespace's end of a link.

`UdpSink` is a socket with the strict reader. `Nfcapd` runs a widely used collector. `Wiretap` reads
the same packets on the wire and checks what a socket hides: lengths, checksums, the source port.
"""

import ipaddress
import json
import socket
import struct
from pathlib import Path

from . import flows, installation
from .frames import UDP, checksum, pseudo_header
from .ipfix import Reader, Record
from .link import Link, RawSocket, enlarge_buffer
from .namespace import Namespace
from .process import Daemon, run
from .waiting import until

PORT = 4739


class UdpSink:
    """Receives and reads messages at a UDP port of the namespace."""

    def __init__(
        self,
        namespace: Namespace,
        address: str,
        port: int = PORT,
        *,
        payload_limit: int = 65535,
        threads: int = 1,
    ):
        """`threads` is the number of VPP's threads that send in one domain."""
        family = {4: socket.AF_INET, 6: socket.AF_INET6}[ipaddress.ip_address(address).version]
        self._socket = namespace.socket(family, socket.SOCK_DGRAM)
        enlarge_buffer(self._socket)
        self._socket.bind((address, port))
        self._payload_limit = payload_limit
        self.datagrams: list[bytes] = []
        #: Source addresses and ports of the datagrams.
        self.sources: set[tuple[str, int]] = set()
        self.reader = Reader(threads)

    def poll(self) -> Reader:
        """Reads what has arrived, and returns everything read so far."""
        while True:
            try:
                datagram, source = self._socket.recvfrom(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self.reader
            assert len(datagram) <= self._payload_limit, f"a message of {len(datagram)} octets"
            self.datagrams.append(datagram)
            self.sources.add(source[:2])
            self.reader.read(datagram)

    @property
    def flow_records(self) -> list[Record]:
        return self.poll().flow_records

    def wait_for_records(self, count: int) -> list[Record]:
        """Waits until exactly `count` flow records have arrived."""
        until(f"{count} flow records", lambda: len(self.flow_records) >= count)
        records = self.flow_records
        assert len(records) == count, f"{len(records)} flow records, not {count}"
        return records

    def wait_for_templates(self) -> None:
        until("templates", lambda: self.poll().messages)

    def close(self) -> None:
        self._socket.close()


class Wiretap:
    """Reads every packet to a collector's port on a link, and checks its headers."""

    def __init__(self, link: Link, path_mtu: int, port: int = PORT):
        self._socket = RawSocket(link.namespace, link.host)
        self._path_mtu = path_mtu
        self._port = port
        self.sources: set[tuple[str, int]] = set()
        self.reader = Reader()

    def poll(self) -> Reader:
        for frame in self._socket.received():
            source, destination_port, payload = datagram(frame, self._path_mtu)
            if destination_port == self._port:
                self.sources.add(source)
                self.reader.read(payload)
        return self.reader

    def close(self) -> None:
        self._socket.close()


class Nfcapd:
    """nfcapd, and the output of nfdump for its files."""

    _BUFFER = 4 << 20

    def __init__(self, namespace: Namespace, address: str, folder: Path, port: int = PORT):
        self._nfdump = installation.program("nfdump")
        self._namespace = namespace
        self._version = ipaddress.ip_address(address).version
        self._files = folder / "nfcapd"
        self._files.mkdir()
        words = [installation.program("nfcapd"), "-p", str(port), "-b", address]
        if self._version == 6:
            words.append("-6")
        words += ["-B", str(self._BUFFER), "-w", self._files]
        self._daemon = Daemon(namespace.command(*words), folder / "nfcapd.log")
        until("nfcapd's socket", lambda: "Startup" in self._daemon.output() and self._listens(port))

    def wait_for_messages(self, count: int) -> None:
        """Waits until it has processed exactly `count` datagrams and dropped none."""
        until(f"nfcapd to read {count} messages", lambda: self._counter("InDatagrams") >= count)
        # The kernel counts a datagram before nfcapd has processed it. Then nfcapd waits for more.
        until("nfcapd to process them", self._daemon.is_sleeping)
        assert self._counter("InDatagrams") == count
        for error in ("InErrors", "RcvbufErrors", "NoPorts"):
            assert self._counter(error) == 0, f"UDP {error}: {self._counter(error)}"

    def stop(self) -> flows.Flows:
        """Stops nfcapd, and returns the IP flows that it has written."""
        self._daemon.stop()
        output = self._daemon.output()
        assert "Bad Packets: 0" in output, output
        assert "rror:" not in output, output
        shown = run([self._nfdump, "-o", "json", "-R", self._files])
        return flows.of_nfdump(json.loads(shown))

    def kill(self) -> None:
        self._daemon.kill()

    def _listens(self, port: int) -> bool:
        table = "udp6" if self._version == 6 else "udp"
        return f":{port:04X} " in self._proc(table)

    def _counter(self, name: str) -> int:
        """A UDP counter of the namespace, where only nfcapd has sockets."""
        if self._version == 6:
            counters = dict(line.split() for line in self._proc("snmp6").splitlines())
            return int(counters[f"Udp6{name}"])
        names, values = (
            line.split() for line in self._proc("snmp").splitlines() if line.startswith("Udp:")
        )
        return int(dict(zip(names, values, strict=True))[name])

    def _proc(self, table: str) -> str:
        with self._namespace.entered():
            return Path(f"/proc/thread-self/net/{table}").read_text()


def datagram(frame: bytes, path_mtu: int) -> tuple[tuple[str, int], int, bytes]:
    """The source, destination port and payload of a datagram in an IP packet without options."""
    (ether_type,) = struct.unpack_from("!H", frame, 12)
    packet = frame[14:]
    assert len(packet) <= path_mtu, f"a packet of {len(packet)} octets"
    if ether_type == 0x0800:
        assert packet[0] == 0x45, f"version and header length {packet[0]:#x}"
        (length,) = struct.unpack_from("!H", packet, 2)
        assert checksum(packet[:20]) == 0, "the IPv4 header's checksum is wrong"
        protocol, addresses, udp = packet[9], [packet[12:16], packet[16:20]], packet[20:length]
    else:
        assert ether_type == 0x86DD, f"EtherType {ether_type:#x}"
        payload_length, protocol = struct.unpack_from("!HB", packet, 4)
        length = 40 + payload_length
        addresses, udp = [packet[8:24], packet[24:40]], packet[40:length]
    assert length == len(packet), f"an IP packet of {length} in {len(packet)} octets"
    if protocol != UDP:
        return ("", 0), 0, b""
    source_port, destination_port, udp_length, sent = struct.unpack_from("!HHHH", udp)
    assert udp_length == len(udp), f"a datagram of {udp_length} in {len(udp)} octets"
    if sent or ether_type == 0x86DD:
        # Optional with IPv4 (RFC 768), required with IPv6 (RFC 8200 §8.1).
        pseudo = pseudo_header(addresses, UDP, len(udp))
        assert checksum(pseudo + udp) == 0, "the UDP checksum is wrong"
    source = str(ipaddress.ip_address(addresses[0]))
    return (source, source_port), destination_port, udp[8:]
