# SPDX-License-Identifier: Apache-2.0
"""The flow tables: size, time and place of their creation, and warnings about full ones."""

import re
import threading
from pathlib import Path

import pytest

from support import accounts, generator, meter, routing
from support.client import connected
from support.control_group import ControlGroup
from support.flows import of_records
from support.link import add_link
from support.tables import tables
from support.traffic import many_flows
from support.waiting import until

MEGA = 1 << 20

#: The capacity of a starter table.
STARTER = 1024


@pytest.mark.parametrize("variant", ["all", "ip6", "l2"])
def test_the_default_is_small(start_vpp, variant):
    """At most 100 MB in a VPP without workers, allocated at once and not as flows come."""
    vpp = start_vpp(flows=None)
    source = routing.add_source(vpp)
    before = vpp.resident_octets()
    vpp.configure(f"flowmeter interface {source} {variant}")
    grown = vpp.resident_octets() - before
    shown = sum(table.octets for table in tables(vpp).values())
    assert shown < grown < 100 * MEGA, (grown, shown)
    generator.replay(vpp, source, many_flows(100_000).frames)
    assert vpp.resident_octets() - before < 100 * MEGA


def test_the_main_threads_tables_are_small_with_workers(start_vpp):
    vpp = start_vpp(flows=None, workers=2)
    source = routing.add_source(vpp)
    vpp.configure(*(f"flowmeter interface {source} {family}" for family in ("ip4", "ip6")))
    found = {key: table.capacity for key, table in tables(vpp).items()}
    assert found == {
        (thread, family): flows
        for thread, sizes in enumerate([(8192, 4096, 1024)] + 2 * [(131_072, 65_536, 1024)])
        for family, flows in zip(("ipv4", "ipv6", "l2"), sizes)
    }


@pytest.mark.parametrize("workers", [0, 2])
def test_a_family_gets_its_table_when_it_is_first_seen(start_meter, workers):
    """No flow is lost or ended by it, however many flows have come before."""
    metered = start_meter(workers=workers, flows=40_000)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} l2")
    sent = many_flows(900, 6)
    worker = max(workers, 1)
    thread = 1 if workers else 0
    assert tables(vpp)[thread, "ipv6"].capacity == STARTER
    assert tables(vpp)[thread, "ipv4"].capacity == 40_000
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9, rate=50_000)
    stream.start()
    until("its full table", lambda: tables(vpp)[thread, "ipv6"].capacity == 20_000)
    table = tables(vpp)[thread, "ipv6"]
    assert (table.live, table.evicted) == (900, 0)
    if workers:
        assert tables(vpp)[worker, "ipv6"].capacity == STARTER, "this worker has no IPv6 packets"
    stream.pause()
    records = metered.flushed()
    found = of_records(records)
    assert found.keys() == sent.flows.keys()
    assert len(records) == 900, "no flow was ended"
    assert found.total().packets == stream.sent()


def test_a_family_that_is_enabled_later(start_vpp):
    vpp = start_vpp(flows=40_000, workers=1)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4")
    assert tables(vpp)[1, "ipv6"].capacity == STARTER
    vpp.configure(f"flowmeter interface {source} ip6")
    assert tables(vpp)[1, "ipv6"].capacity == 20_000


def test_resizing_keeps_full_tables(start_vpp):
    vpp = start_vpp(flows=40_000)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4", f"flowmeter interface {source} ip6")
    vpp.configure("set flowmeter flows-per-worker 60000")
    found = {family: table.capacity for (_, family), table in tables(vpp).items()}
    assert found == {"ipv4": 60_000, "ipv6": 30_000, "l2": STARTER}


