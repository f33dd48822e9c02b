"""The Chinese of the catalogue is punctuated as Chinese is; what is typed keeps its half-width signs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import config

PAGES = sorted((Path(config.__file__).parent / "texts").glob("*.toml"))
TYPED = re.compile(r"`[^`]*`|\{[^{}]*\}|%\([a-z_]+\)[sdr]|^! |sqlite:路径|\[?:(?:端口|/文件路径)|序号:哈希|时:分|数,数")
"""Code, places of values, and the forms of what a reader types."""

BESIDE_CHINESE = re.compile(r"[\u4e00-\u9fff”][,;:?!]|[,;:?!] ?[\u4e00-\u9fff“]|[\u4e00-\u9fff]\([\u4e00-\u9fff]")


def texts(page: object) -> Iterator[str]:
    if isinstance(page, str):
        yield page
    elif isinstance(page, dict | list):
        for part in page.values() if isinstance(page, dict) else page:
            yield from texts(part)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_half_width_sign_stands_beside_a_chinese_character_of_a_text(page: Path) -> None:
    for text in texts(tomllib.loads(page.read_text("utf-8"))):
        assert not BESIDE_CHINESE.search(TYPED.sub("x", text)), text
