"""`hubpulse demo`: truth and bureau are equal at its end, and whenever it ends nothing of it remains."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import config
from agent.bureau.view import SiteView
from agent.twin.control import SOCKET, Remote
from agent.twin.performance import Performance
from agent.twin.screen import Screen
from agent.twin.show import moment
from config.messages import LANGUAGES, Language

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def demo(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A demo whose temporary folder lies in `folder`, in a session of its own, so that its children can be found."""
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "demo", *words],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def running_in(folder: Path) -> list[str]:
    """Command lines of processes that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def twin_of(folder: Path) -> Remote:
    """The control socket of the demo in `folder`, once its parcels move."""
    until_s = time.monotonic() + 90
    while time.monotonic() < until_s:
        for path in folder.glob(f"hubpulse-demo-*/{SOCKET}"):
            try:
                twin = Remote(path)
            except ConnectionRefusedError:
                continue  # the socket is a file a moment before anybody listens
            while not twin.ask("truth")["running"]:
                pass
            return twin
    raise AssertionError("there is no demo")


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_the_totals_are_equal_through_pulled_cables_resets_torn_reads_garbage_and_a_burst(tmp_path: Path) -> None:
    process = demo(tmp_path, "--for", "7s", "--json", "--seed", "3", "--speed", "4")
    with twin_of(tmp_path) as twin:
        twin.ask("garbage", scanner="tunnel-north", share=0.3)
        twin.ask("unplug", bus="panel")
        twin.ask("unplug", scanner="reader-south")
        twin.ask("unplug", bus="west-boards")
        twin.ask("reset", device="eyes-in", clean=True)
        twin.ask("tear", counter="eyes-out.di0")
        twin.ask("plug", bus="panel")
        twin.ask("plug", scanner="reader-south")
        twin.ask("plug", bus="west-boards")
        twin.ask("burst", scanner="tunnel-north", parcels=2000)
        twin.ask("reset", device="odd-shapes", point="taken", clean=True)
        twin.ask("tear", counter="odd-shapes.placed", times=2)
        assert twin.ask("truth")["lost"] == {}
    told, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    said = json.loads(told)
    assert said["equal"]
    assert said["truth"] == said["bureau"]
    assert said["scans"]["truth"] == said["scans"]["bureau"]
    assert said["scans"]["truth"]["north"]["new"] > 2000
    assert said["scans"]["truth"]["south"]["new"] > 0
    assert said["lockers"]["truth"] == said["lockers"]["bureau"]
    assert all(locker["door.opened"] > 0 for locker in said["lockers"]["truth"].values())
    assert said["lockers"]["truth"]["west"]["occupied"] > 0
    assert "occupied" not in said["lockers"]["bureau"]["east"], "a closed door says nothing of a parcel"
    assert {line: len(counters) for line, counters in said["truth"].items()} == {"north": 6, "south": 5, "odd": 2}
    assert sum(said["truth"]["north"].values()) > 10
    books = said["spool"]
    assert books["written"] == books["acked"] + books["held"] + books["dropped"]
    assert not list(tmp_path.iterdir())
    assert not running_in(tmp_path)


def test_a_demo_is_not_over_while_a_scanner_is_half_through_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the agent would cut it, and the bureau count a cut line that no scanner's truth has."""
    told, idle = Counter[str](), iter((False, True, True))

    def ask(_: str) -> dict[str, object]:
        """The line's end goes out while it is asked."""
        told["scans"] = 1
        return {"scanners": {"north": {"idle": True}, "south": {"idle": next(idle)}}}

    performance, heard = Performance(Path("hub.toml"), [], lambda: 0), Counter[str]()
    monkeypatch.setattr(performance, "_remote", SimpleNamespace(ask=ask))
    monkeypatch.setattr(performance, "_told", lambda: dict(told))
    monkeypatch.setattr(performance, "_heard", lambda: dict(heard))
    assert not performance._has_arrived(), "half a line"
    assert not performance._has_arrived(), "the bureau lacks it"
    heard["scans"] = 1
    assert performance._has_arrived()


@pytest.mark.parametrize("moment", ["folder", "twin", "show"])
def test_ctrl_c_at_any_time_leaves_no_process_and_no_file(tmp_path: Path, moment: str) -> None:
    process = demo(tmp_path, "--lang", "en")
    assert process.stdout
    if moment == "show":
        assert "north: induct" in process.stdout.readline()
    else:
        pattern = {"folder": "hubpulse-demo-*", "twin": "hubpulse-demo-*/twin.log"}[moment]
        while not list(tmp_path.glob(pattern)):
            assert process.poll() is None
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=120)
    assert process.returncode == (0 if moment == "show" else 130), errors
    assert ("Three things to try" in told) == (moment == "show")
    assert not list(tmp_path.iterdir())
    assert not running_in(tmp_path)


