"""The page of figures: each row takes its figures from a known source, and is kept where that was not measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import figures
import power_cuts
import pytest
from figures import PAGES, SOURCES, Page

UNIT = {"unit": {"exposure": 1.25}}


def places(text: str) -> set[str]:
    return set(re.findall(r"\{[^}]*\}", text))


def test_every_row_takes_the_same_figures_of_known_sources_in_both_languages() -> None:
    for row in figures.rows():
        assert places(row["measured"]) == places(row["measured_zh"])
        assert {place[1:].split("[")[0] for place in places(row["measured"])} <= set(figures.SOURCES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_what_was_measured_is_told_and_what_was_not_keeps_its_line(tmp_path: Path, page: Page) -> None:
    fresh = replace(page, path=tmp_path / page.path.name)
    first = figures.written(fresh, UNIT)
    assert "| 1.2 |" in first
    assert first.count(f"| {page.missing} |") == len(figures.rows()) - 1
    fresh.path.write_text(first.replace("| 1.2 |", "| 1.4 |"))
    assert "| 1.4 |" in figures.written(fresh, {})
    assert figures.written(fresh, UNIT) == first


def test_what_a_source_says_in_english_is_said_in_the_language_of_the_page() -> None:
    found = {"crash": {"controls": {"found_out": "; ".join(power_cuts.CONTROLS)}}}
    row = next(line for line in figures.written(PAGES[1], found).splitlines() if "不刷写文件名" in line)
    assert not re.search("[a-z]{4}", row)


def test_the_pages_have_a_line_for_every_row() -> None:
    for page in PAGES:
        lines = page.path.read_text(encoding="utf-8").splitlines()
        heads = [f"| {row[f'goal{page.ending}']} | {row[f'beside{page.ending}']} |" for row in figures.rows()]
        assert [head for head in heads if not any(line.startswith(head) for line in lines)] == []


def test_every_source_is_a_program() -> None:
    for program, *_ in SOURCES.values():
        assert isinstance(program, Path)
        assert '\nif __name__ == "__main__":\n' in program.read_text(), program
