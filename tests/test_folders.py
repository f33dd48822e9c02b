"""The verbs of ./dev that are told a folder: one that cannot be theirs is refused before anything begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KIT = Path(__file__).parent / "kit"


def refusal(verb: str, *words: object) -> str:
    done = subprocess.run([sys.executable, KIT / verb, *words], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def test_a_soak_keeps_nothing_in_a_folder_that_is_there_and_says_so_before_it_begins(tmp_path: Path) -> None:
    said = refusal("soak.py", "--keep", tmp_path)
    assert said.endswith(f"./dev soak: error: argument --keep: {tmp_path} is there already; name a new folder\n")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("verb", "option"), [("figures.py", "--in"), ("twin_days.py", "--png")])
def test_a_file_is_no_folder_to_write_to_and_that_is_said_before_anything_is_measured(
    verb: str, option: str, tmp_path: Path
) -> None:
    (file := tmp_path / "file").touch()
    assert refusal(verb, option, file).endswith(f"error: argument {option}: {file} is no folder; name another\n")
    assert refusal(verb, option, file / "below").endswith("cannot be made: Not a directory; name another folder\n")
