# SPDX-License-Identifier: Apache-2.0
"""The ways to name the plugin's directory in startup.conf, as listed in docs/vpp.md."""

import pytest

from support import installation
from support.vpp import Vpp

PATH = "plugins {{ path {} }}"
#: Searched after VPP's directory.
ADD_PATH = "plugins {{ add-path {} }}"
#: The older way, outside of any stanza.
TOP_LEVEL = "plugin_path {}"

# VPP frees the path before it loads plugins.
CRASHES_VPP = installation.vpp_release() >= (26, 2)


def loaded(vpp: Vpp) -> list[str]:
    """The files that VPP has loaded."""
    lines = vpp.cli("show plugins").splitlines()
    return [word for line in lines for word in line.split() if word.endswith("_plugin.so")]


@pytest.mark.parametrize(
    "plugin_path",
    [
        PATH,
        ADD_PATH,
        pytest.param(
            TOP_LEVEL, marks=pytest.mark.skipif(CRASHES_VPP, reason="crashes VPP from v26.02 on")
        ),
    ],
)
def test_the_plugin_is_found(start_vpp, plugin_path):
    vpp = start_vpp(plugin_path=plugin_path)
    assert "flowmeter_plugin.so" in loaded(vpp)
    assert "built for VPP" in vpp.cli("show flowmeter")


def test_stanzas_add_up(start_vpp):
    """A second `plugins` stanza, added to a file that already has one."""
    vpp = start_vpp(plugin_path="plugins {{ add-path /nowhere }} " + ADD_PATH)
    assert "flowmeter_plugin.so" in loaded(vpp)


def test_the_first_directory_wins(start_vpp):
    """`path` with a directory before VPP's replaces flowprobe with the plugin."""
    vpp = start_vpp(copies=["flowprobe"], plugins=(), plugin_path=PATH)
    assert "flowprobe_plugin.so" in loaded(vpp)
    # VPP's own flowprobe has no such command.
    assert "built for VPP" in vpp.cli("show flowmeter")


def test_add_path_does_not_replace_flowprobe(start_vpp):
    """`add-path` searches the directory after VPP's, where VPP's own flowprobe is found first."""
    vpp = start_vpp(copies=["flowprobe"], plugins=(), plugin_path=ADD_PATH, flows=None)
    assert "flowprobe_plugin.so" in loaded(vpp)
    assert "unknown input" in vpp.cli("show flowmeter")
