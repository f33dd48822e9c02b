"""One table defines every metric: payloads, units, manual and these tests come from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.__main__ import main
from agent.cli.metrics import meaning
from agent.inputs.site import LineInputs
from agent.load.attendance import Attended
from agent.load.flow import Flow
from agent.load.line_load import LineLoad, Pace, Room, Steered
from agent.load.locker import LockerLoad, Share
from agent.load.metric_rows import GROUPS, LINE, RECORDS, SITE
from agent.load.metrics import Metric
from agent.load.records import SoFar
from agent.load.scans import ScanLoad
from agent.load.site import SiteLoad
from config.messages import LANGUAGES, word

ROOT = Path(__file__).resolve().parents[2]
NESTED: dict[str, type] = {"pace": Pace, "room": Room, "steered": Steered, "so_far": SoFar}
MODELS: dict[str, type] = {
    "flow": Flow,
    "line": LineLoad,
    "station": Flow,
    "scan": ScanLoad,
    "inputs": LineInputs,
    "site": SiteLoad,
    "equipment": Attended,
    "records": LineLoad,
    "locker": LockerLoad,
    "share": Share,
}
ALL = [pytest.param(name, one, id=f"{name}-{one.field}") for name, (group, _) in GROUPS.items() for one in group]


def figures(model: type) -> set[str]:
    """Every figure that a model draws, dotted where it is drawn in a part."""
    names = set(model.__annotations__)
    inner = {f"{part}.{name}" for part in names & NESTED.keys() for name in NESTED[part].__annotations__}
    return (names - NESTED.keys()) | inner


@pytest.mark.parametrize(("name", "metric"), ALL)
def test_a_metric_is_a_figure_of_the_model_with_a_meaning_in_both_languages(name: str, metric: Metric) -> None:
    assert metric.name in figures(MODELS[name])
    english, chinese = (word(meaning(name, metric), lang) for lang in LANGUAGES)
    assert english.isascii()
    assert any("\u4e00" <= one <= "\u9fff" for one in chinese)


class Load:
    """Anything that has figures, dotted or not."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __getattr__(self, name: str) -> object:
        return self if name in NESTED else self._value


@pytest.mark.parametrize("name", GROUPS)
def test_an_unknown_figure_is_left_out_and_one_that_is_0_is_said_unless_it_is_rare(name: str) -> None:
    group, _ = GROUPS[name]
    assert group.fields(Load(None)) == {}
    assert group.fields(Load(0), "x_") == {f"x_{one.field}": 0 for one in group if not one.rare}


@pytest.mark.parametrize("name", GROUPS)
def test_no_field_is_named_twice_and_each_has_a_unit(name: str) -> None:
    group, _ = GROUPS[name]
    assert len(group.units()) == len(group)
    assert all(group.units().values())


def test_a_figure_is_sent_with_its_decimals() -> None:
    said = LINE.fields(Load(1.23456789))
    assert (said["tempo"], said["load_index"], said["headroom_pph"]) == (1.2346, 1.2, 1)


def test_every_figure_of_a_line_or_site_is_in_the_table_or_is_a_flow_or_the_quality() -> None:
    flows = {"induct", "discharge", "recirculation", "reject", "manual"}
    assert figures(LineLoad) == {one.name for one in LINE + RECORDS} | flows | {"quality"}
    assert figures(SiteLoad) == {one.name for one in SITE + RECORDS} | {"unload", "load", "quality"}


@pytest.mark.parametrize(("lang", "name"), [("en", "metrics.md"), ("zh", "metrics.zh-CN.md")])
def test_the_manual_is_what_the_verb_prints(lang: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "--lang", lang]) == 0
    printed = capsys.readouterr().out
    assert (ROOT / "docs" / name).read_text("utf-8") == printed, f"run: hubpulse metrics --lang {lang} > docs/{name}"


@pytest.mark.parametrize("name", ["recirc_pph_900", "pph_900", "…_pph_900"])
def test_one_figure_is_explained_alone_by_the_name_it_has_in_messages(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["metrics", name, "--lang", "en"]) == 0
    rows = [row for row in capsys.readouterr().out.splitlines() if row.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["…_pph_900"]


@pytest.mark.parametrize("name", GROUPS)
def test_every_figure_of_the_table_can_be_asked_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    group, prefixes = GROUPS[name]
    for one in group:
        assert main(["metrics", f"{prefixes}{one.field}", "--lang", "en"]) == 0
        assert f"| `{prefixes}{one.field}` |" in capsys.readouterr().out


def test_a_figure_that_is_none_is_told_with_those_of_like_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "load_indx", "--lang", "en"]) == 2
    assert "load_index" in capsys.readouterr().err
