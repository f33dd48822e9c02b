"""The trail in files of bounded size: the chain goes on over them, and a power cut loses nothing that was said."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.__main__ import main
from agent.load.instant import Instant
from agent.orders import trail_files
from agent.orders.audit import Mark, Trail, entries, verify
from agent.orders.trail_files import FILE, KEPT, older

AT = Instant("boot-a", 10.0, 1.8e9, "ntp")
FILE_BYTES = 700
"""Three or four entries."""

STEPS = ("open", "write", "fdatasync", "fsync", "rename", "unlink", "close")


def trail(folder: Path, count: int) -> Trail:
    made = Trail(folder, FILE_BYTES)
    for number in range(count):
        made.write("accepted", AT, cmd="mode", cmd_seq=number)
    return made


def kept(folder: Path) -> list[int]:
    return [int(str(entry["n"])) for _, _, entry in entries(folder / FILE) if entry is not None]


def test_a_full_file_is_put_away_and_the_first_entry_of_the_next_holds_the_hash_of_its_last(tmp_path: Path) -> None:
    made = trail(tmp_path, 9)
    old = older(tmp_path / FILE)
    assert len(old) >= 2
    for before, after in zip(old, [*old[1:], tmp_path / FILE], strict=True):
        last, first = json.loads(before.read_text().splitlines()[-1]), json.loads(after.read_text().splitlines()[0])
        assert (first["prev"], first["n"]) == (last["hash"], last["n"] + 1)
        assert before.name == f"audit-{last['n']:010}.log"
    assert verify(tmp_path / FILE, made.mark) == (made.mark, [])


def test_a_trail_never_outgrows_its_files_and_goes_on_after_the_oldest_went(tmp_path: Path) -> None:
    made = trail(tmp_path, 60)
    made = trail(tmp_path, 3)
    files = [*older(tmp_path / FILE), tmp_path / FILE]
    assert len(files) == KEPT + 1
    assert all(file.stat().st_size <= FILE_BYTES for file in files)
    numbers = kept(tmp_path)
    assert numbers == list(range(numbers[0], 64))
    assert numbers[0] > 1
    assert verify(tmp_path / FILE, made.mark) == (made.mark, [])
    assert verify(tmp_path / FILE, Mark(1, "went with the oldest file"))[1] == []


@pytest.mark.parametrize("gone", range(3))
def test_a_file_that_is_taken_away_is_missed(tmp_path: Path, gone: int) -> None:
    told = trail(tmp_path, 12).mark
    files = [*older(tmp_path / FILE), tmp_path / FILE]
    files[gone].unlink()
    _, faults = verify(tmp_path / FILE, told)
    assert "missing" in faults[0].reason


def test_an_old_file_that_was_changed_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trail(tmp_path, 9)
    changed = older(tmp_path / FILE)[1]
    changed.write_text(changed.read_text().replace("accepted", "refused.", 1))
    assert main(["audit", str(tmp_path / FILE), "--lang", "en"]) == 1
    assert f"{changed.name}, line 1" in capsys.readouterr().err
    assert main(["audit", str(tmp_path / FILE), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [one["n"] for one in said["entries"]] == list(range(1, 10))
    assert said["faults"][0]["file"] == changed.name


@pytest.mark.parametrize(
    ("lang", "known", "seen"),
    [
        ("en", 4, "audit.log ends too early: entry 4 is missing\n"),
        ("en", 9, "audit.log ends too early: entries 4 to 9 are missing\n"),
        ("zh", 4, "audit.log 结束过早：缺少第 4 条\n"),
        ("zh", 9, "audit.log 结束过早：缺少第 4 到 9 条\n"),
    ],
)
def test_a_trail_that_ends_too_early_accuses_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, known: int, seen: str
) -> None:
    newest = trail(tmp_path, 3).mark
    words = ["audit", str(tmp_path / FILE), "--lang", lang, "--known", f"{known}:{newest.told}"]
    assert main(words) == 1
    told = capsys.readouterr().err
    assert seen in told and "line" not in told and "行" not in told
    assert main([*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"][0]["line"] is None


@pytest.mark.parametrize(("lang", "whole"), [("en", "whole: entry 1, newest"), ("zh", "第 1 条")])
def test_one_entry_is_no_range(tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str, whole: str) -> None:
    trail(tmp_path, 1)
    assert main(["audit", str(tmp_path), "--lang", lang]) == 0
    assert whole in capsys.readouterr().out


def test_the_folder_of_a_trail_is_as_good_as_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trail(tmp_path, 3)
    assert main(["audit", str(tmp_path), "--lang", "en"]) == 0
    assert "whole: entries 1 to 3" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    assert main(["audit", str(tmp_path / "none"), "--lang", "en"]) == 66
    assert "[spool] directory" in capsys.readouterr().err


class PowerCut(BaseException):
    """Nothing more happens."""


class Faulty:
    """The calls of `os` that the trail makes; the disk refuses so many of them from call `first` on. What is durable
    already is closed without fault, and what was not is taken back."""

    def __init__(self, first: int, count: int) -> None:
        self._calls, self._bad = 0, range(first, first + count)

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        return self._fail(real) if name in STEPS and name != "close" else real

    def _fail(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            self._calls += 1
            if self._calls in self._bad:
                raise OSError(5, "input/output error")
            return real(*args)

        return call


class Machine:
    """The calls of `os` that the trail makes; at call `last` the power goes, after so many bytes where it writes."""

    def __init__(self, last: int, octets: int) -> None:
        self._left, self._octets = last, octets

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        return self._cut(name, real) if name in STEPS else real

    def _cut(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            self._left -= 1
            if self._left == 0 and name == "write":
                fd, line = args
                os.write(fd, bytes(line)[: self._octets])  # type: ignore[arg-type, call-overload]
            if self._left <= 0:
                if name == "close":
                    real(*args)  # a process that ended has no open files
                raise PowerCut
            return real(*args)

        return call


@settings(max_examples=250, deadline=None)
@given(before=st.integers(1, 35), cut=st.integers(1, 14), octets=st.integers(0, 260), width=st.integers(0, 300))
def test_whenever_the_power_goes_all_that_was_said_to_be_durable_is_there(
    tmp_path_factory: pytest.TempPathFactory, before: int, cut: int, octets: int, width: int
) -> None:
    """At any call, while a file is put away or in the middle of a line."""
    folder = tmp_path_factory.mktemp("trail")
    made = trail(folder, before)
    with patch.object(trail_files, "os", Machine(cut, octets)), pytest.raises(PowerCut):
        for _ in range(4):
            made.write("accepted", AT, by="x" * width)
    again = Trail(folder, FILE_BYTES)
    assert again.mark.n - made.mark.n in {0, 1}, "what was said, and perhaps what was about to be"
    numbers = kept(folder)
    assert numbers == list(range(numbers[0], again.mark.n + 1))
    assert verify(folder / FILE, made.mark)[1] == []
    for _ in range(5):
        again.write("start", AT)
    assert verify(folder / FILE, again.mark) == (again.mark, [])
    assert len(older(folder / FILE)) <= KEPT + 1


def test_where_nothing_can_be_written_nothing_is_lost_and_it_is_said(tmp_path: Path) -> None:
    made = trail(tmp_path, 4)
    mark = made.mark
    with (
        patch.object(trail_files.os, "rename", side_effect=OSError(30, "read-only")),
        pytest.raises(OSError, match="30"),
    ):
        for _ in range(4):
            made.write("accepted", AT)
    assert made.mark.n - mark.n < 4
    made.write("accepted", AT)
    assert verify(tmp_path / FILE, made.mark) == (made.mark, [])


@pytest.mark.parametrize("known", ["3:abcd", "3:", "3:not-a-hash-at-all-", "x:" + 16 * "a", "3:" + 65 * "a"])
def test_what_is_no_hash_is_wrong_usage_and_accuses_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], known: str
) -> None:
    made = trail(tmp_path, 3)
    with pytest.raises(SystemExit) as ended:
        main(["audit", str(tmp_path / FILE), "--known", known])
    assert ended.value.code == 2
    assert "is not N:HASH" in capsys.readouterr().err
    for digits in (made.mark.told, made.mark.hash):
        assert main(["audit", str(tmp_path / FILE), "--known", f"3:{digits}"]) == 0


@settings(max_examples=100, deadline=None)
@given(before=st.integers(0, 30), first=st.integers(1, 24), count=st.integers(1, 3))
def test_whichever_call_fails_the_trail_holds_what_was_said_to_be_written_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, before: int, first: int, count: int
) -> None:
    """Also the first line of a file, whose name is made durable in the folder."""
    folder = tmp_path_factory.mktemp("trail")
    made = trail(folder, before)
    written = [*range(kept(folder)[0], before + 1)] if before else []
    with patch.object(trail_files, "os", Faulty(first, count)):
        for _ in range(8):
            with suppress(OSError):
                written.append(made.write("accepted", AT).n)
    numbers = kept(folder)
    assert numbers == written[-len(numbers) :]
    assert verify(folder / FILE, made.mark) == (made.mark, [])
    assert Trail(folder, FILE_BYTES).mark == made.mark
