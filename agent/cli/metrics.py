"""Explain every figure that the agent sends: its field, unit, window, when it is given, from what, and what it means.

The table is docs/metrics.md: Markdown, in English or Chinese. With the name of a figure, as `load_index` or
`in_pph_900`, that one alone.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator

from agent.cli.local_order import fail
from agent.cli.speech import add_language, chosen_language, say
from agent.load.metric_rows import GROUPS, STEERING
from agent.load.metrics import Metric
from config.messages import Language, word

_PREFIXES = {"": "", "…_": "(…_|(in|out|recirc|reject|manual|unload|load)_)?", "[size_]": r"(\[size_\]|(s|m|l|xl)_)?"}
"""What may stand before a field, by what the table shows there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this figure, named as in the messages")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    if args.name is None:
        sys.stdout.write(page(lang))
        return 0
    if found := one_figure(args.name, lang):
        say(found)
        return 0
    fields = sorted({one.field for metrics, _ in GROUPS.values() for one in metrics})
    near = difflib.get_close_matches(args.name, fields, 5, 0.4) or ["load_index"]
    fail(lang, "E2792", name=args.name, near=", ".join(near))
    return 2


def page(lang: Language) -> str:
    """The whole page, as Markdown."""
    parts = [word(f"metrics_{name}", lang) for name in ("title", "intro", "rules")]
    for name, (metrics, prefixes) in GROUPS.items():
        parts += [word(f"metrics_of_{name}", lang), "\n".join(_table(name, metrics, prefixes, lang))]
    return "\n\n".join(parts) + "\n"


def one_figure(wanted: str, lang: Language) -> str:
    """The tables that hold the figure `wanted`, with its row alone; empty where none does."""
    parts = list[str]()
    for name, (metrics, prefixes) in GROUPS.items():
        if named := [one for one in metrics if re.fullmatch(_PREFIXES[prefixes] + one.field, wanted)]:
            parts += [word(f"metrics_of_{name}", lang), "\n".join(_table(name, named, prefixes, lang))]
    return "\n\n".join(parts)


def _table(name: str, metrics: Iterable[Metric], prefixes: str, lang: Language) -> Iterator[str]:
    yield word("metrics_columns", lang)
    yield "|---|---|---|---|---|---|"
    for one in metrics:
        means = word(meaning(name, one), lang)
        window = "" if one.window_s is None else f"{one.window_s} s"
        rule, source = (word(f"metric_{kind}_{said}".replace(" ", "_").replace("-", "_"), lang)
                        for kind, said in (("rule", one.trust), ("from", one.source)))  # fmt: skip
        yield f"| `{prefixes}{one.field}` | {one.unit} | {window} | {rule} | {source} | {means} |"


def meaning(name: str, metric: Metric) -> str:
    """The word of the catalogue that says what a metric of group `name` is."""
    own = name in {"flow", "share"} or (name == "site" and metric not in STEERING)
    return f"metric_{name}_{metric.field}" if own else f"metric_{metric.field}"