@pytest.mark.parametrize("workers", [0, 2])
def test_concurrent_clients(start_vpp, workers):
    """Two clients enable interfaces, others set sizes: there is one set of tables, with one of the
    sizes, and every client succeeds."""
    vpp = start_vpp(workers=workers, flows=None)
    meter.set_exporter(vpp, add_link(vpp, 0))
    interfaces = [routing.add_source(vpp), add_link(vpp, 1).vpp]
    indices = [vpp.interface_index(interface) for interface in interfaces]
    sizes = (300_000, 1000, 200_000)
    replies: list[int] = []
    answers: list[str] = []

    def enable(index: int) -> None:
        with connected(vpp, f"enable{index}") as client:
            reply = client.api.flowmeter_interface_add_del(is_add=True, sw_if_index=index)
            replies.append(reply.retval)

    def resize(flows: int) -> None:
        answers.append(vpp.cli(f"set flowmeter flows-per-worker {flows}").strip())

    _together([(enable, index) for index in indices] + [(resize, flows) for flows in sizes])
    assert replies == [0, 0]
    assert answers == [""] * len(sizes)
    for _ in range(3):
        shown = int(re.search(r"flows per worker (\d+)", vpp.cli("show flowmeter"))[1])
        assert shown in sizes
        found = tables(vpp)
        assert len(found) == 3 * vpp.threads
        assert found[vpp.threads - 1, "ipv4"].capacity == shown
        places = vpp.cli("show flowmeter interfaces")
        assert all(interface in places for interface in interfaces)
        _together([(resize, flows) for flows in sizes])
    accounts.accounts(vpp)


def test_resizing_while_tables_are_created(start_vpp):
    """The last size is used, and the earlier request is not refused."""
    vpp = start_vpp(flows=2_000_000)
    source = routing.add_source(vpp)
    answers = []
    enabling = threading.Thread(
        target=lambda: answers.append(vpp.cli(f"flowmeter interface {source}").strip())
    )
    enabling.start()
    until("tables to be created", lambda: _creators(vpp.pid), pause=0.001)
    with connected(vpp) as client:
        # Each keeps the other's settings.
        for parameter in ({"flows_per_worker": 5000}, {"idle_timeout": 7}):
            assert client.done(client.api.flowmeter_set_parameters(**parameter)) == 0
        parameters = client.api.flowmeter_get_parameters()
        assert (parameters.flows_per_worker, parameters.idle_timeout) == (5000, 7)
    enabling.join()
    assert answers == [""]
    assert tables(vpp)[0, "ipv4"].capacity == 5000
    assert not _creators(vpp.pid)


def test_tables_are_created_in_a_background_thread(start_vpp):
    """On other CPUs than VPP's threads if there are any, and with lower priority."""
    vpp = start_vpp(flows=1_000_000)
    source = routing.add_source(vpp)
    main = _status(Path(f"/proc/{vpp.pid}/task/{vpp.pid}"))
    enabling = threading.Thread(target=vpp.configure, args=(f"flowmeter interface {source}",))
    enabling.start()

    seen = []
    while enabling.is_alive():
        for task in _creators(vpp.pid):
            try:
                seen.append(_status(task))
            except OSError:
                pass
    enabling.join()
    allowed = _cpus(Path("/proc/self/status").read_text())
    # At its start, the thread has the settings of VPP's main thread.
    cpus, nice, policy = seen[-1]
    assert cpus == (allowed - main[0] or allowed), (seen, main, allowed)
    assert nice > main[1], (nice, main)
    assert policy == 0, "SCHED_OTHER"


def test_reserved_huge_pages_are_used(start_vpp):
    """If enough of them are free."""
    reserved = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    before = reserved.read_text()
    reserved.write_text(str(int(before) + 8))
    try:
        free = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
        if int(free.read_text()) < 8:
            pytest.skip("this machine has no memory for huge pages")
        vpp = start_vpp(flows=100_000)
        source = routing.add_source(vpp)
        count = int(free.read_text())
        vpp.configure(f"flowmeter interface {source} ip4 rx")
        table = tables(vpp)[0, "ipv4"]
        assert table.pages == "huge"
        assert count - int(free.read_text()) == table.octets // (2 * MEGA)
        sent = many_flows(50_000)
        generator.replay(vpp, source, sent.frames)
        assert accounts.accounts(vpp).live_flows == 50_000
        # If there are not enough, other pages are used.
        vpp.configure("set flowmeter flows-per-worker 300000")
        assert tables(vpp)[0, "ipv4"].pages == "transparent huge"
    finally:
        reserved.write_text(before)


