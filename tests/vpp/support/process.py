# SPDX-License-Identifier: Apache-2.0
"""Child processes that cannot hang a test and do not outlive it.

Only processes that were started here are ended, by their process id.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .waiting import TIMEOUT


def run(command: Sequence[str | os.PathLike], timeout: float = TIMEOUT, **options) -> str:
    """Runs a command that must succeed, and returns its output."""
    command = [os.fspath(word) for word in command]
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        **options,
    )
    assert finished.returncode == 0, (
        f"{' '.join(command)}: exit status {finished.returncode}\n"
        f"{finished.stdout}{finished.stderr}"
    )
    return finished.stdout


class Daemon:
    """A process in the background, with its output in a file."""

    def __init__(self, command: Sequence[str | os.PathLike], log: Path, **options):
        self.log = log
        self.command = [os.fspath(word) for word in command]
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **options,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def status(self) -> int | None:
        """The exit status, negative if a signal ended the process; None while it runs."""
        return self._child.poll()

    def is_sleeping(self) -> bool:
        """Whether its main thread sleeps, as it does in a system call that waits (proc(5))."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "S"

    def output(self) -> str:
        """The output so far."""
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.output().splitlines()[-lines:])

    def stop(self, timeout: float = TIMEOUT) -> int:
        """Sends SIGTERM, waits for the end of the process, and returns its exit status."""
        if self.status() is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.command[0]} does not end on SIGTERM within {timeout:g} s:\n{self.tail()}"
            ) from None

    def kill(self) -> None:
        """Kills the process."""
        if self.status() is None:
            self._child.kill()
        self._child.wait(TIMEOUT)
