"""The table of what was asked for is true: every field, topic, verb, setting and test that it names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import config
from agent.__main__ import VERBS
from agent.load.metric_rows import FLOW, GROUPS
from config.locker_settings import SIZES
from tests.kit.requirements_table import PAGES, Page, Row, known_tests, page, rows

ROOT = Path(__file__).resolve().parents[1]
CORE = {1, 2, 6, 10, 11, 12, 14, 15, 19, 21, 30, 31, 32, 33, 38, 40, 46}
CLEARLY = {4, 5, 7, 8, 13, 16, 17, 22, 23, 25, 28, 29, 34, 35, 36, 39, 41, 42, 43, 45}
ROLES = ("in_", "out_", "recirc_", "reject_", "manual_", "unload_", "load_")
OF_EVERY_MESSAGE = {"ts", "tsq", "q", "mode", "plan", "exercise", "up_s"}
SOURCES = "\n".join(path.read_text("utf-8") for path in (ROOT / "agent").rglob("*.py"))
TESTS = known_tests()


def fields() -> set[str]:
    """Every field that the table of metrics defines, with what can stand before it, and those of heads."""
    found = {one.field for group, _ in GROUPS.values() for one in group}
    found |= {f"{role}{one.field}" for role in ROLES for one in FLOW}
    return found | {f"{size}_{one.field}" for size in SIZES for one in GROUPS["share"][0]} | OF_EVERY_MESSAGE


def test_every_row_that_is_core_or_clearly_served_is_in_the_table() -> None:
    assert {row.number for row in rows() if row.priority == "P0"} == CORE
    assert {row.number for row in rows() if row.priority == "P1"} == CLEARLY


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.number}")
def test_what_serves_a_need_is_there_and_proven_or_said_to_be_missing(row: Row) -> None:
    assert set(row.fields) <= fields()
    assert set(row.verbs) <= set(VERBS)
    assert set(row.tests) <= set(TESTS), set(row.tests) - set(TESTS)
    assert row.lacks[0] or row.tests
    assert bool(row.lacks[0]) == bool(row.lacks[1])
    assert row.need[0].isascii()
    assert any("\u4e00" <= one <= "\u9fff" for one in row.need[1])


@pytest.mark.parametrize("topic", sorted({topic for row in rows() for topic in row.topics}))
def test_a_topic_that_serves_is_one_of_the_contract(topic: str) -> None:
    """As text in the source: a literal, an f-string with a name in braces, or the kind of a record or command."""
    last = topic.rpartition("/")[2]
    pattern = re.escape(topic).replace(r"\{id\}", r"\{[a-z.]+\}")
    assert re.search(rf'"{pattern}"', SOURCES) or re.search(rf'"{last}"', SOURCES), topic


@pytest.mark.parametrize("setting", sorted({setting for row in rows() for setting in row.settings}))
def test_a_setting_that_serves_stands_in_the_example(setting: str) -> None:
    example = (Path(config.__file__).parent / "example.toml").read_text("utf-8")
    table, _, key = setting.partition(".")
    assert re.search(rf"^#? ?\[{table}[.\]]", example, re.MULTILINE), setting
    assert not key or re.search(rf"(\[{table}\.{key}\]|^#? ?{key} = )", example, re.MULTILINE), setting


@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_the_page_is_what_the_catalogue_says(one: Page) -> None:
    written = (ROOT / "docs" / one.name).read_text("utf-8")
    assert written == page(one), "run: python tests/kit/requirements_table.py --write"


def test_nothing_that_was_asked_for_is_left_unserved() -> None:
    assert [row.number for row in rows() if row.lacks[0]] == []


def test_the_catalogue_is_what_is_read() -> None:
    said = tomllib.loads((ROOT / "tests" / "requirements.toml").read_text("utf-8"))
    assert len(said) == len(rows()) == len(CORE) + len(CLEARLY)
