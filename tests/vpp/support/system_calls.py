# SPDX-License-Identifier: Apache-2.0
"""The system calls that a thread makes, as strace counts them."""

import re
from collections import Counter
from pathlib import Path

from . import installation
from .process import Daemon
from .vpp import Vpp
from .waiting import until

_LINE = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.MULTILINE)


def of_thread(vpp: Vpp, thread: int, seconds: float) -> Counter[str]:
    """How often a thread of VPP makes each system call in so many seconds."""
    log = vpp.folder / "strace"
    strace = Daemon([installation.program("strace"), "-c", "-p", str(thread)], log)
    try:
        until("strace to attach", lambda: "attached" in strace.said())
        vpp.wait_seconds(seconds)
        strace.stop()
    finally:
        strace.kill()
    shown = strace.said()
    assert "detached" in shown, shown
    counts = Counter({name: int(count) for count, name in _LINE.findall(shown)})
    # The last line is their sum: none was overlooked.
    total = counts.pop("total", 0)
    assert total == counts.total(), shown
    return counts


def worker_thread(vpp: Vpp, worker: int) -> int:
    """The number that Linux knows a worker of VPP's by."""
    for task in Path(f"/proc/{vpp.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == f"vpp_wk_{worker}":
            return int(task.name)
    raise AssertionError(f"VPP has no worker {worker}")
