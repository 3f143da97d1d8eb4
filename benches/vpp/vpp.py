# SPDX-License-Identifier: Apache-2.0
"""Starts a VPP process, sends it commands through vppctl, and stops it.

It has its own runtime directory and, as root, its own network namespace, and does not affect other
processes. This file knows nothing of what is measured.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests" / "vpp"))
from support.stats_segment import Segment  # noqa: E402

# Seconds between two copies of the node counters into the statistics segment. A copy also walks
# VPP's heap with every packet of a capture, which takes milliseconds.
UPDATE_INTERVAL = 0.5

PREFIXES = ["/usr/local", "/opt/vpp", "/usr"]


class VppError(Exception):
    """VPP is missing, does not start, has ended, or refuses a command."""


def find_prefix():
    """VPP's prefix: VPP_PREFIX, else the first of the usual prefixes."""
    named = os.environ.get("VPP_PREFIX")
    for prefix in [named] if named else PREFIXES:
        if os.access(Path(prefix, "bin", "vpp"), os.X_OK):
            return Path(prefix)
    places = named or ", ".join(PREFIXES)
    raise VppError(f"no bin/vpp in {places}: install VPP v26.06, or set VPP_PREFIX")


def find_plugins(prefix):
    """VPP's plugin directory."""
    for pattern in ("lib/*/vpp_plugins", "lib/vpp_plugins", "lib64/vpp_plugins"):
        for directory in sorted(prefix.glob(pattern)):
            return directory
    raise VppError(f"no vpp_plugins directory below {prefix}/lib")


class Vpp:
    """A running VPP. Use it in a `with` block, so that it is always stopped."""

    def __init__(
        self, directory, *, plugins, ours=None, core, worker=None, heap_octets, page_size
    ):
        """`plugins` are the plugins of VPP to load; `ours` is the plugin's file. `worker` is the
        core of the worker, if any."""
        self.directory = directory
        self.prefix = find_prefix()
        self.cli_socket = directory / "cli.sock"
        self.log = directory / "stderr"
        self.process = self.stats = None
        own = find_plugins(self.prefix)
        path = str(own)
        if ours:
            # Before VPP's directory: the first file of a name is loaded.
            first = directory / "plugins"
            first.mkdir()
            (first / "flowmeter_plugin.so").symlink_to(ours.resolve())
            path = f"{first}:{own}"
            plugins = [*plugins, "flowmeter_plugin.so"]
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(own.parent)}
        workers = "" if worker is None else f"corelist-workers {worker}"
        enabled = "\n".join(f"  plugin {plugin} {{ enable }}" for plugin in plugins)
        self.configuration = directory / "startup.conf"
        self.configuration.write_text(
            f"""\
unix {{
  nodaemon
  nosyslog
  runtime-dir {directory}
  cli-listen {self.cli_socket}
  cli-no-pager
}}
api-segment {{ prefix {directory.name} }}
socksvr {{ socket-name {directory}/api.sock }}
cpu {{ main-core {core} {workers} }}
memory {{ main-heap-size {heap_octets >> 20}M main-heap-page-size {page_size} }}
buffers {{ page-size {page_size} }}
statseg {{
  socket-name {directory}/stats.sock
  size 64M
  page-size {page_size}
  per-node-counters on
  update-interval {UPDATE_INTERVAL}
}}
plugins {{
  path {path}
  plugin default {{ disable }}
{enabled}
}}
"""
        )

    def __enter__(self):
        command = [self.prefix / "bin" / "vpp", "-c", self.configuration]
        if os.geteuid() == 0:
            # unshare executes VPP, so the process is VPP.
            command = ["unshare", "--net", "--", *command]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )
        try:
            self._wait_until_ready(60)
            self.stats = Segment(self.directory / "stats.sock")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.stats:
            self.stats.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # VPP removes these itself, unless it crashed.
        for left in Path("/dev/shm").glob(f"{self.directory.name}-*"):
            left.unlink()

    def _wait_until_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check_alive()
            if self.cli_socket.exists() and "vpp" in self._vppctl("show version").stdout:
                return
            time.sleep(0.1)
        raise VppError(f"VPP did not start in {seconds} s: {self.last_words()}")

    def _vppctl(self, command):
        vppctl = self.prefix / "bin" / "vppctl"
        try:
            return subprocess.run(
                [vppctl, "-s", self.cli_socket, *command.split()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=300,
                env=self.environment,
            )
        except subprocess.TimeoutExpired as error:
            raise VppError(f"VPP did not answer in 300 s: {command}") from error

    def check_alive(self):
        if self.process.poll() is not None:
            code = self.process.returncode
            raise VppError(f"VPP ended with status {code}: {self.last_words()}")

    def last_words(self):
        """The end of VPP's output, without colours and irrelevant lines."""
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text(errors="replace"))
        lines = [line.rstrip() for line in text.splitlines() if "vat-plug" not in line]
        return "\n".join(lines[-30:])

    def ask(self, command):
        """Runs a command, and returns its output."""
        done = self._vppctl(command)
        self.check_alive()
        if done.returncode != 0:
            raise VppError(f"vppctl {command}: {done.stdout.strip()}")
        return done.stdout

    def tell(self, command, answer=""):
        """Runs a command whose output has to start with `answer`; most print nothing on success."""
        said = self.ask(command).strip()
        if not said.startswith(answer) or (said and not answer):
            raise VppError(f"{command}: {said}")

    def waited(self):
        """Seconds since VPP's start in which its main thread was runnable but did not run."""
        task = f"/proc/{self.process.pid}/task/{self.process.pid}/schedstat"
        return int(Path(task).read_text().split()[1]) / 1e9


class Nodes:
    """Clocks, vectors and calls of every node at one moment, of one thread or of all."""

    def __init__(self, stats, thread=None):
        self.names = stats.names("/sys/node/names")
        self.clocks = stats.simple("/sys/node/clocks", thread)
        self.vectors = stats.simple("/sys/node/vectors", thread)
        self.calls = stats.simple("/sys/node/calls", thread)

    def since(self, earlier):
        """The differences to `earlier`: {name: (clocks, vectors, calls)}, without idle nodes."""
        done = {}
        for index, name in enumerate(self.names):
            now = self.clocks[index], self.vectors[index], self.calls[index]
            then = (0, 0, 0)
            if index < len(earlier.clocks):
                then = earlier.clocks[index], earlier.vectors[index], earlier.calls[index]
            grown = tuple(new - old for new, old in zip(now, then))
            if name and grown[0]:
                done[name] = grown
        return done


def stolen(core):
    """Seconds in which the hypervisor has not run this core (steal time)."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            return int(line.split()[8]) / os.sysconf("SC_CLK_TCK")
    return 0.0
