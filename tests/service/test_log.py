"""The log can carry anything a stranger sends and stays one line an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import log


@given(text=st.text())
@pytest.mark.fault("M4")
def test_no_text_of_a_stranger_breaks_the_line_or_reaches_the_terminal_raw(text: str) -> None:
    line = log._safe(text)
    assert line.isprintable()
    assert "\n" not in line
    assert line == text or line.startswith('"')


def test_under_systemd_lines_carry_the_journals_priority(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    log.start()
    log.event("link_up", bus="sorter", reason=None)
    log.warn("link_lost", bus="sorter", reason="device gone")
    assert capsys.readouterr().err == '<6>link_up bus=sorter\n<4>link_lost bus=sorter reason="device gone"\n'
