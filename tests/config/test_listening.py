"""A bus on which another master asks: its role in the settings, and what `check` says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from site_text import changed

import config
from agent.__main__ import main
from config.bus_settings import SerialBus

LISTENING = changed("baud = 19200", 'baud = 1200\nrole = "listen"').replace("period_s = 0.5", "period_s = 0.05")


def test_a_serial_bus_asks_unless_it_is_told_to_listen() -> None:
    for text, role in ((changed("baud = 19200", "baud = 9600"), "master"), (LISTENING, "listen")):
        report = config.check_text("site.toml", text.encode())
        assert report.settings is not None
        bus = report.settings.bus("sorter")
        assert isinstance(bus, SerialBus)
        assert bus.role == role


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("baud = 19200", 'role = "slave"', "E2228"),
        ('tcp = "192.168.10.21"', 'tcp = "10.0.0.1"\nrole = "listen"', "E2216"),
    ],
)
def test_a_role_that_there_is_not_and_one_that_a_connection_cannot_play_are_refused(
    old: str, new: str, code: str
) -> None:
    assert [fault.code for fault in config.check_text("site.toml", changed(old, new).encode()).faults] == [code]


def test_a_line_that_is_only_listened_to_has_no_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What would not fit if we asked it is the other master's affair."""
    (tmp_path / "site.toml").write_text(LISTENING)
    assert main(["check", str(tmp_path / "site.toml"), "--lang", "en", "--plan"]) == 0
    assert "sorter: only listened to" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "site.toml"), "--json"]) == 0
    wires = json.loads(capsys.readouterr().out)["wires"]
    assert {"bus": "sorter", "listens": True} in wires
