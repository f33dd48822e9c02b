"""The agent of a site with scanners, from the scanner's bytes to the bureau's totals, and across kill -9."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from scan_site import SITE_ID, ScanSite, scan_site
from scanners import code
from traces import memory
from uplink_rig import eventually

from agent.bureau.view import View
from agent.uplink.contract import Message
from agent.uplink.spool import Spool


def test_every_scan_reaches_the_bureau_and_no_code_reaches_anything(tmp_path: Path) -> None:
    with scan_site(tmp_path) as site:
        site.say(700)
        site.scanner.sendall(f"{code(1)}\r\n{code(2)}#\r\nNOREAD\r\n".encode())
        assert site.arrived(700)
        site.say(42)
        site.stop()
        assert site.arrived(742)
        telemetry = site.bureau.read(lambda view: dict(view.site(SITE_ID).latest["line/north/telemetry"]))
        figures = [telemetry[name] for name in ("scan_total", "scan_duplicate", "scan_no_read", "scan_bad")]
        assert figures == [742, 1, 1, 1]
        assert site.bureau.totals(SITE_ID).events("north.carrier.sf") == 742
        assert site.bureau.rejected == 0
        said = repr(site.bureau.read(lambda view: view.site(SITE_ID).latest))
    traces = {path.name: path.read_bytes() for path in site.files()} | {"messages": said.encode()}
    with_spool = Spool.open(tmp_path / "spool", 16 << 20)
    try:
        kept = [Message.decode(record).payload for _, record in with_spool.read(0, 10_000, 1 << 24)]
    finally:
        with_spool.close()
    traces["records"] = b"".join([*kept, with_spool.state])
    assert {"agent.log", "mosquitto.log"} <= set(traces)
    for number in range(site.sent):
        secret = code(number)[2:].encode()
        assert not [name for name, octets in traces.items() if secret in octets]


def test_nothing_of_a_counted_code_stays_in_the_memory_of_the_running_agent(tmp_path: Path) -> None:
    with scan_site(tmp_path) as site:
        try:
            list(memory(site.agent.pid))
        except PermissionError:
            pytest.skip("the memory of the agent may not be looked at here (it takes root)")
        site.say(3000)
        begun = code(site.sent)
        site.scanner.sendall(begun.encode())
        assert site.arrived(3000)
        assert eventually(lambda: remembered(site) == {begun[2:]}), "only the line that has not ended is held"
        site.scanner.sendall(b"\r\n")
        assert site.arrived(3001)
        assert remembered(site) == set()


def remembered(site: ScanSite) -> set[str]:
    """The digits of the codes that the agent's memory holds."""
    sent = {code(number)[2:].encode() for number in range(site.sent + 1)}
    found = (match for region in memory(site.agent.pid) for match in re.findall(rb"80{6}\d{6}", region))
    return {digits.decode() for digits in found if digits in sent}


def test_killed_in_a_burst_it_loses_what_it_had_not_reported_and_doubles_nothing(tmp_path: Path) -> None:
    with scan_site(tmp_path) as site:
        with site.burst(40, every_s=0.01):
            assert site.arrived(1)
            before = site.sent
            assert site.arrived(before), "what was sent is reported while the burst goes on"
        reported, at_the_kill = before, site.sent
        site.kill()
        site.say(500)
        assert site.arrived(reported + 500)
        # What was committed before the new connection stood goes by the backlog's lane, behind what is live.
        assert site.bureau.wait_until(lambda: site.bureau.totals(SITE_ID).gaps() == {}, 60.0)
        site.stop()
        assert site.bureau.wait_until(lambda: site.bureau.read(offline), 60.0)
        assert reported + 500 <= site.known() <= at_the_kill + 500 == site.sent
        assert site.bureau.read(lambda view: view.site(SITE_ID).totals.gaps()) == {}


@pytest.mark.fault("S2")
def test_what_scanners_counted_is_known_after_a_kill_though_no_report_had_told_it(tmp_path: Path) -> None:
    with scan_site(tmp_path, report_s=3600) as site:
        assert site.bureau.wait_until(lambda: "line/north/telemetry" in site.bureau.read(latest), 60.0), (
            "the first report"
        )
        site.say(300)
        assert eventually(lambda: site.durable() == 300)
        told = site.known()
        site.kill()
        site.kill()
        assert site.arrived(300)
        site.say(7)
        site.stop()
        assert site.bureau.wait_until(lambda: site.bureau.read(offline), 60.0)
        assert (told, site.known()) == (0, 307), "the next run tells what the one before had counted, once"


def test_what_a_silent_scanner_did_not_read_is_told_by_the_photo_eye_before_it(tmp_path: Path) -> None:
    with scan_site(tmp_path, 'silent_no_read = "eye.di1"') as site:
        bureau = site.bureau
        assert bureau.wait_until(lambda: "eye.di1" in bureau.totals(SITE_ID).counters, 60.0)
        site.say(8)
        site.seen += 10
        assert bureau.wait_until(lambda: bureau.totals(SITE_ID).counted("eye.di1").total == 10, 60.0)
        assert site.arrived(8)
        site.stop()
        assert bureau.wait_until(lambda: bureau.read(offline), 60.0)
        latest = bureau.read(lambda view: dict(view.site(SITE_ID).latest))
        assert latest["line/north/telemetry"]["scan_no_read"] == 2
        assert bureau.totals(SITE_ID).events("north.scan.no_read") == 0
        roles = [counter["role"] for counter in latest["meta"]["counters"]]  # type: ignore[attr-defined]
        assert roles == ["induct", "eye"]


def latest(view: View) -> Mapping[str, object]:
    return view.site(SITE_ID).latest


def offline(view: View) -> bool:
    return view.site(SITE_ID).online is False


CORE = """
import os
{forbid}
os.abort()
"""


@pytest.mark.parametrize("forbid", [False, True])
def test_of_a_process_that_reads_scanners_no_core_image_is_written(tmp_path: Path, forbid: bool) -> None:
    words = "from agent.scans.privacy import forbid_core_images; forbid_core_images()" if forbid else ""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    running = subprocess.Popen(
        [sys.executable, "-c", CORE.format(forbid=words)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),  # noqa: PLW1509
    )
    _, status = os.waitpid(running.pid, 0)
    running.returncode = status
    assert os.WTERMSIG(status) == signal.SIGABRT
    if not forbid and not os.WCOREDUMP(status):
        pytest.skip("this machine writes no core images")
    assert os.WCOREDUMP(status) == (not forbid)
