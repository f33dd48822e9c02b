"""What `hubpulse watch` shows of states, in both languages, whatever a payload holds."""

from __future__ import annotations

import io
import json
from typing import get_args

import pytest
from rich.cells import cell_len
from rich.console import Console

from agent.bureau.board import Board
from agent.bureau.view import View
from agent.load.machine import State
from config.messages import LANGUAGES, Language, quality, state, word

SITE = "hubpulse/v1/44/4401/gz-baiyun"


def shown(lang: Language, line_state: object, site_state: object = "OVERFLOW", columns: int = 200) -> str:
    view = View()
    head = {"epoch": "3-abcdef", "q": "good"}
    line = head | {"seq": 1, "in_total": 5, "state": line_state}
    view.hear(f"{SITE}/line/north/telemetry", json.dumps(line).encode())
    view.hear(f"{SITE}/state", json.dumps(head | {"seq": 2, "state": site_state}).encode())
    locker = head | {"seq": 3, "s_free": 1, "free": 16, "occupied": 14, "overdue": 0, "q": "unsupported"}
    view.hear(f"{SITE}/locker/west/telemetry", json.dumps(locker).encode())
    console = Console(file=io.StringIO(), width=columns)
    console.print(Board(lang, "here", "5").table(view, 10.0))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_a_line_and_its_site_are_shown_with_their_states() -> None:
    assert "busy" in shown("en", "BUSY") and "overflow" in shown("en", "BUSY")
    assert "繁忙" in shown("zh", "BUSY") and "爆仓" in shown("zh", "BUSY")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("columns", [44, 60, 80])
def test_on_a_phone_a_line_is_whole_words_and_figures_below_its_site(columns: int, lang: Language) -> None:
    said = shown(lang, "BUSY", columns=columns)
    assert state("BUSY", lang) in said and quality("unsupported", lang) in said and "gz-baiyun" in said
    assert "…" not in said
    assert max(cell_len(row) for row in said.splitlines()) <= columns


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", get_args(State))
def test_every_state_has_a_word(name: str, lang: Language) -> None:
    assert state(name, lang) != name


@pytest.mark.parametrize("foreign", ["TOMORROW", 5, None, ["x"], "\x1b[31mred", "长" * 100])
def test_a_state_that_is_none_is_shown_as_it_is_or_as_a_dash(foreign: object) -> None:
    said = shown("en", foreign, foreign)
    assert "\x1b" not in said
    assert ("TOMORROW" in said) == (foreign == "TOMORROW")


def test_an_event_is_one_sentence() -> None:
    view = View()
    fields = {
        "epoch": "3-abcdef",
        "seq": 1,
        "event": "state",
        "before": "BUSY",
        "after": "SATURATED",
        "cause": "tts_min",
    }
    (heard,) = view.hear(f"{SITE}/line/north/event", json.dumps(fields).encode())
    assert (
        Board("en", "here", "5")
        .sentence(heard)
        .endswith("line/north/event event=state before=BUSY after=SATURATED cause=tts_min")
    )


def test_what_a_bureau_says_to_a_site_is_neither_a_message_of_it_nor_rejected() -> None:
    view = View()
    assert view.hear(f"{SITE}/cmd/receipt", b'{"v":1,"epochs":{"3-abcdef":5}}', retained=True) == []
    assert view.rejected == 0 and not view.sites
    view.hear(f"{SITE}/cmd/else", b'{"v":1}')
    assert view.rejected == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_ordered_and_the_alarms_that_stand_are_shown_until_they_are_over(lang: Language) -> None:
    view = View()
    head = {"epoch": "3-abcdef", "q": "good"}
    ordered = head | {"seq": 1, "mode": "suspended", "suspended": "weather", "plan": "p-7"}
    view.hear(f"{SITE}/state", json.dumps(ordered).encode())
    view.hear(f"{SITE}/alarm/smoke-1", json.dumps(head | {"seq": 2, "severity": "\x1b[31m", "q": "stale"}).encode())

    def drawn() -> str:
        console = Console(file=io.StringIO(), width=200)
        console.print(Board(lang, "here", "5").table(view, 10.0))
        output = console.file
        assert isinstance(output, io.StringIO)
        return output.getvalue()

    assert f"{word('mode_suspended', lang)} {word('suspended_weather', lang)} p-7" in drawn()
    assert f"{word('alarm_unknown', lang)} smoke-1" in drawn() and "\x1b" not in drawn()
    jam = head | {"seq": 3, "as": "jam", "line": "north", "severity": "warning"}
    view.hear(f"{SITE}/alarm/jam-1", json.dumps(jam).encode())
    told = word("comma", lang).join((word("kind_jam", lang), "north", word("severity_warning", lang)))
    assert f"{word('alarm_stands', lang)} jam-1" in drawn() and told in drawn()
    view.hear(f"{SITE}/alarm/smoke-1", b"")
    assert "smoke-1" not in drawn()
    assert view.rejected == 0
