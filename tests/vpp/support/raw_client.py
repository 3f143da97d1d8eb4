# SPDX-License-Identifier: Apache-2.0
"""A client of the binary API that can send any octets, and need not read.

It implements only the framing of the socket; messages are encoded with vpp_papi's definitions.
"""

import random
import socket
import struct
from collections.abc import Iterable

from vpp_papi import VPPApiClient

from .vpp import Vpp

#: The header before each message: a field of VPP, the length of the message, a field of VPP.
_HEADER = struct.Struct("!QII")

#: sockclnt_create of memclnt.api, whose id is constant.
_CREATE = 15

#: The start of every message: id and context. A request has the client index in between.
_START = struct.Struct("!HI")
_REQUEST = struct.Struct("!HII")

_INTERESTING = (bytes(4), b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x7f\xff\xff\xff")


def scrambled(rng: random.Random, message: bytes) -> bytes:
    """A request with some random octets in its fields."""
    body = bytearray(message[_REQUEST.size :])
    for at in range(0, len(body), 4):
        room = min(4, len(body) - at)
        kind = rng.random()
        if kind < 0.3:
            body[at : at + room] = rng.choice(_INTERESTING)[:room]
        elif kind < 0.6:
            body[at : at + room] = rng.randbytes(room)
    return message[: _REQUEST.size] + bytes(body)


class RawClient:
    def __init__(self, vpp: Vpp, definitions: VPPApiClient, name: str = "raw"):
        self._definitions = definitions
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(20)
        self._socket.connect(str(vpp.api_socket))
        self._received = b""
        self.send(struct.pack("!HI64s", _CREATE, 0, name.encode()))
        reply = self.receive()
        # Id, client, context, response, client index.
        _, _, _, _, self.index = struct.unpack_from("!HIIiI", reply)

    def number(self, name: str) -> int:
        """VPP's id of a message."""
        message = self._definitions.messages[name]
        return self._definitions.transport.get_msg_index(f"{name}_{message.crc[2:]}")

    def message(self, name: str, context: int = 1, **fields) -> bytes:
        """A valid request."""
        start = {
            "_vl_msg_id": self.number(name),
            "client_index": self.index,
            "context": context,
        }
        return self._definitions.messages[name].pack({**start, **fields})

    def send(self, message: bytes, announced: int | None = None) -> None:
        """Sends a message with `announced` as its length."""
        length = len(message) if announced is None else announced
        self._socket.sendall(_HEADER.pack(0, length, 0) + message)

    def receive(self) -> bytes:
        """Receives the next message."""
        header = self._take(_HEADER.size)
        _, length, _ = _HEADER.unpack(header)
        return self._take(length)

    def receive_start(self) -> tuple[int, int]:
        """Receives the next message, and returns its id and context."""
        return _START.unpack_from(self.receive())

    def call(self, message: bytes) -> int:
        """Sends a request that is answered by one message, and returns its retval."""
        self.send(message)
        return struct.unpack_from("!HIi", self.receive())[2]

    def replied(self, name: str, context: int, among: Iterable[str] = ()) -> int:
        """The retval of the reply to a request. Only its details, or messages in `among`, may come
        before it."""
        number = self.number(f"{name}_reply")
        others = {self.number(other) for other in among}
        while True:
            found, answered, retval = struct.unpack_from("!HIi", self.receive())
            if found in others:
                continue
            assert answered == context
            if found == number:
                return retval

    def silent(self, seconds: float) -> bool:
        """Whether nothing is received for this time."""
        if self._received:
            return False
        self._socket.settimeout(seconds)
        try:
            self._received = self._socket.recv(1 << 16)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(20)
        return False

    def close(self) -> None:
        self._socket.close()

    def _take(self, octets: int) -> bytes:
        while len(self._received) < octets:
            more = self._socket.recv(1 << 16)
            assert more, "VPP has closed the connection"
            self._received += more
        taken, self._received = self._received[:octets], self._received[octets:]
        return taken
