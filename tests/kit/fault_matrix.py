"""Run the tests that show rows of the fault matrix, and tell row by row what was shown and measured.

`./dev faults` runs all of them, `./dev faults bus` those of one group; `--write` makes the pages docs/faults*.md anew.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Figure = Callable[..., None]
"""A test's fixture: what it measured, by name with its unit."""
Row = Mapping[str, str]

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "tests" / "faults.toml"
GROUPS = {"bus": "B", "network": "N", "disk": "S", "process": "P", "clock": "C", "config": "G", "malice": "M"}
BEGIN, END = "<!-- {} -->\n", "<!-- end of {} -->\n"


@dataclass(frozen=True)
class Language:
    """A page: its file, the keys of its texts in the catalogue, and what stands above a group's table."""

    page: Path
    keys: tuple[str, str]
    head: str


LANGUAGES = (
    Language(ROOT / "docs" / "faults.md", ("fault", "must"), "| | fault | must | shown by the test | measured |"),
    Language(ROOT / "docs" / "faults.zh-CN.md", ("fault_zh", "must_zh"), "| | 故障 | 要求 | 由此测试证明 | 实测 |"),
)


@dataclass
class Shown:
    """One test of a row: what came out over all its parameters."""

    test: str
    outcomes: set[str] = field(default_factory=set)
    figures: dict[str, list[float]] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return next((one for one in ("failed", "skipped") if one in self.outcomes), "passed")

    @property
    def measured(self) -> str:
        """Figures by name; where parameters differ, from least to greatest."""
        return ", ".join(f"{name} {_span(values)}" for name, values in self.figures.items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("group", nargs="?", choices=GROUPS, help="one group of rows; all of them without it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--write", action="store_true", help="make the pages in docs/ of what was measured")
    args = parser.parse_args()
    wanted = {name: letter for name, letter in GROUPS.items() if args.group in (None, name)}
    status, noted = run_tests("".join(wanted.values()))
    shown = by_row(noted)
    if args.json:
        print(json.dumps(as_json(shown), ensure_ascii=False, indent=1))
    else:
        print("\n".join(plain(shown)))
    if args.write and status == 0:
        for language in LANGUAGES:
            write(language, shown, wanted)
    return status


def catalogue() -> dict[str, Row]:
    """The rows by id, in their order."""
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))


def tests_by_row() -> dict[str, list[str]]:
    """Which tests say that they show which row, as their source has it."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for row in _rows_of(node):
                found.setdefault(row, []).append(getattr(node, "name", ""))
    return found


def sentence(test: str) -> str:
    """What a test's name says."""
    return test.removeprefix("test_").replace("_", " ")


# --- running ---


def run_tests(letters: str) -> tuple[int, list[Json]]:
    """The exit status of pytest, and what the tests noted."""
    with tempfile.TemporaryDirectory(prefix="hubpulse-faults-") as folder:
        figures = Path(folder) / "figures.json"
        options = ["-q", "--fault-rows", letters, "--fault-figures", str(figures)]
        done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT, stdout=sys.stderr, check=False)
        return done.returncode, json.loads(figures.read_text()) if figures.exists() else []


def by_row(noted: Iterable[Json]) -> dict[str, list[Shown]]:
    """What was noted, by row in the catalogue's order and by test."""
    tests: dict[tuple[str, str], Shown] = {}
    for each in noted:
        for row in each["rows"]:
            shown = tests.setdefault((row, each["test"]), Shown(each["test"]))
            shown.outcomes.add(each["outcome"])
            for name, value in each["figures"].items():
                shown.figures.setdefault(name, []).append(value)
    return {row: found for row in catalogue() if (found := [one for (of, _), one in tests.items() if of == row])}


# --- telling ---


def as_json(shown: Mapping[str, Sequence[Shown]]) -> Json:
    return {
        row: {
            "fault": catalogue()[row]["fault"],
            "must": catalogue()[row]["must"],
            "shown": [{"test": one.test, "outcome": one.outcome, "figures": _folded(one.figures)} for one in tests],
        }
        for row, tests in shown.items()
    }


def plain(shown: Mapping[str, Sequence[Shown]]) -> Iterator[str]:
    for row, tests in shown.items():
        yield f"{row:<4}{catalogue()[row]['fault']}: {catalogue()[row]['must']}"
        for one in tests:
            yield f"    {one.outcome:<8}{sentence(one.test)}{': ' + one.measured if one.figures else ''}"


def write(language: Language, shown: Mapping[str, Sequence[Shown]], groups: Mapping[str, str]) -> None:
    """Put the tables of these groups into the page, each in its place."""
    page = language.page.read_text(encoding="utf-8")
    for group, letter in groups.items():
        rows = {row: tests for row, tests in shown.items() if row[0] == letter}
        begin, end = BEGIN.format(group), END.format(group)
        if rows and begin in page:
            before, _, rest = page.partition(begin)
            page = before + begin + table(language, rows) + end + rest.partition(end)[2]
    language.page.write_text(page, encoding="utf-8")


def table(language: Language, rows: Mapping[str, Sequence[Shown]]) -> str:
    """A line for each test; what a row is about stands in its first."""
    lines = [language.head, "|---|---|---|---|---|"]
    for row, tests in rows.items():
        about = (row, *(catalogue()[row][key] for key in language.keys))
        for one in tests:
            measured = one.measured if one.outcome == "passed" else one.outcome
            lines.append(f"| {' | '.join((*about, sentence(one.test), measured))} |")
            about = ("", "", "")
    return "\n".join(lines) + "\n"


def told(page: str) -> set[tuple[str, str]]:
    """The pairs of row and test that a page tells of."""
    pairs, row = set(), ""
    for found in re.finditer(r"^\| ([A-Z]\d+)? \|[^|]*\|[^|]*\| ([^|]*) \|[^|]*\|$", page, re.MULTILINE):
        row = found[1] or row
        pairs.add((row, found[2]))
    return pairs


# --- small parts ---


def _rows_of(node: ast.AST) -> Iterator[str]:
    """The rows that the decorators of a function name."""
    for decorator in getattr(node, "decorator_list", ()):
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def _folded(figures: Mapping[str, Sequence[float]]) -> Json:
    return {
        name: values[0] if len(set(values)) == 1 else [min(values), max(values)] for name, values in figures.items()
    }


def _span(values: Sequence[float]) -> str:
    least, most = _text(min(values)), _text(max(values))
    return least if least == most else f"{least} to {most}"


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
