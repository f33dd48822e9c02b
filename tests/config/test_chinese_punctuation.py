"""What the operator reads in Chinese is punctuated as Chinese is: the catalogue, the device models, the samples."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from chinese import half_width

import config

ROOM = Path(config.__file__).parent
TEXTS = sorted((ROOM / "texts").glob("*.toml"))
SAMPLES = [*ROOM.glob("*.toml"), *(ROOM / "examples").glob("*.toml")]
MODELS = sorted((ROOM / "profiles").glob("*.toml"))


def texts(page: object) -> Iterator[str]:
    if isinstance(page, str):
        yield page
    elif isinstance(page, dict | list):
        for part in page.values() if isinstance(page, dict) else page:
            yield from texts(part)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_no_half_width_sign_stands_beside_a_chinese_character_of_a_text(page: Path) -> None:
    assert [text for text in texts(tomllib.loads(page.read_text("utf-8"))) if half_width(text)] == []


def test_no_command_stands_in_brackets_that_a_shell_does_not_know() -> None:
    said = [text for page in TEXTS for text in texts(tomllib.loads(page.read_text("utf-8")))]
    assert [text for text in said if re.search(r"（[^）]*[;>&|] ", text)] == []


@pytest.mark.parametrize("page", [*MODELS, *SAMPLES], ids=lambda page: page.stem)
def test_nor_beside_one_of_a_hint_or_a_comment_of_what_ships(page: Path) -> None:
    assert half_width(page.read_text("utf-8")) == []
