# SPDX-License-Identifier: Apache-2.0
"""Counts the system calls of a thread, with strace."""

import re
from collections import Counter
from pathlib import Path

from . import installation
from .process import Daemon
from .vpp import Vpp
from .waiting import until

_LINE = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.MULTILINE)


def of_thread(vpp: Vpp, thread: int, seconds: float) -> Counter[str]:
    """The number of each system call that a thread of VPP makes in `seconds`."""
    log = vpp.folder / "strace"
    strace = Daemon([installation.program("strace"), "-c", "-p", str(thread)], log)
    try:
        until("strace to attach", lambda: "attached" in strace.output())
        vpp.wait_seconds(seconds)
        strace.stop()
    finally:
        strace.kill()
    shown = strace.output()
    assert "detached" in shown, shown
    counts = Counter({name: int(count) for count, name in _LINE.findall(shown)})
    # The last line is their sum: no line was missed.
    total = counts.pop("total", 0)
    assert total == counts.total(), shown
    return counts


def worker_thread(vpp: Vpp, worker: int) -> int:
    """The Linux thread id of one of VPP's workers."""
    for task in Path(f"/proc/{vpp.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == f"vpp_wk_{worker}":
            return int(task.name)
    raise AssertionError(f"VPP has no worker {worker}")