@pytest.fixture
def small_group():
    """A control group with a limit of 256 MB."""
    group = ControlGroup.make(256 * MEGA)
    if group is None:
        pytest.skip("THIS MACHINE HAS NO CONTROL GROUPS THAT LIMIT MEMORY")
    yield group
    group.remove()


def test_a_small_control_group(small_group, start_vpp):
    """The default fits; a larger size is refused with one line that says what fits."""
    vpp = start_vpp(flows=None, buffers=4096, control_group=small_group)
    assert small_group.has(vpp.pid)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source}")
    generator.replay(vpp, source, many_flows(100_000).frames)
    assert accounts.accounts(vpp).live_flows == 100_000
    answer = vpp.cli("set flowmeter flows-per-worker 4000000")
    found = re.search(
        r"flows-per-worker 4000000: needs [\d.]+[mg], but only ([\d.]+)m is free: "
        r"at most (\d+) fit",
        answer,
    )
    assert found, answer
    assert float(found[1]) < 256
    assert tables(vpp)[0, "ipv4"].capacity == 131_072
    assert "flows per worker 131072" in vpp.cli("show flowmeter")
    vpp.check_alive()
    fits = int(found[2])
    assert fits > 100_000
    link = add_link(vpp, 0)
    meter.set_exporter(vpp, link)
    meter.resize(vpp, fits)
    assert tables(vpp)[0, "ipv4"].capacity == fits
    generator.replay(vpp, source, many_flows(100_000).frames)
    vpp.check_alive()


def test_too_many_flows_in_startup_conf(start_vpp):
    """A rule in startup.conf is refused in VPP's log, and VPP continues."""
    vpp = start_vpp(stanzas="flowmeter { flows-per-worker 100000000 interface pg* }", workers=2)
    log = until("a line", lambda: re.search("flows-per-worker 100000000: .*fit", vpp.cli("show log")))
    assert log
    assert tables(vpp) == {}


def test_a_full_table_is_logged(start_meter):
    """At most once a minute, with the size that would have been enough."""
    metered = start_meter(flows=500)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    stream = generator.Stream(vpp, source, many_flows(3000).frames, limit=10**9, rate=30_000)
    stream.start()

    def lines() -> list[str]:
        return [line for line in vpp.cli("show logging").splitlines() if "table full" in line]

    until("a line of the log", lines)
    vpp.wait_seconds(3)
    [line] = lines()
    found = re.search(
        r"(\d+) flows were evicted early: flows-per-worker (\d+) would have been enough", line
    )
    assert int(found[1]) > 100, line
    table = tables(vpp)[0, "ipv4"]
    assert 400 < table.live < 1000
    assert table.evicted >= int(found[1])
    assert 2500 < table.enough < 4500
    assert 500 < int(found[2]) < 4500, line
    stream.pause()
    stream.delete()
    # That size is enough.
    meter.resize(vpp, table.enough)
    generator.replay(vpp, source, many_flows(3000).frames)
    assert tables(vpp)[0, "ipv4"].evicted == 0


def _together(calls: list[tuple]) -> None:
    """Calls functions with their arguments at the same time."""
    threads = [threading.Thread(target=call, args=(argument,)) for call, argument in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _creators(pid: int) -> list[Path]:
    """The threads that create tables."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == "flowmeter-table":
                found.append(task)
        except OSError:
            pass
    return found


def _status(task: Path) -> tuple[set[int], int, int]:
    """A thread's CPUs, its nice value and its scheduling class."""
    cpus = _cpus((task / "status").read_text())
    fields = (task / "stat").read_text().rpartition(")")[2].split()
    # proc(5) counts fields from 1; the first two were split off before.
    return cpus, int(fields[19 - 3]), int(fields[41 - 3])


def _cpus(status: str) -> set[int]:
    cpus = set()
    for part in re.search(r"Cpus_allowed_list:\s*(\S+)", status)[1].split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus
