"""`hubpulse locker`: a technician opens doors by hand, the wizard finds polarity and channels; and shows what is."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from lock_boards import SITE
from ptys import Adapter, Serving

from agent.__main__ import main
from agent.lockers.lesson import Lesson, spans, toml
from agent.twin.board_speech import Cabinet
from agent.twin.boards import Boards
from config.locker_settings import Board, Compartment
from drivers.lockers import language

CHANNEL_OF = {1: 1, 2: 2, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9}
"""Where the doors truly are; SITE has 8 at channel 8 and 7 at channel 9."""


@dataclass
class Bench:
    """A locker with one board, whose contacts are the other way round where `inverted`."""

    folder: Path
    boards: Boards
    inverted: bool

    def door(self, number: int, *, closed: bool) -> None:
        self.boards.cabinets[1].closed[CHANNEL_OF[number] - 1] = closed is not self.inverted

    def start(self, *words: str) -> subprocess.Popen[str]:
        files = ["--settings", str(self.folder / "hubpulse.toml"), "--control", str(self.folder / "none.sock")]
        command = [sys.executable, "-m", "agent", "locker", *words, *files, "--lang", "en"]
        return subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


@contextmanager
def bench(folder: Path, *, inverted: bool) -> Iterator[Bench]:
    with ExitStack() as stack:
        adapter = Adapter(folder / "usb")
        stack.callback(adapter.close)
        text = SITE.replace("/dev/serial/by-path/port0", str(adapter.link))
        (folder / "hubpulse.toml").write_text(text.replace("address = 1", "address = 1\nperiod_s = 0.1"))
        boards = Boards(language("kerong_cu16"), {1: Cabinet([not inverted] * 16)})
        serving = Serving(adapter.fd, boards.hear)
        stack.callback(serving.close)
        yield Bench(folder, boards, inverted)


def until(talk: subprocess.Popen[str], text: str) -> list[str]:
    """The lines up to the first that has `text` in it."""
    assert talk.stdout
    lines = []
    for line in talk.stdout:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError(f"{text!r} was not said: {''.join(lines)}{talk.stderr.read() if talk.stderr else ''}")


def enter(talk: subprocess.Popen[str], typed: str = "") -> None:
    assert talk.stdin
    talk.stdin.write(f"{typed}\n")
    talk.stdin.flush()


@pytest.mark.parametrize("inverted", [True, False])
def test_learn_finds_polarity_and_channels_and_prints_the_toml(tmp_path: Path, inverted: bool) -> None:
    with bench(tmp_path, inverted=inverted) as site, site.start("learn", "west") as talk:
        until(talk, "Close every door")
        enter(talk)
        until(talk, "Open door 1 ")
        site.door(1, closed=False)
        enter(talk)
        assert "door 1 is channel 1 of board west_1" in until(talk, "Open door 2 ")[0]
        site.door(1, closed=True)
        site.door(7, closed=False)
        enter(talk, "7")
        said = until(talk, "Open door")
        assert "door 7 is channel 8" in said[0]
        assert "the settings have it at channel 9" in said[1]
        enter(talk, "seven")
        until(talk, "no number")
        site.door(8, closed=False)
        enter(talk, "8")
        assert "door 8 is channel 9" in until(talk, "is channel")[-1], "door 7 may still stand open"
        enter(talk, "q")
        until(talk, "inverted, it says" if inverted else "as documented")
        until(talk, "Put this into the settings")
        assert talk.stdout
        learned = tomllib.loads(talk.stdout.read())["locker"]["west"]["board"]["1"]
    assert talk.returncode == 0
    assert learned["inverted"] is inverted
    assert learned["compartments"] == "1-8"
    assert learned["unused"] == "3"
    query = language("kerong_cu16").asks(1, 9)[0].request(0)
    assert not bytes(site.boards.heard).replace(query, b""), "nothing but the status query was ever sent"


def test_learn_reads_boards_that_stand_in_no_settings(tmp_path: Path) -> None:
    with bench(tmp_path, inverted=True) as site:
        head, _, _ = (tmp_path / "hubpulse.toml").read_text().partition("[locker.west]")
        (tmp_path / "hubpulse.toml").write_text(head)
        words = ["learn", "west", "--language", "kerong_cu16", "--address", "1", "--channels", "9", "--json"]
        with site.start(*words) as talk:
            assert talk.stderr
            while "Close every door" not in talk.stderr.readline():
                pass
            enter(talk)
            while "Open door" not in talk.stderr.readline():
                pass
            site.door(2, closed=False)
            enter(talk, "2")
            enter(talk, "q")
            assert talk.stdout
            [learned] = json.loads(talk.stdout.read()).values()
    assert learned["inverted"] is True
    assert learned["compartments"]["2"] == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["learn", "east"], 1, "E2538"),
        (["learn", "line", "--language", "kerong"], 2, "E2532"),
        (["learn", "line", "--language", "kerong_cu16"], 2, "E2540"),
        (["learn", "line", "--language", "kerong_cu16", "--address", "99"], 2, "E2541"),
        (["learn", "line"], 1, "E2540"),
    ],
)
def test_what_cannot_be_learned_is_said(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    with bench(tmp_path, inverted=False) as site:
        file = tmp_path / "hubpulse.toml"
        file.write_text(file.read_text() + '\n[bus.line]\nserial = "/dev/serial/by-path/port9"\n')
        with site.start(*words) as talk:
            _, errors = talk.communicate(timeout=120)
    assert talk.returncode == code
    assert said in errors


def test_a_board_that_says_nothing_is_named(tmp_path: Path) -> None:
    with bench(tmp_path, inverted=False) as site:
        site.boards.mishaps[1] = "silent"
        with site.start("show", "--json") as talk:
            told, _ = talk.communicate(timeout=120)
    assert {one["fault"] for one in json.loads(told)["lockers"]["west"]} == {"board_offline"}


def test_show_tells_every_compartment(tmp_path: Path) -> None:
    with bench(tmp_path, inverted=False) as site:
        site.door(5, closed=False)
        with site.start("show", "west", "--json") as talk:
            told, _ = talk.communicate(timeout=120)
        with site.start("show", "--once") as talk:
            drawn, _ = talk.communicate(timeout=120)
    doors = {one["number"]: one["door"] for one in json.loads(told)["lockers"]["west"]}
    assert doors == {number: "open" if number == 5 else "closed" for number in range(1, 9)}
    assert drawn.count("closed") == 7
    assert "open" in drawn


# --- the lesson itself ---


def board(*numbers: int) -> Board:
    wired = tuple(Compartment(number, channel, None) for channel, number in enumerate(numbers, 1))
    return Board("west_1", "b", "any", 1, 2.0, len(numbers), wired)


def said(*doors: bool | None) -> dict[str, dict[str, bool | None]]:
    return {"west_1": {f"door.{channel}": door for channel, door in enumerate(doors, 1)}}


def test_nothing_and_several_teach_nothing() -> None:
    lesson = Lesson([board(1, 2, 3)], said(True, True, True))
    assert lesson.opened(1, said(True, True, True)).what == "nothing"
    assert lesson.opened(1, said(False, False, True)).what == "several"
    assert lesson.opened(1, said(None, True, True)).what == "nothing", "what the board does not know has not changed"
    assert not lesson.learned


def test_a_door_that_is_opened_again_elsewhere_is_where_it_was_seen_last() -> None:
    lesson = Lesson([board(1, 2)], said(True, True))
    lesson.opened(1, said(False, True))
    lesson.opened(1, said(True, False))
    assert lesson.learned == {("west_1", 2): 1}


def test_contacts_of_both_ways_on_one_board_are_told_and_not_guessed() -> None:
    lesson = Lesson([board(1, 2, 3)], said(True, True, False))
    lesson.opened(1, said(False, True, False))
    lesson.opened(2, said(True, False, False))
    lesson.opened(3, said(True, True, True))
    assert lesson.inverted(lesson._boards[0]) is None
    assert lesson.odd(lesson._boards[0]) == [3]


def test_what_was_not_opened_stays_as_it_was_written_unless_it_is_elsewhere() -> None:
    one = board(1, 2, 3, 4)
    lesson = Lesson([one], said(True, True, True, True))
    lesson.opened(2, said(True, True, False, True))
    assert lesson.compartments(one) == {1: 1, 3: 2, 4: 4}
    assert lesson.unchecked(one) == [1, 4]
    written = tomllib.loads(toml(one, lesson))["locker"]["west"]["board"]["1"]
    assert (written["compartments"], written["unused"]) == ("1, 2, 4", "2")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([1, 2, 3, 5], "1-3, 5"), ([6, 5, 4, 9, 10], "6-4, 9, 10"), ([8, 7, 9], "8, 7, 9"), ([3], "3"), ([], "")],
)
def test_spans_are_written_as_the_settings_read_them(numbers: list[int], text: str) -> None:
    assert spans(numbers) == text


def test_a_site_without_lockers_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "hubpulse.toml"
    assert main(["locker", "show", "--settings", str(file), "--lang", "en"]) == 66
    assert "E2001" in capsys.readouterr().err
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "a.sock"))
        assert main(["locker", "show", "--settings", str(file), "--control", str(tmp_path / "a.sock")]) == 66
    assert "E2626" in capsys.readouterr().err
    assert main(["init", str(file)]) == 0
    assert main(["locker", "show", "--settings", str(file), "--json"]) == 66
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["error"] == "E2542"
    file.write_text("[site")
    assert main(["locker", "show", "--settings", str(file), "--lang", "zh"]) == 78
    assert "E2543" in capsys.readouterr().err
