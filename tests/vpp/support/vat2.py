# SPDX-License-Identifier: Apache-2.0
"""VPP's own client of the binary API, which takes and prints JSON, and the plugin's messages."""

import json
import shutil

from . import installation
from .vpp import Vpp

#: What the plugin's build has made for vat2; it is installed beside VPP's own.
_PLUGIN = installation.PLUGIN.with_name("flowmeter_test2_plugin.so")


def command(vpp: Vpp, message: str, **fields) -> list:
    """A command line that sends a message."""
    # vat2 loads all that stands in a folder, and takes nothing else there.
    folder = vpp.folder / "vat2"
    folder.mkdir(exist_ok=True)
    shutil.copy(_PLUGIN, folder)
    program = installation.vpp_program("vat2")
    return [program, "-p", folder, "--prefix", vpp.namespace.name, message, json.dumps(fields)]
