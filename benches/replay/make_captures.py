#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a capture of the smallest packets, out of many flows in random order.

Every frame is the smallest that Ethernet has: 64 octets, of which 60 are captured, as the
frame check sequence is not. Odd flows are TCP, even flows UDP, over IPv4. Each packet is of a
flow drawn uniformly, so that a flow table sees no locality but what few flows give it. A
packet comes each microsecond: millions of packets pass before any flow times out.

The same arguments make the same octets. What the capture holds is printed as one JSON object.
"""

import argparse
import json
import random
import struct
import sys

# Captures start where a window of 300 s starts, as nfpcapd begins a file with each.
START = 1_700_000_100

FRAME = 60
IPV4_LENGTH = FRAME - 14
UDP, TCP = 17, 6

# Packets that are written at a time; they are of the same second.
CHUNK = 250_000

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
RECORD_HEADER = struct.Struct("<IIII")
ETHERNET = bytes.fromhex("020000000001" "020000000002" "0800")
# Version and header length to checksum, source, destination (RFC 791, section 3.1).
IPV4 = struct.Struct(">BBHHHBBHII")
# Data offset of 5 words, ACK, window; no checksum; six octets of payload (RFC 9293, section 3.1).
TCP_REST = struct.pack(">IIBBHHH", 1, 1, 0x50, 0x10, 0xFFFF, 0, 0) + bytes(6)
# Length, no checksum, and payload (RFC 768).
UDP_REST = struct.pack(">HH", IPV4_LENGTH - 20, 0) + bytes(18)


def frame(flow, rng):
    """The frame of which all packets of `flow` are a copy."""
    protocol, rest = (TCP, TCP_REST) if flow & 1 else (UDP, UDP_REST)
    # An odd factor maps flows to addresses one to one, and neighbours far apart.
    source = 0x0A000000 | (flow * 0x9E3779B1 & 0xFFFFFF)
    drawn = rng.getrandbits(32)
    destination = 0xC6120000 | (drawn >> 16 & 0xFFFF)
    source_port = 0x8000 | (drawn & 0x7FFF)
    fixed = 0x4500 + IPV4_LENGTH + 0x4000 + (64 << 8 | protocol)
    checksum = fixed + (source >> 16) + (source & 0xFFFF)
    checksum += (destination >> 16) + (destination & 0xFFFF)
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
    header = IPV4.pack(
        0x45, 0, IPV4_LENGTH, 0, 0x4000, 64, protocol, checksum, source, destination
    )
    return b"".join((ETHERNET, header, struct.pack(">HH", source_port, 443), rest))


def make(path, packets, flows, seed):
    """Writes the capture and returns how many of the flows have a packet in it."""
    rng = random.Random(seed)
    frames = [frame(flow, rng) for flow in range(flows)]
    assert all(len(frame) == FRAME for frame in frames)
    seen = set()
    with open(path, "wb", buffering=0) as capture:
        written = capture.write(PCAP_HEADER)
        for first in range(0, packets, CHUNK):
            count = min(CHUNK, packets - first)
            second, microsecond = START + first // 1_000_000, first % 1_000_000
            order = rng.choices(range(flows), k=count)
            seen.update(order)
            pieces = [b""] * (2 * count)
            pieces[0::2] = [
                RECORD_HEADER.pack(second, time, FRAME, FRAME)
                for time in range(microsecond, microsecond + count)
            ]
            pieces[1::2] = map(frames.__getitem__, order)
            chunk = memoryview(b"".join(pieces))
            while chunk:
                done = capture.write(chunk)
                written += done
                chunk = chunk[done:]
    assert written == capture_octets(packets)
    return len(seen)


def capture_octets(packets):
    """How large a capture is."""
    return len(PCAP_HEADER) + packets * (RECORD_HEADER.size + FRAME)


def count(text):
    """A number such as 5000000, 5_000_000, 5M or 50k."""
    factor = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    digits = text if factor == 1 else text[:-1]
    try:
        number = int(digits) * factor
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number such as 5000000, 5M or 50k")
    return number


def flow_count(text):
    """A number of flows that have different addresses."""
    number = count(text)
    if number > 1 << 24:
        raise argparse.ArgumentTypeError(f"{number} flows: at most {1 << 24}")
    return number


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Example:\n  make_captures.py --packets 5M --flows 1M capture.pcap",
    )
    parser.add_argument(
        "--packets", type=count, default=5_000_000, metavar="N", help="default 5M"
    )
    parser.add_argument(
        "--flows", type=flow_count, default=1_000, metavar="N", help="default 1k"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of the random order (default 1)"
    )
    parser.add_argument("capture", metavar="FILE.pcap", help="the capture to write")
    options = parser.parse_args()
    try:
        seen = make(options.capture, options.packets, options.flows, options.seed)
    except OSError as error:
        sys.exit(f"make_captures.py: {error}")
    print(json.dumps({"packets": options.packets, "flows": seen}))


if __name__ == "__main__":
    main()
