# SPDX-License-Identifier: Apache-2.0
"""A control group that limits the memory of the processes in it, of whichever version this machine
has."""

import itertools
import os
import shlex
from pathlib import Path

_numbers = itertools.count()
_ROOT = Path("/sys/fs/cgroup")


class ControlGroup:
    """Made below the group that the tests are in, or below the root where that can't be."""

    def __init__(self, folder: Path, mount: str):
        self._folder = folder
        #: Has the hierarchy seen where `ip netns exec` hides it.
        self._mount = mount

    @classmethod
    def make(cls, octets: int) -> "ControlGroup | None":
        """A group with so much memory; None where the machine allows none."""
        name = f"flowmeter-{os.getpid()}-{next(_numbers)}"
        if (_ROOT / "memory").is_dir():
            root, limit = _ROOT / "memory", "memory.limit_in_bytes"
            mount = (
                f"mount -t tmpfs none {_ROOT} && mkdir {root} &&"
                f" mount -t cgroup -o memory none {root}"
            )
        else:
            root, limit = _ROOT, "memory.max"
            mount = f"mount -t cgroup2 none {root}"
        folder = root / name
        try:
            folder.mkdir()
        except OSError:
            return None
        group = cls(folder, mount)
        try:
            (folder / limit).write_text(str(octets))
        except OSError:
            group.remove()
            return None
        return group

    def command(self, words: list[str | os.PathLike]) -> list[str]:
        """The command line `words`, which becomes a process of this group."""
        processes = shlex.quote(str(self._folder / "cgroup.procs"))
        script = f'{self._mount} && echo $$ > {processes} && exec "$@"'
        return ["sh", "-c", script, "sh", *(os.fspath(word) for word in words)]

    def has(self, pid: int) -> bool:
        """Whether a process is in it."""
        return str(pid) in (self._folder / "cgroup.procs").read_text().split()

    def remove(self) -> None:
        """All processes have left it."""
        self._folder.rmdir()
