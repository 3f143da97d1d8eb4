# SPDX-License-Identifier: Apache-2.0
"""Counts how often the plugin takes the worker barrier.

VPP's event log has an entry for each barrier, with the name of the function that took it. The
plugin always takes it in the same function; VPP's command line and API take it in others.
"""

from collections.abc import Callable

from .vpp import Vpp

#: The function of the plugin.
_FUNCTION = "vpp_shim_barrier_sync"

#: More entries than VPP's log can hold.
_ALL = 10_000_000


def taken(vpp: Vpp, action: Callable[[], object]) -> int:
    """How many barriers the plugin takes during `action`."""
    vpp.cli("event-logger trace barrier")
    vpp.cli("event-logger clear")
    action()
    vpp.cli("event-logger stop")
    log = vpp.cli(f"show event-logger {_ALL}")
    vpp.cli("event-logger restart")
    vpp.cli("event-logger trace barrier disable")
    return sum(_FUNCTION in line for line in log.splitlines())
