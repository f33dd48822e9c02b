"""The exit codes that `hubpulse --help` promises, from the command itself."""

from __future__ import annotations

import socket
from pathlib import Path

import powerless
import pytest


@pytest.mark.parametrize("verb", [["mode"], ["alarms"], ["baseline", "5"], ["ready", "--for", "1s"], ["status"]])
def test_whoever_may_not_ask_the_agent_is_told_so_with_77(verb: list[str], tmp_path: Path) -> None:
    place = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        place.chmod(0)
        done = powerless.hubpulse(*verb, "--control", str(place), "--lang", "en")
    assert (done.returncode, "usermod -aG hubpulse" in done.stderr) == (77, True)


@pytest.mark.parametrize("verb", ["check", "audit"])
def test_settings_that_one_may_not_read_end_with_77(verb: str, tmp_path: Path) -> None:
    settings = tmp_path / "hubpulse.toml"
    settings.touch(0o000)
    done = powerless.hubpulse(verb, str(settings), "--lang", "en")
    assert done.returncode == 77, done.stdout + done.stderr


def test_what_may_not_be_written_ends_with_77_and_what_is_there_with_73(tmp_path: Path) -> None:
    settings = tmp_path / "hubpulse.toml"
    assert powerless.hubpulse("init", str(settings)).returncode == 0
    assert powerless.hubpulse("init", str(settings)).returncode == 73
    (closed := tmp_path / "closed").mkdir(0o555)
    assert powerless.hubpulse("init", str(closed / "hubpulse.toml")).returncode == 77
    assert powerless.hubpulse("install", "--root", str(closed)).returncode == 77


def test_a_trail_or_settings_that_are_not_there_end_with_66_and_unsound_ones_with_78(tmp_path: Path) -> None:
    (tmp_path / "unsound.toml").write_text("[")
    for name, status in (("nope.log", 66), ("nope.toml", 66), ("unsound.toml", 78)):
        assert powerless.hubpulse("audit", str(tmp_path / name)).returncode == status
