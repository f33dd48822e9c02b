"""The agent as a process on a machine that is short of descriptors or memory, pauses it, or fails in a loop."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from fault_matrix import Figure
from hardship import starved
from soak_site import SITE, SITE_ID, process
from uplink_rig import assert_in_order, eventually
from vitals import sample

from agent import clock, log
from agent.bureau.subscriber import Subscriber
from agent.bureau.view import Heard
from agent.report.reporter import BEAT_S

CGROUP = Path("/sys/fs/cgroup/memory")
CEILING_BYTES = 64 << 20
DAY_S = 86_400
BYTES_A_DAY = 5_000_000


@dataclass
class Site:
    """A simulated site, its broker, a subscriber, and the agent."""

    broker: Broker
    bureau: Subscriber
    agent: subprocess.Popen[bytes]
    log: Path

    @property
    def heard(self) -> int:
        """Messages of the site that the bureau has."""
        return self.bureau.totals(SITE_ID).messages

    @property
    def health(self) -> Mapping[str, Any]:
        """What the agent said of itself last."""
        return self.bureau.read(lambda view: view.site(SITE_ID).latest.get("health", {}))

    def goes_on(self) -> bool:
        """Whether new messages arrive."""
        before = self.heard
        return self.bureau.wait_until(lambda: self.heard > before, 60)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        words = ["simulate", SITE, "--at", tmp_path, "--spool", tmp_path / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{broker.port}"], "ready"))
        bureau = stack.enter_context(Subscriber("127.0.0.1", broker.port))
        log_file = stack.enter_context((tmp_path / "agent.log").open("wb"))
        command = [sys.executable, "-m", "agent", "run", str(tmp_path / "hubpulse.toml")]
        agent = stack.enter_context(subprocess.Popen(command, stderr=log_file))
        stack.callback(agent.terminate)
        assert bureau.wait_until(lambda: len(bureau.totals(SITE_ID).counters) >= 13, 60)
        yield Site(broker, bureau, agent, tmp_path / "agent.log")


@pytest.mark.fault("P3")
def test_out_of_descriptors_it_counts_on_and_connects_when_there_are_some_again(site: Site, figure: Figure) -> None:
    now = sample(site.agent.pid)
    figure(descriptors=now.descriptors, threads=now.threads)
    assert now.descriptors <= 64
    assert now.threads <= 8
    soft, hard = resource.prlimit(site.agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(site.agent.pid, resource.RLIMIT_NOFILE, (used_up(site.agent.pid, site.broker.port), hard))
    site.broker.kill()
    site.broker.start()
    assert eventually(lambda: "Too many open files" in site.log.read_text())
    assert site.agent.poll() is None
    resource.prlimit(site.agent.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert site.goes_on()


def used_up(pid: int, port: int) -> int:
    """So many descriptors that none is left for anything new, also when the connection to `port` is lost."""
    connections = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    uplink = {f"socket:[{fields[9]}]" for fields in connections if fields[2].endswith(f":{port:04X}")}
    open_files = {int(one.name): str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
    return next(number for number in count() if open_files.get(number, "") in {"", *uplink})


@pytest.mark.fault("P2")
def test_in_64_megabytes_it_lives_through_an_outage(site: Site, figure: Figure) -> None:
    with scarce_memory(site.agent.pid) as was_refused:
        site.broker.kill()
        site.agent.send_signal(signal.SIGHUP)  # means nothing to a daemon
        assert eventually(lambda: "uplink_down" in site.log.read_text())
        site.broker.start()
        assert site.goes_on()
        figure(resident_mb=sample(site.agent.pid).resident_kb / 1024, limit_mb=CEILING_BYTES >> 20)
        assert not was_refused()
    assert site.agent.poll() is None
    assert "MemoryError" not in site.log.read_text()


@contextmanager
def scarce_memory(pid: int) -> Iterator[Callable[[], bool]]:
    """Let a process have 64 MB, by a memory cgroup (v1) where we may make one, else by its limit of own pages; and
    whether the kernel has killed for it."""
    if not os.access(CGROUP, os.W_OK) or not (CGROUP / "memory.limit_in_bytes").exists():
        now = Path(f"/proc/{pid}/status").read_text()
        own_kb, resident_kb = (int(now.split(f"{name}:")[1].split()[0]) for name in ("VmData", "VmRSS"))
        limit_bytes = CEILING_BYTES + 1024 * (own_kb - resident_kb)
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
        yield lambda: False
        return
    group = CGROUP / f"hubpulse-{pid}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(CEILING_BYTES))
        (group / "cgroup.procs").write_text(str(pid))
        yield lambda: "oom_kill 0" not in (group / "memory.oom_control").read_text()
    finally:
        (CGROUP / "cgroup.procs").write_text(str(pid))
        group.rmdir()


@pytest.mark.fault("P5")
def test_starved_to_a_tenth_it_keeps_the_order_and_tells_how_late_it_is(
    tmp_path: Path, site: Site, thorough: bool, figure: Figure
) -> None:
    reports = 20 if thorough else 2
    with starved(site.agent, 0.1):
        late_s = told_late_s(site, reports)
    assert all(late_s)
    figure(reports=reports, beat_late_p99_at_most_s=max(late_s))
    assert site.bureau.totals(SITE_ID).gaps() == {}
    site.agent.terminate()
    site.agent.wait()
    assert_in_order(tmp_path / "spool")


def told_late_s(site: Site, reports: int) -> list[float]:
    """What so many reports to come say of how late the beat was at most."""
    told: dict[int, float] = {}

    def enough() -> bool:
        told[site.health.get("seq", 0)] = site.health.get("beat_late_s_max", 0.0)
        return len(told) > reports

    assert site.bureau.wait_until(enough, 60 * reports)
    return list(told.values())[1:]


@pytest.mark.fault("P6")
def test_stopped_and_continued_it_goes_on_without_making_up_for_the_beats_it_missed(
    site: Site, thorough: bool, figure: Figure
) -> None:
    made_ms: set[int] = set()

    def note(heard: Heard) -> None:
        if heard.tail == "line/north/telemetry":
            made_ms.add(int(str(heard.fields["mono_ms"])))

    with Subscriber("127.0.0.1", site.broker.port, listener=note) as bureau:
        assert bureau.wait_until(lambda: len(made_ms) >= 3, 60)
        site.agent.send_signal(signal.SIGSTOP)
        stopped_s = 60.0 if thorough else 2.5
        before = len(made_ms)
        clock.wait(stopped_s)  # it is the passing of time that is tried
        site.agent.send_signal(signal.SIGCONT)
        assert bureau.wait_until(lambda: len(made_ms) >= before + 6, 60)
    apart_ms = [later - earlier for earlier, later in pairwise(sorted(made_ms))]
    figure(stopped_s=stopped_s, telemetry_apart_at_least_s=min(apart_ms) / 1000)
    assert max(apart_ms) >= 1000 * (stopped_s - BEAT_S)
    assert min(apart_ms) >= 500, "a line tells once a second"
    assert site.bureau.wait_until(lambda: site.health.get("beat_late_s_max", 0.0) >= stopped_s - BEAT_S, 60)
    assert site.agent.poll() is None


@pytest.mark.fault("P9")
def test_what_fails_in_a_loop_all_day_writes_few_lines_and_says_how_many_it_kept_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], figure: Figure
) -> None:
    monkeypatch.setattr(clock, "boot_seconds", lambda: now_s)
    root = logging.getLogger("hubpulse")
    kept = root.handlers[:], root.level, root.propagate
    now_s = 0.0
    try:
        log.start()
        for second in range(0, DAY_S, 2):
            now_s = float(second)
            for name in ("link_lost", "uplink_down", "store_down", "counter_garbage", "topic_denied"):
                log.warn(name, bus="sorter", reason="a reason of some words, as they are", number=second)
    finally:
        root.handlers[:], root.level, root.propagate = kept
    said = capsys.readouterr().err
    figure(lines=said.count("\n"), bytes_a_day=len(said))
    assert len(said) <= BYTES_A_DAY
    assert " kept_back=" in said
