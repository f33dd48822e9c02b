"""Whom a site obeys and what its inputs mean: every fault has its place, and every kind its usual ways."""

from __future__ import annotations

import pytest
from site_text import SITE

import config
from config.input_settings import INPUT_KINDS, USUAL, Limit

JAM = """
[device.eye-1.point.jam]
area = "discrete"
address = 3
[device.eye-1.point.hot]
area = "input"
address = 9
type = "i16"
"""


def checked(more: str) -> config.Report:
    return config.check_text("x.toml", (SITE + JAM + more).encode())


def test_an_input_has_the_ways_of_its_kind_where_the_site_says_nothing_else() -> None:
    written = "\n".join(
        f'[input.{kind.replace("_", "-")}]\npoint = "eye-1.jam"\nas = "{kind}"\nline = "north"' for kind in INPUT_KINDS
    )
    report = checked(written)
    assert report.settings is not None, report.faults
    for one in report.settings.inputs:
        usual = USUAL[one.kind]
        assert (one.severity, one.alarm_class, one.active) == (usual.severity, usual.alarm_class, usual.active)
        assert one.is_alarm == (one.kind != "run")


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("above = 38\nclear = 35", Limit(38.0, 35.0, above=True)),
        ("below = 0\nclear = 3", Limit(0.0, 3.0, above=False)),
        ("above = 5", Limit(5.0, 5.0, above=True)),
    ],
)
def test_a_gauge_is_held_against_its_limit(written: str, limit: Limit) -> None:
    report = checked(f'[input.hall]\npoint = "eye-1.hot"\nas = "temperature"\n{written}')
    assert report.settings is not None, report.faults
    assert report.settings.inputs[0].limit == limit


@pytest.mark.parametrize(
    ("written", "code", "line"),
    [
        ('[input.a]\npoint = "eye-1.rejected"\nas = "jam"', "E2751", 2),
        ('[input.a]\npoint = "eye-1.hot"\nas = "wind"', "E2752", 2),
        ('[input.a]\npoint = "eye-1.jam"\nas = "jam"\nabove = 3', "E2753", 4),
        ('[input.a]\npoint = "eye-1.hot"\nas = "wind"\nabove = 3\nclear = 4', "E2754", 5),
        ('[input.a]\npoint = "eye-1.hot"\nas = "wind"\nabove = 3\nbelow = 4', "E2215", 5),
        ('[input.a]\npoint = "eye-1.jam"\nas = "jam"\nline = "south"', "E2755", 4),
        ('[input.a]\npoint = "eye-1.jam"\nas = "run"', "E2206", 1),
        ('[input.a]\npoint = "eye-9.jam"\nas = "jam"', "E2302", 2),
        ('[input.a]\npoint = "eye-1.jan"\nas = "jam"', "E2304", 2),
        ('[input.a]\npoint = "jam"\nas = "jam"', "E2303", 2),
        ('[input.a]\npoint = "eye-1.jam"\nas = "stau"', "E2228", 3),
        ("[commands]\nrequire_signature = true", "E2750", 2),
        ('[commands]\nkey_file = "/a"\nkey_credential = "b"', "E2215", 3),
        ('[season]\nfrom = "2026-10-21"\nto = "2026-11-20"\nmode = "emergency"', "E2228", 4),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_place(written: str, code: str, line: int) -> None:
    report = checked(written)
    first = (SITE + JAM).count("\n")
    assert [(fault.code, fault.line - first) for fault in report.faults] == [(code, line)]
