# SPDX-License-Identifier: Apache-2.0
"""Runs VPP's own tests of flowprobe, unmodified, with the plugin instead of flowprobe.

    flowprobe_tests.py --vpp-source DIRECTORY [--workers N] [NAME...]

test/test_flowprobe.py and its framework are used from VPP's repository in DIRECTORY. Runs all 42
tests, or those named (`DatapathTx.test_L2onL2`), including the extended ones and those that the
framework skips on Debian 12.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from support import cores
from support.installation import PLUGIN, PREFIX, vpp_plugins


def vpp_with_cores(workers: int, folder: Path) -> Path:
    """Writes a program that runs VPP with any number of workers on any number of cores."""
    program = folder / "vpp"
    words = cores.command(workers, [f"{PREFIX}/bin/vpp"], folder)
    # The mounts are visible only to VPP.
    program.write_text(f'#!/bin/sh\nexec unshare --mount -- {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return program


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vpp-source", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--flowprobe", action="store_true", help="test flowprobe itself")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    folder = options.vpp_source / "test"
    sys.path[:0] = [str(folder), str(folder / "asf")]
    with tempfile.TemporaryDirectory(prefix="flowprobe-tests-") as work:
        plugins = Path(work) / "plugins"
        plugins.mkdir()
        if not options.flowprobe:
            shutil.copy(PLUGIN, plugins / "flowprobe_plugin.so")
        sys.argv = [
            "test_flowprobe",
            f"--vpp-ws-dir={options.vpp_source}",
            "--vpp-tag=vpp",
            f"--vpp={vpp_with_cores(options.workers, Path(work))}",
            f"--vpp-install-dir={PREFIX}",
            f"--tmp-dir={work}",
            f"--log-dir={work}",
            f"--failed-dir={work}",
            f"--vpp-worker-count={options.workers or ''}",
            f"--max-vpp-cpus={options.workers + 1 if options.workers else 0}",
            "--extended",
        ]
        # The framework expects to be started in its own directory.
        os.chdir(folder)

        import asfframework

        # Set before the test classes are created, so that none is skipped.
        asfframework.is_distro_debian12 = False
        asfframework.VppAsfTestCase.extra_vpp_plugin_config = [
            "path",
            f"{plugins}:{vpp_plugins()}",
        ]
        asfframework.VppAsfTestCase.cpus = list(range(options.workers + 1))

        import test_flowprobe

        loader = unittest.defaultTestLoader
        if options.names:
            suite = loader.loadTestsFromNames(options.names, test_flowprobe)
        else:
            suite = loader.loadTestsFromModule(test_flowprobe)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    passed = result.testsRun - len(result.failures) - len(result.errors) - len(result.skipped)
    print(f"{passed} passed, {result.testsRun - passed} failed or skipped")
    return 0 if result.wasSuccessful() and not result.skipped else 1


if __name__ == "__main__":
    sys.exit(main())
