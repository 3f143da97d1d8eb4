# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests: VPP processes and namespaces that end with the test, and options."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from support import meter, routing
from support.link import Link, add_link
from support.meter import Meter
from support.namespace import Namespace, remove_leftovers
from support.vpp import Vpp


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stress-seconds",
        type=float,
        default=60,
        help="duration of each stress test in seconds (default: 60, as in CI)",
    )


def pytest_sessionstart() -> None:
    remove_leftovers()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


_failed = pytest.StashKey[bool]()


@pytest.fixture
def stress_seconds(request: pytest.FixtureRequest) -> float:
    return request.config.getoption("--stress-seconds")


@pytest.fixture
def new_namespace() -> Iterator[Callable[[], Namespace]]:
    """Creates network namespaces."""
    with ExitStack() as stack:

        def new() -> Namespace:
            namespace = Namespace()
            stack.callback(namespace.close)
            return namespace

        yield new


@pytest.fixture
def start_vpp(request, new_namespace) -> Iterator[Callable[..., Vpp]]:
    """Starts VPP processes with the options of `Vpp`, each in its own namespace. When the test
    ends, each has to exit cleanly, or the test fails."""
    started: list[Vpp] = []

    def start(namespace: Namespace | None = None, **options) -> Vpp:
        vpp = Vpp(namespace or new_namespace(), **options)
        started.append(vpp)
        return vpp

    yield start
    failed = request.node.stash.get(_failed, True)
    with ExitStack() as stack:
        # Stop all of them, even if one fails.
        for vpp in started:
            stack.callback(vpp.kill)
        for vpp in started:
            if failed and not vpp.stopped:
                print(f"VPP's output:\n{vpp.tail()}")
            vpp.stop()


@pytest.fixture
def start_meter(start_vpp) -> Callable[..., Meter]:
    """Starts a VPP with the plugin and a collector of this IP version."""

    def start(version: int = 4, **options) -> Meter:
        return meter.start(start_vpp(**options), version)

    return start


@pytest.fixture
def dropin(start_vpp) -> Callable[..., tuple[Vpp, Link, str]]:
    """Starts a VPP with the plugin instead of flowprobe, a link to a collector, and an interface
    that receives traffic."""

    def start(**options) -> tuple[Vpp, Link, str]:
        vpp = start_vpp(copies=["flowprobe"], plugins=(), **options)
        link = add_link(vpp, 0)
        return vpp, link, routing.add_source(vpp)

    return start
