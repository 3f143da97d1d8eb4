# SPDX-License-Identifier: Apache-2.0
"""The flows that `flowmeter replay` finds in a capture, as reference for VPP."""

import json
from pathlib import Path

from . import installation
from .flows import Flows, flow_of
from .process import run


def flows(capture: Path, folder: Path) -> Flows:
    """All flows of a capture, including those that are not IP."""
    output = folder / f"{capture.name}.ipfix"
    assert installation.FLOWMETER.is_file(), f"{installation.FLOWMETER} is not built"
    run([installation.FLOWMETER, "replay", "--l2", "--json", capture, "--output", output])
    found = Flows()
    for line in run([installation.FLOWMETER, "dump", output, "--json"]).splitlines():
        record = json.loads(line)
        if "flowEndReason" in record:
            found.add([flow_of(record)])
    assert found, f"{capture.name} has no flows"
    return found
