# SPDX-License-Identifier: Apache-2.0
"""A control group that limits the memory of its processes, of version 1 or 2."""

import itertools
import os
import shlex
from pathlib import Path

_numbers = itertools.count()
_ROOT = Path("/sys/fs/cgroup")


class ControlGroup:
    """Created below the tests' own group, or below the root if that is not possible."""

    def __init__(self, folder: Path, mount: str):
        self._folder = folder
        #: Mounts the hierarchy, which `ip netns exec` hides.
        self._mount = mount

    @classmethod
    def make(cls, octets: int) -> "ControlGroup | None":
        """A group with this limit; None if the machine does not allow one."""
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
        """The command line that runs `words` in this group."""
        processes = shlex.quote(str(self._folder / "cgroup.procs"))
        script = f'{self._mount} && echo $$ > {processes} && exec "$@"'
        return ["sh", "-c", script, "sh", *(os.fspath(word) for word in words)]

    def has(self, pid: int) -> bool:
        """Whether a process is in this group."""
        return str(pid) in (self._folder / "cgroup.procs").read_text().split()

    def remove(self) -> None:
        """Removes the group. All of its processes must have ended."""
        self._folder.rmdir()
