# SPDX-License-Identifier: Apache-2.0
"""A test's VPP process.

Owns the process, its folder with sockets and configuration, and the directory from which the plugin
is loaded. It runs in its own network namespace, so several can run at once. Every call fails if VPP
has died, with the reason.
"""

import json
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from . import cores, installation
from .control_group import ControlGroup
from .namespace import Namespace
from .process import Daemon, run
from .stats_segment import Segment
from .waiting import TIMEOUT, until

#: Plugins of VPP that are always loaded.
_USUAL = ("af_packet",)

FLOWMETER = "flowmeter"
FLOWPROBE = "flowprobe"


class VppDied(AssertionError):
    """VPP has ended unexpectedly."""


class Vpp:
    """A running VPP that answers commands."""

    def __init__(
        self,
        namespace: Namespace,
        *,
        workers: int = 0,
        stanzas: str = "",
        plugins: Iterable[str] = (FLOWMETER,),
        buffers: int = 16384,
        buffer_octets: int = 2048,
        flows: int | None = 65536,
        copies: Iterable[str] = (),
        plugin_path: str = "plugins {{ path {} }}",
        library: Path = installation.PLUGIN,
        program: Path | None = None,
        control_group: ControlGroup | None = None,
    ):
        """`copies` are names of copies of the plugin in a separate directory, which is first in the
        plugin path. `plugin_path` is the line of startup.conf with the path. `library` is used
        instead of the plugin, `program` instead of VPP. `flows` is `flows-per-worker`, or None for
        the plugin's default. It is small by default, because small tables are created quickly."""
        self.namespace = namespace
        self.workers = workers
        self.folder = Path(tempfile.mkdtemp(prefix="vpp-"))
        self.stopped = False
        self._statistics: Segment | None = None
        try:
            plugins, copies = list(plugins), list(copies)
            if (FLOWMETER in plugins or copies) and flows is not None and "flowmeter {" not in stanzas:
                stanzas += f"\nflowmeter {{ flows-per-worker {flows} }}"
            configuration = self._configure(
                plugins, stanzas, buffers, buffer_octets, copies, plugin_path, library
            )
            words = [program or installation.vpp_program("vpp"), "-c", configuration]
            words = cores.command(workers, words, self.folder)
            if control_group:
                words = control_group.command(words)
            self._daemon = Daemon(namespace.command(*words), self.folder / "output")
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        try:
            until("VPP's command line", self._answers)
        except BaseException:
            self.kill()
            raise

    @property
    def threads(self) -> int:
        """The main thread and the workers."""
        return 1 + self.workers

    @property
    def api_socket(self) -> Path:
        """The socket of the binary API."""
        return self._path("api.sock")

    @property
    def pid(self) -> int:
        return self._daemon.pid

    def cli(self, command: str) -> str:
        """Runs a command, and returns its output."""
        self.check_alive()
        vppctl = installation.vpp_program("vppctl")
        try:
            answer = run([vppctl, "-s", self._path("cli.sock"), *command.split()])
        except Exception as error:
            self._check_dying()
            raise AssertionError(f"{command}: {error}\n{self.tail()}") from error
        self.check_alive()
        return answer.replace("\r", "")

    def configure(self, *commands: str) -> None:
        """Runs commands that print nothing on success."""
        for command in commands:
            answer = self.cli(command)
            assert answer.strip() == "", f"{command}: {answer}"

    def api(self, message: str, arguments: dict) -> dict:
        """Sends a message of the binary API, and returns the reply."""
        self.check_alive()
        program = installation.vpp_program("vat2")
        words = [program, "--prefix", self.namespace.name, message, json.dumps(arguments)]
        try:
            reply = json.loads(run(words))
        except Exception:
            self._check_dying()
            raise
        assert reply.get("retval") == 0, f"{message}: {reply}"
        return reply

    def stats(self, prefix: str) -> dict[str, list]:
        """Entries of the statistics segment with this prefix: the values of a counter by thread
        (pairs for packets and octets), or the one value of a gauge."""
        segment = self.statistics()
        return {name: segment.by_thread(name) for name in segment.present(prefix)}

    def stat(self, name: str) -> int:
        """A counter, summed over threads."""
        return self.statistics().one(name)

    def statistics(self) -> Segment:
        """The statistics segment."""
        self.check_alive()
        if self._statistics is None:
            self._statistics = Segment(self._path("stats.sock"))
        return self._statistics

    def error_counters(self) -> dict[tuple[str, str], int]:
        """Counts of `show errors` by node and reason."""
        counters: dict[tuple[str, str], int] = {}
        for line in self.cli("show errors").splitlines():
            words = line.split()
            if len(words) >= 3 and words[0].isdigit():
                # Count, node, reason in words, severity.
                key = (words[1], " ".join(words[2:-1]))
                counters[key] = counters.get(key, 0) + int(words[0])
        return counters

    def seconds(self) -> float:
        """VPP's clock, in seconds since its start."""
        clock = self.cli("show clock")
        return float(clock.split("Time now")[1].split(",")[0])

    def wait_seconds(self, count: float) -> None:
        """Waits until VPP's clock has advanced by `count` seconds."""
        end = self.seconds() + count
        until(f"{count} s to pass", lambda: self.seconds() > end, TIMEOUT + count)

    def node_calls(self) -> dict[str, int]:
        """How often each node was called, or a process was resumed, on all threads."""
        calls: dict[str, int] = {}
        for line in self.cli("show runtime verbose").splitlines():
            words = line.split()
            # Name, state in one or two words, calls, vectors, suspends, two averages.
            if len(words) >= 7 and words[-5].isdigit():
                count = int(words[-5]) + int(words[-3])
                calls[words[0]] = calls.get(words[0], 0) + count
        assert calls, "VPP shows no nodes"
        return calls

    def buffers_in_use(self) -> int:
        """Buffers that are neither free nor in a thread's cache of free ones."""
        used = 0
        lines = self.cli("show buffers").splitlines()
        header = next(line for line in lines if "Used" in line)
        assert header.split()[-1] == "Used", header
        for line in lines[lines.index(header) + 1 :]:
            if line.strip():
                used += int(line.split()[-1])
        return used

    def resident_octets(self) -> int:
        """VPP's resident memory."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def interface_index(self, interface: str) -> int:
        """The sw_if_index of an interface."""
        for line in self.cli("show interface").splitlines():
            words = line.split()
            if words and words[0] == interface:
                return int(words[1])
        raise AssertionError(f"VPP has no interface {interface}")

    def log(self) -> str:
        """The output of VPP and its libraries."""
        return self._daemon.output()

    def tail(self) -> str:
        """The end of the output, without lines that are always printed."""
        lines = [line for line in self.log().splitlines() if "vat_plugin_register" not in line]
        return "\n".join(lines[-40:])

    def _check_dying(self) -> None:
        """Waits for the end of a process that has closed its sockets."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            self.check_alive()
            time.sleep(0.02)

    def check_alive(self) -> None:
        status = self._daemon.status()
        if status is not None and not self.stopped:
            raise VppDied(f"VPP has {_ended(status)}:\n{self.tail()}")

    def stop(self) -> int:
        """Stops VPP with SIGTERM, and returns its exit status. Fails if a signal has ended it."""
        if self.stopped:
            return 0
        died_before = self._daemon.status() is not None
        self.stopped = True
        status = self._daemon.stop()
        try:
            if died_before or status < 0:
                raise VppDied(f"VPP has {_ended(status)}:\n{self.tail()}")
        finally:
            self._clean()
        return status

    def kill(self) -> None:
        """Kills VPP; the test has already failed."""
        if not self.stopped:
            self.stopped = True
            self._daemon.kill()
            self._clean()

    def _clean(self) -> None:
        if self._statistics is not None:
            self._statistics.close()
        shutil.rmtree(self.folder)
        for segment in Path("/dev/shm").glob(f"{self.namespace.name}*"):
            segment.unlink()

    def _answers(self) -> bool:
        self.check_alive()
        # The socket exists before VPP listens on it.
        vppctl = installation.vpp_program("vppctl")
        try:
            return "vpp v" in run([vppctl, "-s", self._path("cli.sock"), "show", "version"])
        except AssertionError:
            return False

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _configure(
        self,
        plugins: Iterable[str],
        stanzas: str,
        buffers: int,
        buffer_octets: int,
        copies: Iterable[str],
        plugin_path: str,
        library: Path,
    ) -> Path:
        own = self._path("plugins")
        own.mkdir()
        plugins = list(plugins)
        if FLOWMETER in plugins:
            assert library.is_file(), f"{library} is not built"
            (own / installation.PLUGIN_NAME).symlink_to(library)
        first = self._path("copies")
        first.mkdir()
        for name in copies:
            shutil.copy(library, first / f"{name}_plugin.so")
            plugins.append(name)
        enabled = "\n".join(
            f"    plugin {name}_plugin.so {{ enable }}" for name in [*_USUAL, *plugins]
        )
        path = plugin_path.format(f"{first}:{installation.vpp_plugins()}:{own}")
        text = f"""\
{path}
unix {{
    nodaemon
    cli-listen {self._path("cli.sock")}
    runtime-dir {self.folder}
    log {self._path("vpp.log")}
    cli-no-pager
    poll-sleep-usec 50
}}
api-segment {{ prefix {self.namespace.name} }}
socksvr {{ socket-name {self._path("api.sock")} }}
statseg {{
    socket-name {self._path("stats.sock")}
    page-size 4k
    size 32m
    per-node-counters on
}}
memory {{ main-heap-size 512m main-heap-page-size 4k }}
buffers {{
    page-size 4k
    buffers-per-numa {buffers}
    default data-size {buffer_octets}
}}
{cores.stanza(self.workers)}
plugins {{
    plugin default {{ disable }}
{enabled}
}}
{stanzas}
"""
        path = self._path("startup.conf")
        path.write_text(text)
        return path


def _ended(status: int) -> str:
    if status < 0:
        return f"been ended by {signal.Signals(-status).name}"
    return f"exited with status {status}"
