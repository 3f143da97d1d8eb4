# SPDX-License-Identifier: Apache-2.0
"""flowprobe's API and VPP's exporter, as clients use them: vpp_papi over the API's socket, with
VPP's .api.json files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vpp_papi import VPPApiClient

from . import installation
from .link import Link
from .vpp import Vpp

_DEFINITIONS = ("core/memclnt", "core/vpe", "core/interface", "core/ipfix_export", "core/vlib")

#: Values of enumerations in flowprobe.api.
IP4, IP6, L2 = 0, 1, 2
RX, TX, BOTH = 0, 1, 2
FLAG_IP4, FLAG_L2, FLAG_IP6 = 1, 2, 4
RECORD_L2, RECORD_L3, RECORD_L4 = 1, 2, 4
DEFAULT = 0xFFFFFFFF

#: VPP's error codes.
INVALID_SW_IF_INDEX, NO_SUCH_ENTRY, INVALID_VALUE = -2, -6, -7
CANNOT_ENABLE_DISABLE_FEATURE, ENTRY_ALREADY_EXISTS, UNSUPPORTED = -100, -116, -126


def definition(name: str = "plugins/flowprobe") -> Path:
    path = installation.PREFIX / "share" / "vpp" / "api" / f"{name}.api.json"
    assert path.is_file(), f"{path} does not exist"
    return path


def messages() -> dict[str, str]:
    """Every message of flowprobe.api and its CRC."""
    declared = json.loads(definition().read_text())["messages"]
    return {words[0]: words[-1]["crc"].removeprefix("0x") for words in declared}


@contextmanager
def connected(vpp: Vpp, name: str = "tests") -> Iterator[VPPApiClient]:
    """A connected client; disconnects it at the end."""
    files = [definition(), *(definition(core) for core in _DEFINITIONS)]
    client = VPPApiClient(
        apifiles=[str(file) for file in files],
        server_address=str(vpp.api_socket),
        read_timeout=20,
    )
    client.connect(name)
    try:
        yield client
    finally:
        client.disconnect()


def set_exporter(client: VPPApiClient, link: Link, path_mtu: int = 1400) -> None:
    reply = client.api.set_ipfix_exporter(
        collector_address=link.host_address,
        collector_port=4739,
        src_address=link.vpp_address,
        vrf_id=0xFFFFFFFF,
        path_mtu=path_mtu,
        template_interval=30,
        udp_checksum=False,
    )
    assert reply.retval == 0, reply
