"""One table defines every metric: payloads, units, manual and these tests come from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent.load.flow import Flow
from agent.load.line_load import LineLoad
from agent.load.metric_rows import GROUPS, LINE, SITE
from agent.load.metrics import Metric, fields, units
from agent.load.metrics_page import PAGES, meaning, page
from agent.load.scans import ScanLoad
from agent.load.site import SiteLoad
from config.messages import LANGUAGES, Language, word

ROOT = Path(__file__).resolve().parents[2]
MODELS: dict[str, type] = {"flow": Flow, "line": LineLoad, "scan": ScanLoad, "site": SiteLoad}
ALL = [pytest.param(name, one, id=f"{name}-{one.field}") for name, (group, _) in GROUPS.items() for one in group]


@pytest.mark.parametrize(("name", "metric"), ALL)
def test_a_metric_is_a_figure_of_the_model_with_a_meaning_in_both_languages(name: str, metric: Metric) -> None:
    assert metric.name in {one.name for one in dataclasses.fields(MODELS[name])}
    english, chinese = (word(meaning(name, metric), lang) for lang in LANGUAGES)
    assert english.isascii()
    assert any("\u4e00" <= one <= "\u9fff" for one in chinese)


@pytest.mark.parametrize(("name", "metric"), ALL)
def test_an_unknown_figure_is_never_a_number(name: str, metric: Metric) -> None:
    assert metric.said(None) is None
    assert metric.said(0) == (None if metric.rare else 0)


@pytest.mark.parametrize("name", GROUPS)
def test_no_field_is_named_twice_and_each_has_a_unit(name: str) -> None:
    group, _ = GROUPS[name]
    assert len(units(group)) == len(group)
    assert all(units(group).values())


def test_a_figure_is_sent_with_its_decimals() -> None:
    class Load:
        pass

    load = Load()
    for metric in LINE:
        setattr(load, metric.name, 1.23456789)
    said = fields(LINE, load)
    assert (said["tempo"], said["load_index"], said["headroom_pph"]) == (1.2346, 1.2, 1)


def test_every_figure_of_a_line_or_site_is_in_the_table_or_is_a_flow_or_the_quality() -> None:
    beside = {"induct", "discharge", "recirculation", "reject", "manual", "quality"}
    assert {one.name for one in dataclasses.fields(LineLoad)} == {one.name for one in LINE} | beside
    assert {one.name for one in dataclasses.fields(SiteLoad)} == {one.name for one in SITE} | {
        "unload",
        "load",
        "quality",
    }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_manual_is_what_the_table_says(lang: Language) -> None:
    assert (ROOT / PAGES[lang]).read_text("utf-8") == page(lang), "run: python -m agent.load.metrics_page"
