# SPDX-License-Identifier: Apache-2.0
"""Refused input: one line that names what is wrong, and nothing changes."""

from .vpp import Vpp


def settings(vpp: Vpp) -> str:
    """Everything that input can change, as VPP shows it."""
    words = ("show flowmeter exporter", "show flowmeter interfaces", "show flowmeter memory")
    shown = [vpp.cli(command) for command in words]
    features = [vpp.cli(f"show interface features {name}") for name in ("pg0", "local0")]
    return "\n".join([*shown, *features])


def assert_one_line(answer: str, *parts: str) -> None:
    lines = answer.strip().splitlines()
    assert len(lines) == 1, f"not one line: {answer!r}"
    for part in parts:
        assert part in lines[0], f"{part!r} is not in {lines[0]!r}"
