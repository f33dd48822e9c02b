"""What `hubpulse watch` shows of states, in both languages, whatever a payload holds."""

from __future__ import annotations

import io
import json
from typing import get_args

import pytest
from rich.console import Console

from agent.bureau.board import Board
from agent.bureau.view import View
from agent.load.machine import State
from config.messages import LANGUAGES, Language, state

SITE = "hubpulse/v1/44/4401/gz-baiyun"


def shown(lang: Language, line_state: object, site_state: object = "OVERFLOW") -> str:
    view = View()
    head = {"epoch": "3-abcdef", "q": "good"}
    line = head | {"seq": 1, "in_total": 5, "state": line_state}
    view.hear(f"{SITE}/line/north/telemetry", json.dumps(line).encode())
    view.hear(f"{SITE}/state", json.dumps(head | {"seq": 2, "state": site_state}).encode())
    console = Console(file=io.StringIO(), width=200)
    console.print(Board(lang, "here", "5").table(view, 10.0))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_a_line_and_its_site_are_shown_with_their_states() -> None:
    assert "busy" in shown("en", "BUSY") and "overflow" in shown("en", "BUSY")
    assert "繁忙" in shown("zh", "BUSY") and "爆仓" in shown("zh", "BUSY")


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