def test_a_part_that_dies_ends_the_demo_with_its_last_words_and_nothing_remains(tmp_path: Path) -> None:
    process = demo(tmp_path, "--lang", "en")
    assert process.stdout
    assert process.stdout.readline()
    (agent,) = (path for path in Path("/proc").glob("[0-9]*") if is_agent_of(path, tmp_path))
    os.kill(int(agent.name), signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors.startswith("hubpulse demo: agent ended with status -9")
    assert not list(tmp_path.iterdir())
    assert not running_in(tmp_path)


def is_agent_of(process: Path, folder: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return str(folder) in command and "\0run\0" in command


def test_without_mosquitto_the_demo_shows_the_fall_back_to_mqtt_3_and_is_as_exact(tmp_path: Path) -> None:
    pytest.importorskip("amqtt")
    hide = "import agent.twin.troupe as troupe; troupe._MOSQUITTO_PATH = ''"
    process = subprocess.run(
        [sys.executable, "-c", f"{hide}; from agent.__main__ import main; main(['demo', '--for', '2s', '--json'])"],
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path), "PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.stderr == ""
    said = json.loads(process.stdout)
    assert (said["broker"], said["mqtt"], said["equal"]) == ("amqtt", "3.1.1", True)
    assert not list(tmp_path.iterdir())
    assert not running_in(tmp_path)


@pytest.mark.parametrize(
    "words", [["--for", "0s"], ["--for=-3s"], ["--speed", "0"], ["--picture", "/nonexistent/a.svg"]]
)
def test_what_makes_no_sense_is_refused_before_anything_starts(tmp_path: Path, words: list[str]) -> None:
    process = demo(tmp_path, *words)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert words[0].partition("=")[0] in errors
    assert not list(tmp_path.iterdir())


def screen_rows(columns: int, rows: int, lang: Language = "en", health: dict[str, Any] | None = None) -> list[str]:
    """The demo's first screen on a terminal of that size, with what the site said of itself."""
    settings = config.load(Path(config.__file__).parent / "examples" / "demo-hub.toml")
    lockers = {locker.id: {"total": 24} for locker in settings.lockers}
    truth: dict[str, dict[str, dict[str, int]]] = {line.id: {} for line in settings.lines}
    told = {"truth": truth, "scans": {}, "lockers": lockers, "day": {"level": 0}}
    for line in settings.lines:
        for role, ref in line.counters():
            truth[line.id].setdefault(role, {})[str(ref)] = 0
    points = {device.id: {"counters": {point.name: 0 for point in device.points}} for device in settings.devices}
    site = SiteView("44/4401/gz-baiyun")
    site.latest["health"] = health or {}
    now = moment(0.0, settings, told, {"devices": points}, site)
    console = Console(width=columns, height=rows, file=StringIO(), record=True)
    console.print(Screen(settings, lang, "mosquitto", "hubpulse simulate --tell unplug").fitted(now))
    return console.export_text().splitlines()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("columns", [40, 48, 60, 80])
def test_a_phone_shows_every_counter_by_its_whole_name_with_both_figures(columns: int, lang: Language) -> None:
    rows = screen_rows(columns, 100, lang)
    assert max(cell_len(row) for row in rows) <= columns
    for name in ("eyes-in.di0", "odd-shapes.placed", "sorter.south"):
        (row,) = [row for row in rows if name in row]
        assert row.split()[-3:] == ["0", "–", "…"], "truth, bureau, and whether they are the same"


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "0 dropped; lasts 20.5 h without the bureau"), ("zh", "丢弃 0；与邮管局断开时可撑 20.5 小时")],
)
def test_the_screen_tells_for_how_long_the_spool_lasts_once_it_is_known(lang: Language, said: str) -> None:
    books = {"written": 9, "acked": 9, "held": 0, "dropped": 0}
    assert not any("20.5" in row for row in screen_rows(120, 100, lang, {"spool": books}))
    assert any(said in row for row in screen_rows(120, 100, lang, {"spool": books | {"hours_left": 20.5}}))


def test_the_foot_is_seen_in_a_small_terminal() -> None:
    rows = screen_rows(80, 24)
    assert len(rows) <= 24
    assert "Guangzhou Baiyun hub" in rows[0]
    assert "plug bus=panel" in rows[-2]
    assert "--tell unplug" in rows[-1]
