# SPDX-License-Identifier: Apache-2.0
"""Clients of VPP's binary API: vpp_papi from PyPI, over the API's socket.

They read the messages from .api.json files: VPP's, and that of the plugin's build.
"""

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from vpp_papi import VPPApiClient

from . import api_errors, installation
from .vpp import Vpp
from .waiting import until

#: Generated from plugin/src/frontends/api/flowmeter.api by the plugin's build.
DEFINITIONS = installation.PLUGIN.with_name("flowmeter.api.json")

#: VPP's definitions that clients need to connect and for the tests.
_VPPS = ("core/memclnt", "core/vlib", "core/vpe", "core/interface", "plugins/flowprobe")


class Client:
    """A connected client; the messages are methods of `api`."""

    def __init__(self, vpp: Vpp, name: str = "tests", read_timeout: int = 20):
        folder = installation.PREFIX / "share" / "vpp" / "api"
        files = [DEFINITIONS, *(folder / f"{name}.api.json" for name in _VPPS)]
        for file in files:
            assert file.is_file(), f"{file} does not exist"
        self._papi = VPPApiClient(
            apifiles=[str(file) for file in files],
            server_address=str(vpp.api_socket),
            read_timeout=read_timeout,
        )
        self.events: queue.Queue = queue.Queue()
        self._papi.register_event_callback(lambda name, event: self.events.put((name, event)))
        self._papi.connect(name)
        self.api = self._papi.api
        self.papi = self._papi

    def done(self, reply) -> int:
        """The final result of an operation, after waiting for it if it is in progress."""
        if reply.operation == 0:
            return reply.retval
        assert reply.retval == api_errors.RESPONSE_NOT_READY

        def ended():
            listed, details = self.api.flowmeter_operation_dump(operation=reply.operation)
            assert (listed.retval, len(details)) == (0, 1)
            return None if details[0].in_progress else details[0]

        return until(f"operation {reply.operation} to end", ended).retval

    def close(self) -> None:
        self._papi.disconnect()


@contextmanager
def connected(vpp: Vpp, name: str = "tests") -> Iterator[Client]:
    client = Client(vpp, name)
    try:
        yield client
    finally:
        client.close()
