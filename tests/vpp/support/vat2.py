# SPDX-License-Identifier: Apache-2.0
"""VPP's client of the binary API, vat2, which takes and prints JSON."""

import json
import shutil

from . import installation
from .vpp import Vpp

#: The plugin for vat2, from the plugin's build.
_PLUGIN = installation.PLUGIN.with_name("flowmeter_test2_plugin.so")


def command(vpp: Vpp, message: str, **fields) -> list:
    """The command line that sends a message."""
    # vat2 loads all files in a folder, which must all be its plugins.
    folder = vpp.folder / "vat2"
    folder.mkdir(exist_ok=True)
    shutil.copy(_PLUGIN, folder)
    program = installation.vpp_program("vat2")
    return [program, "-p", folder, "--prefix", vpp.namespace.name, message, json.dumps(fields)]
