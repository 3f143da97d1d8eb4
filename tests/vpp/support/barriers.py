# SPDX-License-Identifier: Apache-2.0
"""How often the plugin stops VPP's workers.

VPP's event log has an entry for each barrier, with the name of the function that took it. All of
the plugin's are taken by one; what VPP's own command line and API take are others'.
"""

from collections.abc import Callable

from .vpp import Vpp

#: The plugin's.
_FUNCTION = "vpp_shim_barrier_sync"

#: More than VPP's log holds.
_ALL = 10_000_000


def taken(vpp: Vpp, action: Callable[[], object]) -> int:
    """How many the plugin takes meanwhile."""
    vpp.cli("event-logger trace barrier")
    vpp.cli("event-logger clear")
    action()
    vpp.cli("event-logger stop")
    log = vpp.cli(f"show event-logger {_ALL}")
    vpp.cli("event-logger restart")
    vpp.cli("event-logger trace barrier disable")
    return sum(_FUNCTION in line for line in log.splitlines())
