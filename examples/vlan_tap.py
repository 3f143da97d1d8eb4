#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""802.1Q and 802.1ad sub-interfaces for a kernel built without 8021q.

usage: vlan_tap.py PARENT NAME=TPID:VID[,TPID:VID]...

For each NAME a tap device is made. What the kernel sends on it leaves PARENT
with the given tags pushed (outer tag first); what arrives on PARENT with
exactly these tags goes to the tap device, untagged. Prints "ready" once the
devices are there, and runs until it is ended.
"""
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
TPIDS = (0x8100, 0x88A8)


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def split_tags(frame, ancdata):
    """Returns (tags as a tuple of (tpid, vid), the frame without them)."""
    tags = []
    for level, kind, data in ancdata:
        # The kernel moves the outermost tag of a received frame to the side.
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                if not status & TP_STATUS_VLAN_TPID_VALID:
                    tpid = 0x8100
                tags.append((tpid, tci & 0x0FFF))
    at = 12
    while len(frame) >= at + 4:
        tpid, tci = struct.unpack_from("!HH", frame, at)
        if tpid not in TPIDS:
            break
        tags.append((tpid, tci & 0x0FFF))
        at += 4
    return tuple(tags), frame[:12] + frame[at:]


def main():
    parent = sys.argv[1]
    by_fd, by_tags = {}, {}
    for argument in sys.argv[2:]:
        name, _, list_ = argument.partition("=")
        tags = tuple((int(t, 0), int(v, 0)) for t, v in (x.split(":") for x in list_.split(",")))
        fd = open_tap(name)
        by_fd[fd] = b"".join(struct.pack("!HH", *tag) for tag in tags)
        by_tags[tags] = fd

    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    link.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    link.bind((parent, ETH_P_ALL))
    # Frames for the tap device's address must pass the parent as well.
    link.setsockopt(SOL_PACKET, 1, struct.pack("iHH8s", socket.if_nametoindex(parent), 1, 0, b""))
    print("ready", flush=True)

    while True:
        ready, _, _ = select.select([link, *by_fd], [], [])
        for source in ready:
            if source is link:
                frame, ancdata, _, address = link.recvmsg(65536, socket.CMSG_SPACE(20))
                if address[2] == PACKET_OUTGOING:
                    continue
                tags, frame = split_tags(frame, ancdata)
                if tags in by_tags:
                    try:
                        os.write(by_tags[tags], frame)
                    except OSError:
                        pass  # the tap device is not up
            else:
                frame = os.read(source, 65536)
                link.send(frame[:12] + by_fd[source] + frame[12:])


main()
