"""`hubpulse ready`: every point of a running agent, and never a good word for what nobody knows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from chinese import half_width
from site_text import changed
from soak_site import process
from surveyed_site import surveyed_site

from agent.__main__ import main
from agent.bureau.subscriber import Subscriber
from agent.control import SOCKET
from agent.readiness import Finding, is_ready, judged, unheard, unmoved, watched_from
from config.messages import LANGUAGES, word

WITHIN_S = 60.0
AWAY = {"reason": "timeout", "bus": "x", "board": True, "wire": "", "unsupported": [], "unasked": [], "known_as": None}
SCANNER = """
[scanner.tunnel]
line = "north"
tcp = "192.168.10.40:2001"
"""


@dataclass(frozen=True)
class Said:
    """What a real site says `first`, with nothing moved yet, and `last`, when all of it has been seen to work."""

    first: dict[str, Any]
    last: dict[str, Any]

    def later(self, *path: str, value: object) -> dict[str, Any]:
        """What is said last, but for one thing, which must be there."""
        said = deepcopy(self.last)
        place = said
        for name in path[:-1]:
            place = place[name]
        assert path[-1] in place
        place[path[-1]] = value
        return said


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Said]:
    with surveyed_site(tmp_path_factory.mktemp("site")) as site:
        first = site.once(_all_there)
        site.work()
        yield Said(first, site.once(lambda now: not unmoved(first, now) and not unheard(first, now)))


def _all_there(now: Mapping[str, Any]) -> bool:
    counted = all(one["fresh"] for one in now["counters"].values())
    linked = [one["up"] for one in now["scanners"].values()] == [True, True]
    return counted and linked and now["inputs"] == {"run-1": "on"}


def test_a_site_of_which_all_was_seen_is_ready(said: Said) -> None:
    findings = judged(said.first, said.last)
    assert is_ready(findings)
    seen = "agent device scanner counter input clock spool buffer broker delivery certificate"
    assert {one.check for one in findings} == set(seen.split())


@pytest.mark.parametrize(
    ("path", "value", "check", "verdict"),
    [
        (("devices", "plc", "online"), False, "device", "bad"),
        (("devices", "plc"), {"online": False} | AWAY, "device", "bad"),
        (("devices", "plc"), {"online": False} | AWAY | {"wire": "no such port"}, "device", "bad"),
        (("devices", "plc", "online"), None, "device", "unknown"),
        (("devices", "plc", "unsupported"), ["di5"], "device", "bad"),
        (("devices", "plc", "unasked"), ["di5"], "device", "bad"),
        (("scanners", "gate", "up"), False, "scanner", "bad"),
        (("scanners", "gate", "octets"), 0, "scanner", "unknown"),
        (("counters", "plc.in", "total"), 0, "counter", "bad"),
        (("counters", "plc.in"), {"base": 8, "total": 5, "fresh": False}, "counter", "unknown"),
        (("counters", "plc.in", "base"), 8, "counter", "bad"),
        (("inputs", "run-1"), "unknown", "input", "unknown"),
        (("clock",), "rtc", "clock", "unknown"),
        (("clock",), "none", "clock", "bad"),
        (("spool", "place"), "ram", "spool", "bad"),
        (("spool", "hours_left"), None, "buffer", "unknown"),
        (("spool", "hours_left"), 3.0, "buffer", "bad"),
        (("spool", "acked"), 0, "delivery", "unknown"),
        (("uplink", "connected"), False, "broker", "bad"),
        (("uplink", "denied"), ["state"], "broker", "bad"),
        (("uplink", "deaf"), ["mode"], "broker", "bad"),
        (("uplink", "no_subscribers"), True, "broker", "bad"),
        (("uplink", "duplicate_identity"), True, "broker", "bad"),
        (("machine",), {"undervolt": True}, "supply", "bad"),
        (("certificate_days",), None, "certificate", "unknown"),
        (("certificate_days",), {"ca": 900.0, "own": 5.0}, "certificate", "bad"),
    ],
)
def test_one_point_that_is_not_seen_to_be_good_is_named_and_the_site_not_ready(
    said: Said, path: tuple[str, ...], value: object, check: str, verdict: str
) -> None:
    findings = judged(said.first, said.later(*path, value=value))
    wrong = [one for one in findings if one.verdict != "good"]
    assert {(one.check, one.verdict) for one in wrong} == {(check, verdict)}
    assert not is_ready(findings)
    for one in findings:
        english, chinese = (word(f"ready_{one.why}", lang, **one.values) for lang in LANGUAGES)
        assert english and chinese


def test_a_machine_that_does_not_tell_of_its_supply_holds_no_site_up(said: Said) -> None:
    for machine, checks in (({}, 0), ({"undervolt": False}, 1)):
        findings = judged(said.first, said.later("machine", value=machine))
        assert [one.check for one in findings].count("supply") == checks
        assert is_ready(findings)


def told(said: Said, last: dict[str, Any], check: str) -> str:
    """What `ready` says of the one point of that kind that is not good."""
    (wrong,) = [one for one in judged(said.first, last) if one.verdict != "good" and one.check == check]
    return word(f"ready_{wrong.why}", "en", **wrong.values)


def test_a_lock_board_is_never_advised_to_be_probed_and_a_wire_says_why_it_is_down(said: Said) -> None:
    away = {"online": False} | AWAY
    board = told(said, said.later("devices", "plc", value=away), "device")
    assert "locker show" in board and "then hubpulse probe" not in board
    held = away | {"wire": "the port is in use by another program"}
    assert "in use by another program; hubpulse ports" in told(said, said.later("devices", "plc", value=held), "device")


def test_while_the_broker_is_away_nobody_is_told_to_watch_longer(said: Said) -> None:
    last = said.later("uplink", "connected", value=False)
    last["spool"]["acked"] = said.first["spool"]["acked"]
    assert "--for" not in told(said, last, "delivery")
    assert f"{last['spool']['held']} messages wait" in told(said, last, "broker")


@pytest.mark.parametrize(
    ("reason", "why", "remedy"),
    [
        ("[Errno 30] Read-only file system: '/mnt/ssd/spool'", "文件系统只读", "ReadWritePaths={directory}"),
        ("[Errno 13] Permission denied: '/mnt/ssd/spool'", "没有权限", "-o hubpulse -g hubpulse"),
        ("[Errno 20] Not a directory: '/etc/passwd/spool'", "不是目录", "[spool] directory"),
        ("[Errno 28] No space left on device", "磁盘已满", "[spool] max_mb"),
        ("[Errno 5] Input/output error", "读写错误", "dmesg"),
        ("[Errno 19] No such device: '/mnt/ssd/spool'", "设备不存在", "挂载"),
    ],
)
def test_a_spool_in_memory_is_told_with_its_reason_and_what_to_do(
    said: Said, reason: str, why: str, remedy: str
) -> None:
    last = said.later("spool", value={**said.last["spool"], "place": "ram", "reason": reason})
    (wrong,) = [one for one in judged(said.first, last) if one.verdict != "good"]
    told = word(f"ready_{wrong.why}", "zh", **wrong.values)
    directory = said.last["spool"]["directory"]
    assert directory in told and why in told and remedy.format(directory=directory) in told and "DIR" not in told


def test_a_scanner_whose_line_is_open_is_not_known_to_work_before_it_sends(said: Said) -> None:
    def judged_scanners(last: Mapping[str, Any]) -> set[tuple[str, str, str]]:
        return {(one.subject, one.verdict, one.why) for one in judged(said.first, last) if one.check == "scanner"}

    assert judged_scanners(said.first) == {("gate", "unknown", "unheard"), ("hand", "unknown", "unheard")}
    assert judged_scanners(said.last) == {("gate", "good", "heard"), ("hand", "good", "heard")}


def test_a_scanner_is_waited_for_until_it_has_sent_and_is_there(said: Said) -> None:
    assert unheard(said.first, said.first) == ["gate", "hand"]
    assert unheard(said.first, said.last) == []
    assert unheard(said.first, said.later("scanners", "hand", "up", value=False)) == ["hand"]


def test_a_scanner_that_was_not_there_when_the_watch_began_is_watched_from_its_first_word(said: Said) -> None:
    before = {**said.first, "scanners": {}}
    assert unheard(before, said.last) == ["gate", "hand"]
    assert unheard(watched_from(before, said.first), said.last) == []


def test_a_counter_counts_as_moved_only_within_its_base_and_since_a_first_sample(said: Said) -> None:
    first = said.later("counters", "plc.in", value={"base": 0, "total": 0, "fresh": False})
    assert unmoved(first, said.last) == ["plc.in"]
    assert unmoved(said.first, said.last) == []


def test_a_counter_that_had_no_sample_when_the_watch_began_is_watched_from_its_first_one(said: Said) -> None:
    unsampled = said.later("counters", "plc.in", value={"base": 0, "total": 0, "fresh": False})
    first = watched_from(unsampled, said.first)
    assert unmoved(first, said.first) == ["plc.in"]
    assert unmoved(first, said.last) == []
    assert watched_from(said.first, said.last) == said.first


def test_where_no_agent_runs_it_is_told_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ready", "--control", str(tmp_path / SOCKET), "--lang", "zh"]) == 1
    assert "[E2770]" in capsys.readouterr().err
    assert main(["ready", "--control", str(tmp_path / SOCKET), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"] == "E2770"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Path]:
    """The control socket of a real agent, whose devices the twin plays, in the middle of its work."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        settings = tmp_path / "site.toml"
        settings.write_text(changed("[bureau]\n", "[bureau]\nreport_s = 2\n") + SCANNER)
        words = ["simulate", settings, "--at", tmp_path, "--spool", tmp_path / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{broker.port}"], "ready"))
        bureau = stack.enter_context(Subscriber("127.0.0.1", broker.port))
        run = [sys.executable, "-m", "agent", "run", tmp_path / "hubpulse.toml", "--control", tmp_path / SOCKET]
        running = subprocess.Popen([str(one) for one in run], stderr=subprocess.DEVNULL)
        stack.callback(running.wait)
        stack.callback(running.kill)
        heard, latest = "line/north/telemetry", partial(bureau.read, lambda view: view.site("gz-baiyun").latest)
        assert bureau.wait_until(lambda: heard in latest(), WITHIN_S)
        yield tmp_path / SOCKET


def test_the_running_agent_is_asked_and_a_verdict_stands_for_every_device_and_counter(control: Path) -> None:
    words = [sys.executable, "-m", "agent", "ready", "--control", str(control), "--for", "12s", "--json"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    told: Mapping[str, Any] = json.loads(said.stdout)
    points = {(one["check"], one["subject"]): one for one in told["findings"]}
    assert {subject for check, subject in points if check == "device"} == {"plc-a", "eye-1"}
    assert points["device", "plc-a"]["verdict"] == points["counter", "plc-a.inducted"]["verdict"] == "good"
    assert points["counter", "plc-a.inducted"]["counted"] > 0
    assert points["scanner", "tunnel"]["verdict"] == "good"
    assert points["scanner", "tunnel"]["octets"] > 0
    assert points["broker", ""]["verdict"] == points["delivery", ""]["verdict"] == "good"
    assert points["buffer", ""]["verdict"] == "unknown", "no minute has gone by"
    assert (told["ready"], said.returncode) == (False, 1)
    shown = subprocess.run([*words[:-2], "1s", "--lang", "zh"], capture_output=True, text=True, check=False)
    assert "未知  缓存余量：" in shown.stdout and "计数器 plc-a.inducted：" in shown.stdout
    assert half_width(shown.stdout) == []
    assert shown.stdout.splitlines()[-1].startswith("未就绪")


def test_a_finding_says_its_verdict_in_one_word() -> None:
    assert {word(f"ready_{verdict}", "en") for verdict in ("good", "bad", "unknown")} == {"ok", "NOT READY", "UNKNOWN"}
    assert not is_ready([Finding("clock", "", "unknown", "clock_rtc")])


def test_what_is_not_ready_says_what_to_do_next() -> None:
    for why, action in (("away", "hubpulse probe"), ("clock_rtc", "NTP"), ("nobody_listens", "docs/bureau")):
        for lang in LANGUAGES:
            said = word(f"ready_{why}", lang, reason="x")
            assert action in said, said
