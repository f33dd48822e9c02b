"""Run the tests that show rows of the fault matrix, and tell row by row what was shown and measured.

`./dev faults` runs all of them, `./dev faults bus` those of one group, `./dev faults N15` those of one row; `--write`
makes the tables of what was run anew in docs/faults*.md.
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
    """A page: its file, the keys of its texts in the catalogue (`instead`: why no test), and the head of its tables."""

    page: Path
    keys: tuple[str, str]
    instead: str
    head: str


LANGUAGES = (
    Language(
        ROOT / "docs" / "faults.md", ("fault", "must"), "instead", "| | fault | must | shown by the test | measured |"
    ),
    Language(
        ROOT / "docs" / "faults.zh-CN.md",
        ("fault_zh", "must_zh"),
        "instead_zh",
        "| | 故障 | 要求 | 由此测试证明 | 实测 |",
    ),
)


@dataclass
class Shown:
    """One test of a row: what came out over all its parameters."""

    test: str
    outcomes: set[str] = field(default_factory=set)
    cases: int = 0
    reasons: set[str] = field(default_factory=set)
    figures: dict[str, list[float]] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return next((one for one in ("failed", "skipped") if one in self.outcomes), "passed")

    @property
    def measured(self) -> str:
        """Figures by name; where parameters differ, from least to greatest; else how many cases passed, or why none."""
        if self.outcome == "skipped":
            return f"skipped: {'; '.join(sorted(self.reasons))}"
        if self.outcome == "failed":
            return "failed"
        told = ", ".join(f"{name} {_span(values)}" for name, values in self.figures.items())
        return told or f"cases {self.cases}, failed 0"


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument(
        "what", nargs="*", type=_known, help=f"groups ({', '.join(GROUPS)}) or rows (N15); all of them without it"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--write", action="store_true", help="make the tables in docs/ of what was measured")
    args = parser.parse_args()
    wanted = rows_of(args.what or GROUPS)
    status, noted = run_tests(wanted)
    shown = {row: tests for row, tests in by_row(noted).items() if row in wanted}
    if args.json:
        print(json.dumps(as_json(shown), ensure_ascii=False, indent=1))
    else:
        print("\n".join(plain(shown)))
    if args.write and status == 0:
        for language in LANGUAGES:
            write(language, shown)
    return status


def rows_of(what: Iterable[str]) -> list[str]:
    """The rows of these groups, and these rows."""
    wanted = {GROUPS.get(one, one) for one in what}
    return [row for row in catalogue() if wanted & {row, row[0]}]


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


def untried() -> list[str]:
    """Rows for which there is a reason instead of a test."""
    return [row for row, texts in catalogue().items() if "instead" in texts]


def sentence(test: str) -> str:
    """What a test's name says."""
    return test.removeprefix("test_").replace("_", " ")


# --- running ---


def run_tests(rows: Sequence[str]) -> tuple[int, list[Json]]:
    """The exit status of pytest, and what the tests noted."""
    with tempfile.TemporaryDirectory(prefix="hubpulse-faults-") as folder:
        figures = Path(folder) / "figures.json"
        options = ["-q", "--fault-rows", ",".join(rows), "--fault-figures", str(figures)]
        done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT, stdout=sys.stderr, check=False)
        return done.returncode, json.loads(figures.read_text()) if figures.exists() else []


def by_row(noted: Iterable[Json]) -> dict[str, list[Shown]]:
    """What was noted, by row in the catalogue's order and by test."""
    tests: dict[tuple[str, str], Shown] = {}
    for each in noted:
        for row in each["rows"]:
            shown = tests.setdefault((row, each["test"]), Shown(each["test"]))
            shown.outcomes.add(each["outcome"])
            shown.cases += 1
            shown.reasons.add(each.get("reason", ""))
            for name, value in each["figures"].items():
                shown.figures.setdefault(name, []).append(value)
    return {row: found for row in catalogue() if (found := [one for (of, _), one in tests.items() if of == row])}


# --- telling ---


def as_json(shown: Mapping[str, Sequence[Shown]]) -> Json:
    return {
        row: {
            "fault": catalogue()[row]["fault"],
            "must": catalogue()[row]["must"],
            "shown": [
                {"test": one.test, "outcome": one.outcome, "cases": one.cases, "figures": _folded(one.figures)}
                for one in tests
            ],
        }
        for row, tests in shown.items()
    }


def plain(shown: Mapping[str, Sequence[Shown]]) -> Iterator[str]:
    for row, tests in shown.items():
        yield f"{row:<4}{catalogue()[row]['fault']}: {catalogue()[row]['must']}"
        for one in tests:
            yield f"    {one.outcome:<8}{sentence(one.test)}: {one.measured}"


def write(language: Language, shown: Mapping[str, Sequence[Shown]]) -> None:
    """Put what was shown into the page's tables; rows that were not tried keep their lines."""
    page = language.page.read_text(encoding="utf-8")
    for group, letter in GROUPS.items():
        begin, end = BEGIN.format(group), END.format(group)
        if begin in page and any(row[0] == letter for row in shown):
            before, _, rest = page.partition(begin)
            table, _, after = rest.partition(end)
            lines = parted(table) | {row: row_lines(language, row, shown.get(row, ())) for row in (*shown, *untried())}
            rows = [line for row in catalogue() if row[0] == letter for line in lines.get(row, ())]
            page = before + begin + "\n".join([language.head, "|---|---|---|---|---|", *rows, ""]) + end + after
    language.page.write_text(page, encoding="utf-8")


def row_lines(language: Language, row: str, tests: Sequence[Shown]) -> list[str]:
    """A line for each test; what the row is about stands in its first."""
    about = (row, *(catalogue()[row][key] for key in language.keys))
    if not tests:
        return [f"| {' | '.join((*about, '', catalogue()[row][language.instead]))} |"]
    abouts = [about, *[("", "", "")] * (len(tests) - 1)]
    return [
        f"| {' | '.join((*head, sentence(one.test), one.measured))} |" for head, one in zip(abouts, tests, strict=True)
    ]


def parted(table: str) -> dict[str, list[str]]:
    """The lines of a table, by row."""
    found: dict[str, list[str]] = {}
    for line in table.splitlines()[2:]:
        row = line.split("|")[1].strip()
        found.setdefault(row or next(reversed(found)), []).append(line)
    return found


def told(page: str) -> set[tuple[str, str]]:
    """The pairs of row and test that a page tells of."""
    pairs, row = set(), ""
    for found in re.finditer(r"^\| ([A-Z]\d+)? \|[^|]*\|[^|]*\| ([^|]*) \|[^|]*\|$", page, re.MULTILINE):
        row = found[1] or row
        pairs.add((row, found[2]))
    return pairs


# --- small parts ---


def _known(what: str) -> str:
    if what not in GROUPS and what not in catalogue():
        raise argparse.ArgumentTypeError(f"there is no group and no row {what}")
    return what


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
