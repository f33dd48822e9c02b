"""The table of what was asked for and what serves it: tests/requirements.toml, written as docs/requirements.md.

python tests/kit/requirements_table.py --write
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "tests" / "requirements.toml"


class Row(NamedTuple):
    """One need: what serves it, and the tests that prove it. `lacks` is what is not served, "" where all is."""

    number: int
    priority: str
    asked_by: str
    need: tuple[str, str]
    fields: Sequence[str]
    topics: Sequence[str]
    verbs: Sequence[str]
    settings: Sequence[str]
    tests: Sequence[str]
    lacks: tuple[str, str]


class Page(NamedTuple):
    """The table in one language: its file, what stands above it, its head, how verb, setting and lack are said, and
    what stands between the kinds of what serves it and between those of one kind."""

    name: str
    intro: str
    head: str
    words: tuple[str, str, str, str]
    between: tuple[str, str] = ("; ", ", ")


PAGES = (
    Page(
        "requirements.md",
        "# What was asked for, and what serves it\n\n"
        "Six postal administrations told their industry in 2022 what the peak season needs. Each row is one of these "
        "needs, in our words: the core (P0) and what is clearly served (P1), with the fields, topics, settings and "
        "verbs that serve it and the tests that prove it. What is not served is said. Fields are explained by "
        "`hubpulse metrics` ([metrics.md](metrics.md)). The table is made of `tests/requirements.toml`; a test holds "
        "every name in it against the product.\n",
        "| No. | Priority | Asked by | Need | Served by | Proven by |",
        ("verb", "setting", "**Not served:**", "—"),
    ),
    Page(
        "requirements.zh-CN.md",
        "# 需求与实现对照表\n\n"
        "2022 年旺季，六个邮政管理局向行业提出了要求。每行是其中一项需求（用我们自己的话表述）："
        "核心（P0）与明确服务（P1），"
        "并列出对应的字段、主题、配置与命令，以及证明它的测试。未实现的也如实写明。字段含义见 `hubpulse metrics`"
        "（[metrics.zh-CN.md](metrics.zh-CN.md)）。本表由 `tests/requirements.toml` 生成，表中每个名称都有测试核对。\n",
        "| 序号 | 级别 | 提出方 | 需求 | 实现 | 证明 |",
        ("命令", "配置", "**未实现：**", "—"),
        ("；", "、"),
    ),
)


def rows() -> list[Row]:
    """Every row, in the order of the catalogue."""
    return [_row(int(number), row) for number, row in tomllib.loads(CATALOGUE.read_text(encoding="utf-8")).items()]


def _row(number: int, row: Mapping[str, object]) -> Row:
    def many(name: str) -> Sequence[str]:
        said = row.get(name, [])
        assert isinstance(said, list)
        return said

    def both(name: str) -> tuple[str, str]:
        return str(row.get(name, "")), str(row.get(f"{name}_zh", ""))

    lists = (many(name) for name in ("fields", "topics", "verbs", "settings", "tests"))
    return Row(number, str(row["priority"]), str(row["from"]), both("need"), *lists, both("lacks"))


def known_tests() -> dict[str, str]:
    """Every test of the product by name, with the file that it stands in."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = str(path.relative_to(ROOT))
    return found


def page(one: Page) -> str:
    """The whole page in one language."""
    tests, language = known_tests(), PAGES.index(one)
    lines = (_line(row, one, language, tests) for row in rows())
    return "\n".join([one.intro, one.head, "|" + " --- |" * (one.head.count("|") - 1), *lines]) + "\n"


def _line(row: Row, one: Page, language: int, tests: Mapping[str, str]) -> str:
    apart = one.between[0]
    lacks = f"{one.words[2]} {row.lacks[language]}" if row.lacks[language] else ""
    served = apart.join(filter(None, (*_served(row, one), lacks)))
    proven = apart.join(f"[{_sentence(name)}](../{tests.get(name, '')})" for name in row.tests) or one.words[3]
    return f"| {row.number} | {row.priority} | {row.asked_by} | {row.need[language]} | {served} | {proven} |"


def _served(row: Row, one: Page) -> Iterator[str]:
    and_ = one.between[1]
    if row.fields:
        yield and_.join(f"`{name}`" for name in row.fields)
    if row.topics:
        yield and_.join(f"`…/{name}`" for name in row.topics)
    if row.settings:
        yield f"{one.words[1]} " + and_.join(f"`[{name}]`" for name in row.settings)
    if row.verbs:
        yield f"{one.words[0]} " + and_.join(f"`hubpulse {name}`" for name in row.verbs)


def _sentence(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


if __name__ == "__main__":
    for each in PAGES:
        if "--write" in sys.argv:
            (ROOT / "docs" / each.name).write_text(page(each), encoding="utf-8")
        else:
            print(page(each))
