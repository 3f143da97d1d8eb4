# SPDX-License-Identifier: Apache-2.0
"""A build is for one release of VPP: any other release refuses it with a line in the log, and
continues. Differences between releases are not visible to users."""

import pytest

from support import accounts, generator, installation, registration, routing
from support.client import Client
from support.traffic import many_flows
from support.vpp import Vpp

def assert_refused(vpp: Vpp, required: str) -> None:
    """Asserts that VPP runs without the plugin, and has logged why."""
    assert "flowmeter" not in vpp.cli("show plugins")
    assert "unknown" in vpp.cli("show flowmeter")
    mismatch = f"version mismatch: {installation.vpp_version()} != {required}"
    lines = [line for line in vpp.cli("show logging").splitlines() if mismatch in line]
    assert lines and "flowmeter_plugin.so" in lines[0], vpp.cli("show logging")


def other_builds() -> list:
    version = installation.vpp_version()
    return [
        path
        for path in installation.builds()
        if not version.startswith(registration.required(path))
    ]


def test_the_build_requires_its_release():
    """For a release candidate its exact version, else year and month."""
    required = registration.required(installation.PLUGIN)
    version = installation.vpp_version()
    assert required == (version if "-rc" in version else version[:5])


@pytest.mark.smoke
@pytest.mark.parametrize("other", ["25.06", "25.10", "26.02", "26.06", "26.10", "26.10-rc0~1-gabc"])
def test_another_release_is_refused(start_vpp, tmp_path, other):
    if installation.vpp_version().startswith(other):
        other = "27.02"
    copy = registration.with_required(installation.PLUGIN, other, tmp_path / "other.so")
    assert_refused(start_vpp(library=copy, flows=None), other)


@pytest.mark.smoke
def test_a_release_candidate_is_refused(start_vpp, tmp_path):
    """A candidate's version starts like that of its release, but its structures differ. The
    candidate is a copy of the installed VPP with another version."""
    version = installation.vpp_version()
    candidate = f"{version[:5]}-rc0~1-g"
    if len(version) != len(candidate) or "-rc" in version:
        pytest.skip(f"{version} cannot be replaced with {candidate}")
    octets = installation.vpp_program("vpp").read_bytes()
    assert version.encode() in octets
    program = tmp_path / "vpp"
    program.write_bytes(octets.replace(version.encode(), candidate.encode()))
    program.chmod(0o755)
    vpp = start_vpp(program=program, flows=None)
    assert candidate in vpp.cli("show version")
    log = [line for line in vpp.cli("show logging").splitlines() if "flowmeter_plugin" in line]
    assert any(f"version mismatch: {candidate} != {version}" in line for line in log), log
    assert "unknown" in vpp.cli("show flowmeter")


@pytest.mark.smoke
@pytest.mark.parametrize("library", other_builds(), ids=str)
def test_a_build_for_another_release_is_refused(start_vpp, library):
    """All available builds: `.ci/run` builds for every installed VPP. Structures that VPP reads
    before it compares versions may differ, too."""
    assert_refused(start_vpp(library=library, flows=None), registration.required(library))


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 1])
def test_cli_inband_does_not_stop_workers_for_tables(start_vpp, workers):
    """Before 26.06, VPP holds the barrier during `cli_inband`: the command creates starter tables,
    and full ones follow later."""
    vpp = start_vpp(workers=workers)
    source = routing.add_source(vpp)
    client = Client(vpp)
    try:

        def cli(command: str) -> str:
            reply = client.api.cli_inband(cmd=command)
            assert reply.retval == 0, reply
            return reply.reply

        assert cli(f"flowmeter interface {source} l2") == ""
        assert cli(f"flowmeter interface {source} l2 disable") == ""
        assert cli(f"flowmeter interface {source} l2") == ""
        assert cli("set flowmeter idle-timeout 100") == ""
        assert "idle timeout 100 s" in cli("show flowmeter")
        assert source in cli("show flowmeter interfaces")
        assert cli(f"flowmeter interface {source} l2 disable") == ""
        assert cli(f"flowmeter interface {source} l2") == ""
        sent = many_flows(100)
        generator.replay(vpp, source, sent.frames)
        assert accounts.read(vpp).metered.packets == len(sent.frames)
        # A wrong command is refused at once.
        reply = client.api.cli_inband(cmd="flowmeter interface nothing")
        assert reply.retval != 0
    finally:
        client.close()
