"""The pages for people: no link is dead, every command can be typed, and both languages tell the same."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from chinese import half_width

import config
from agent.__main__ import VERBS
from agent.cli.parser import Parser

TOP = Path(__file__).resolve().parents[1]
PAGES = sorted([*TOP.glob("README*.md"), *(TOP / "docs").glob("*.md")])
PAIRS = [(page, page.with_suffix("").with_suffix(".zh-CN.md")) for page in PAGES if ".zh-CN" not in page.name]
READ = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
PROGRAMS = [TOP / "dev", *(one for room in ("agent", "benchmarks", "tests") for one in (TOP / room).rglob("*.py"))]
OF_THE_EXAMPLE = {"tests/recordings/acme-ct9.toml"}
"""What a reader is to write."""
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"(?:\$ )?(?:sudo )?(?:/opt/hubpulse/bin/)?hubpulse ([a-z].*)")


def title(page: Path) -> str:
    return str(page.relative_to(TOP))


def anchors(page: Path) -> set[str]:
    """Those of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every command line of ours, without those that only name a verb or leave something open."""
    text = page.read_text(encoding="utf-8")
    lines = [line for _, block in FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:sudo )?hubpulse [^`]+)`", text)
    for line in lines:
        if (found := TYPED.match(line.strip())) and "…" not in found[1].replace("by-path/…", ""):
            words = shlex.split(found[1], comments=True)
            words = words[: next((at for at, word in enumerate(words) if word in {"&&", "|", ">", "&"}), None)]
            if words[0] in VERBS and len(words) > 1:
                yield words


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_no_link_is_dead(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        if not file.startswith("http"):
            target = page.parent / file if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_command_of_the_page_can_be_typed(page: Path) -> None:
    for words in commands(page):
        room = importlib.import_module(f"agent.cli.{words[0].replace('-', '_')}")
        parser = Parser(prog=f"hubpulse {words[0]}")
        room.add_arguments(parser)
        assert parser.all_of(words[1:]), words


@pytest.mark.parametrize("page", READ, ids=title)
def test_every_option_and_every_file_of_the_tree_that_the_page_names_is_there(page: Path) -> None:
    code = "\n".join(re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)) <= options()
    files = re.findall(r"(?:agent|benchmarks|config|docs|drivers|fastpath|tests)/[\w./-]+\.\w+$", code, re.MULTILINE)
    assert [file for file in files if not (TOP / file).exists() and file not in OF_THE_EXAMPLE] == []


@pytest.mark.parametrize("page", PAGES, ids=title)
def test_every_table_of_settings_that_the_page_prints_is_taken(page: Path) -> None:
    """In the place of the sample's own; what it names of a site may be missing there."""
    for language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        if language == "toml" and not block.startswith(("[profile]", "[notation]", "[[exchange]]")):
            site = (TOP / "config" / "example.toml").read_text(encoding="utf-8")
            for table in re.findall(r"^\[.*?\]", block, re.MULTILINE):
                site = re.sub(rf"^{re.escape(table)}.*?(?=^\[|\Z)", "", site, flags=re.MULTILINE | re.DOTALL)
            report = config.check_text(
                page.name, (site + re.sub("by-path/(?:…|\\.{3})", "by-path/port9", block)).encode()
            )
            assert {fault.code for fault in report.faults} <= {"E2302"}, block


@cache
def options() -> set[str]:
    """Those that some program of ours takes."""
    return {
        "--help",
        *(option for one in PROGRAMS for option in re.findall(r'"(--[a-z][a-z-]*)"', one.read_text("utf-8"))),
    }


def test_the_pages_hold_commands() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 60


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=[title(page) for page, _ in PAIRS])
def test_both_languages_have_the_same_sections_examples_and_rows(english: Path, chinese: Path) -> None:
    one, other = (page.read_text(encoding="utf-8") for page in (english, chinese))
    assert [heading.count("#") for heading in headings(one)] == [heading.count("#") for heading in headings(other)]
    assert [language for language, _ in FENCED.findall(one)] == [language for language, _ in FENCED.findall(other)]
    assert rows(one) == rows(other)


@pytest.mark.parametrize("page", [page for page in PAGES if ".zh-CN" in page.name], ids=title)
def test_beside_chinese_characters_and_words_of_code_punctuation_is_full_width(page: Path) -> None:
    text = re.sub(r"\]\([^)\s]*\)", "]", page.read_text(encoding="utf-8"))
    prose = re.sub(r"`[^`\n]+`", "码", FENCED.sub("", text))
    assert half_width(prose) == []
    assert half_width("\n".join(block for _, block in FENCED.findall(text))) == []
    assert re.findall(r'.*[\u4e00-\u9fff]".*|.*"[\u4e00-\u9fff].*', prose) == []


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ .*$", FENCED.sub("", text), re.MULTILINE)


def rows(text: str) -> int:
    return len(re.findall(r"^\|", FENCED.sub("", text), re.MULTILINE))
