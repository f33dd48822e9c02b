"""The page about locker boards says of every language what is true of it, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.lockers import language, names

PAGES = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["boards.md", "boards.zh-CN.md"])
@pytest.mark.parametrize("name", names())
def test_the_page_shows_each_language_with_its_channels_addresses_speed_and_query(name: str, page: str) -> None:
    spoken = language(name)
    lines = (PAGES / page).read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{name}`")]
    first = spoken.addresses[0]
    (query, *_) = (ask.request(0) for ask in spoken.asks(first, spoken.channels))
    shown = query.decode().strip() if name == "yt_ascii" else query.hex(" ").upper()
    assert f"`{shown}`" in row
    assert str(spoken.channels) in row
    assert str(spoken.addresses[-1]) in row
    assert f"| {spoken.baud} 8N1 |" in row
    assert row.split("|")[4].strip() in (("yes", "能") if spoken.has_item else ("no", "不能"))
