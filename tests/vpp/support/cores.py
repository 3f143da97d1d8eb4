# SPDX-License-Identifier: Apache-2.0
"""Runs VPP with any number of workers on any number of cores.

VPP pins each thread to its own core, and refuses to put two threads on one. If other processes use
that core, a worker may not run for a second, and VPP aborts. So a preloaded library lets the kernel
place the threads. If there are too few cores, the files in which Linux lists them are replaced for
the VPP process by files that list more.
"""

import os
import shlex
from pathlib import Path

from .process import run

_LISTS = ("/sys/devices/system/cpu/online", "/sys/devices/system/node/node0/cpulist")


def stanza(workers: int) -> str:
    """The `cpu` stanza for this number of workers."""
    if workers == 0:
        return "cpu { main-core 0 }" if _available() == {0} else "cpu { }"
    if _enough(workers):
        return f"cpu {{ workers {workers} }}"
    return f"cpu {{ main-core 0 corelist-workers 1-{workers} }}"


def command(workers: int, words: list[str | os.PathLike], folder: Path) -> list[str]:
    """The command line that runs `words` in its own mount namespace with enough cores."""
    words = [os.fspath(word) for word in words]
    if workers == 0:
        return words
    library = folder / "few_cores.so"
    source = Path(__file__).with_name("few_cores.c")
    run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source])
    covered = [] if _enough(workers) else _cover(folder / "cores", workers)
    script = " && ".join([*covered, f'LD_PRELOAD={shlex.quote(str(library))} exec "$@"'])
    return ["sh", "-c", script, "sh", *words]


def _cover(cores: Path, workers: int) -> list[str]:
    """Shell commands that mount files which list a core for each thread."""
    cores.write_text(f"0-{workers}\n")
    return [
        f"mount --bind {shlex.quote(str(cores))} {path}" for path in _LISTS if Path(path).is_file()
    ]


def _available() -> set[int]:
    return os.sched_getaffinity(0)


def _enough(workers: int) -> bool:
    return len(_available()) > workers
