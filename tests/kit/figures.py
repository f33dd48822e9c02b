"""Measure what the design promises in figures, and make docs/figures*.md of it, each beside what others promise.

Every source is a command that prints JSON. Its result is kept in a folder: what is there is not measured again, so the
folder can be filled bit by bit: `--only crash` measures that source alone, `--only` nothing. A row whose source is
missing keeps its line of the page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import folders

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "tests" / "figures.toml"
KIT, BENCHMARKS = ROOT / "tests" / "kit", ROOT / "benchmarks"
SOURCES: Mapping[str, tuple[object, ...]] = {
    "crash": (KIT / "crash.py", "--states", "15000", "--json"),
    "counts": (KIT / "counting_path.py", "--json"),
    "simulate": (KIT / "simulated_histories.py", "--seed", "21", "--days", "30", "--json"),
    "soak": (KIT / "soak.py", "--minutes", "10", "--seed", "3", "--json"),
    "spool": (BENCHMARKS / "bench_spool.py", "--json"),
    "drain": (BENCHMARKS / "bench_drain.py", "--json"),
    "network": (KIT / "fault_matrix.py", "network", "--json"),
    "parsers": (KIT / "parser_fuzz.py", "--json"),
    "unit": (KIT / "exposure.py",),
}
"""By name the command that measures, in the order in which they run."""


@dataclass(frozen=True)
class Page:
    """One language's page: the ending of its keys, its head, what stands above the table, and what for no figure;
    `words` are those for what the sources say in English."""

    path: Path
    ending: str
    head: str
    columns: str
    missing: str
    words: Mapping[str, str] = field(default_factory=dict)


PAGES = (
    Page(
        ROOT / "docs" / "figures.md",
        "",
        """# Figures

What is promised, what comparable systems promise or were measured to do, and what was measured here, on a shared
machine with two cores. `./dev figures --in FOLDER` measures what the folder does not hold yet and makes this page.
[中文](figures.zh-CN.md)
""",
        "| promised | others | measured |",
        "not measured yet",
    ),
    Page(
        ROOT / "docs" / "figures.zh-CN.md",
        "_zh",
        """# 数据

承诺的目标、同类系统的承诺或实测、以及本项目在一台双核共享机器上的实测。
`./dev figures --in FOLDER` 补测目录中尚缺的数据并生成本页。
[English](figures.md)
""",
        "| 承诺 | 同类系统 | 实测 |",
        "尚未测量",
        {
            "no flush of data, on ext4": "真实 ext4 上不刷写数据",
            "no flush of data": "不刷写数据",
            "no flush of names": "不刷写文件名",
            "messages and state in two transactions": "报文与状态分两个事务",
            "a failed flush repeated": "刷写失败后重试",
            "? (no life long enough to judge)": "？（运行时间太短，无法判断）",
            "; ": "；",
            " (": "（",
            ") ": "）",
            ")": "）",
        },
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev figures", description=__doc__)
    parser.add_argument(
        "--in", dest="folder", type=Path, default=ROOT / "build" / "figures", help="results are kept here"
    )
    parser.add_argument("--only", nargs="*", choices=SOURCES, metavar="SOURCE", help=f"of {', '.join(SOURCES)}; all")
    parser.add_argument("--json", action="store_true", help="print everything that was measured as one JSON object")
    args = parser.parse_args()
    folders.make(parser, "--in", args.folder)
    for name in SOURCES if args.only is None else args.only:
        measure(name, args.folder)
    found = {name: result for name in SOURCES if (result := kept(name, args.folder)) is not None}
    for page in PAGES:
        page.path.write_text(written(page, found), encoding="utf-8")
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    missing = [name for name in SOURCES if name not in found]
    if missing:
        _say(f"missing: {', '.join(missing)} (./dev figures --in {args.folder} --only {missing[0]})")
    return 1 if missing and args.only is None else 0


def measure(name: str, folder: Path) -> None:
    """Run a source unless its result is there. One that ends badly but says what it found is kept; others are told."""
    into = folder / f"{name}.json"
    if into.exists():
        return
    _say(f"measuring {name}: {' '.join(map(str, SOURCES[name]))}")
    done = subprocess.run([sys.executable, *map(str, SOURCES[name])], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        _say(f"{name}: NOT AS PROMISED (exit code {done.returncode})")
    if done.stdout.startswith(b"{"):
        into.write_bytes(done.stdout)


def kept(name: str, folder: Path) -> Json | None:
    """What the folder holds of a source."""
    file = folder / f"{name}.json"
    return _readable(name, json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def _readable(name: str, result: Json) -> Json:
    """What a sentence can hold of it."""
    if name == "crash":
        ext4 = result["ext4"]
        undone = ext4.get("not_done") or ext4.get("broke_off")
        result["ext4"] = undone or f"{ext4['states']:,} ext4 ({ext4['lost']} / {ext4['mismatch']})"
        shares = result["controls"]["found_out"].items()
        result["controls"]["found_out"] = "; ".join(f"{mistake} {share:.0%}" for mistake, share in shares)
    if name == "parsers":
        result |= {"crashed": len(result["crashes"]), "untrue": sum(result["wrong"].values())}
    if name == "soak":
        result["centre_differences"] = len(result["centre_differences"])
        for whose in ("vitals", "centre_vitals"):
            result[whose]["memory_mb_a_day"] = _slope(result[whose])
    return result


def _slope(vitals: Json) -> str:
    """With where it lies."""
    slope, lo, hi = (vitals[f"memory_mb_a_day{end}"] for end in ("", "_lo", "_hi"))
    return "? (no life long enough to judge)" if slope is None else f"{slope} ({lo} … {hi})"


def rows() -> list[Mapping[str, str]]:
    """The promises, in their order."""
    table: list[Mapping[str, str]] = tomllib.loads(ROWS.read_text(encoding="utf-8"))["row"]
    return table


def written(page: Page, found: Mapping[str, Json]) -> str:
    """The page of one language, with the lines it has where nothing new was measured."""
    there = page.path.read_text(encoding="utf-8").splitlines() if page.path.exists() else []
    return "\n".join([page.head, page.columns, "|---|---|---|", *_lines(page, found, there)]) + "\n"


def _lines(page: Page, found: Mapping[str, Json], there: Sequence[str]) -> Iterator[str]:
    for row in rows():
        goal, beside, told = (row[f"{key}{page.ending}"] for key in ("goal", "beside", "measured"))
        head = f"| {goal} | {beside} |"
        try:
            said = told.format(**found)
            for english, word in page.words.items():
                said = said.replace(english, word)
            yield f"{head} {said} |"
        except (KeyError, IndexError):
            yield next((line for line in there if line.startswith(head)), f"{head} {page.missing} |")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
