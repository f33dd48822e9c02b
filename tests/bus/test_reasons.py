"""Why a reading failed is one of few words, and every one of them stands in both manuals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.bus import REASONS
from agent.cli.commissioning import reason_in_words
from config.messages import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
SAID = re.compile(r'(?:FrameError|SilenceError)\("(\w+)"|_missed\((?:errand\.)?slot, "(\w+)"|Missed\([^"\n]*"(\w+)"')
PRESENCE = {"wrong_device", "answers", "points_unsupported", "silent"}


def test_no_reason_is_given_that_is_not_known() -> None:
    said = {
        next(filter(None, found.groups()))
        for room in ("agent/bus", "drivers")
        for path in (ROOT / room).rglob("*.py")
        for found in SAID.finditer(path.read_text(encoding="utf-8"))
    }
    assert said <= REASONS
    assert {"crc", "late", "link_down", "timeout"} <= said | {"timeout"}


@pytest.mark.parametrize("manual", ["bureau.md", "bureau.zh-CN.md"])
def test_every_reason_is_explained_in_the_manual(manual: str) -> None:
    rows = re.findall(
        r"^\| (`[^|]+) \|[^|]*\|[^|]*\|$", (ROOT / "docs" / manual).read_text(encoding="utf-8"), re.MULTILINE
    )
    explained = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert explained >= REASONS | PRESENCE | {"exception_1", "exception_11"}


SOMETHING_ELSE = {"unit", "function", "count", "length", "transaction", "protocol", "header"}


def test_only_a_frame_that_answers_something_else_is_called_that() -> None:
    for reason in sorted((REASONS | PRESENCE) - {"points_unsupported"}):
        said = [reason_in_words(reason, lang) for lang in LANGUAGES]
        assert all((re.search(rf"[(（]{reason}[)）]", one) is not None) == (reason in SOMETHING_ELSE) for one in said)
