"""Explain every figure that the agent sends: its field, unit, window, when it is given, from what, and what it means.

The table is docs/metrics.md: Markdown, in English or Chinese.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator

from agent.cli.speech import add_language, chosen_language
from agent.load.metric_rows import GROUPS, STEERING
from agent.load.metrics import Metric
from config.messages import Language, word


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    sys.stdout.write(page(chosen_language(args.lang, sys.stdout)))
    return 0


def page(lang: Language) -> str:
    """The whole page, as Markdown."""
    parts = [word(f"metrics_{name}", lang) for name in ("title", "intro", "rules")]
    for name, (metrics, prefixes) in GROUPS.items():
        parts += [word(f"metrics_of_{name}", lang), "\n".join(_table(name, metrics, prefixes, lang))]
    return "\n\n".join(parts) + "\n"


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
