# SPDX-License-Identifier: Apache-2.0
"""How startup.conf tells VPP where the plugin is. docs/vpp.md says which way works where."""

import pytest

from support import installation
from support.vpp import Vpp

PATH = "plugins {{ path {} }}"
#: VPP's own directory comes first, and these are behind it.
ADD_PATH = "plugins {{ add-path {} }}"
#: The older way, outside of any stanza.
TOP_LEVEL = "plugin_path {}"

# VPP reads the path into memory that it gives back before it loads plugins.
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
    """A second `plugins` stanza, as somebody adds one to a file that has one already."""
    vpp = start_vpp(plugin_path="plugins {{ add-path /nowhere }} " + ADD_PATH)
    assert "flowmeter_plugin.so" in loaded(vpp)


def test_the_first_directory_wins(start_vpp):
    """`path` with a directory before VPP's own is how the plugin takes flowprobe's place."""
    vpp = start_vpp(copies=["flowprobe"], plugins=(), plugin_path=PATH)
    assert "flowprobe_plugin.so" in loaded(vpp)
    # VPP's own file of that name has no such command.
    assert "built for VPP" in vpp.cli("show flowmeter")


def test_behind_vpp_s_own_directory_it_is_not_in_flowprobe_s_place(start_vpp):
    """`add-path` puts it behind, where VPP's own file of that name is found first."""
    vpp = start_vpp(copies=["flowprobe"], plugins=(), plugin_path=ADD_PATH, flows=None)
    assert "flowprobe_plugin.so" in loaded(vpp)
    assert "unknown input" in vpp.cli("show flowmeter")
