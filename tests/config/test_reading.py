"""What may be read in one go is declared by device or profile, and what cannot be so read is one located fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_text import changed

import config
from config.device_settings import Stretch
from config.loading import Report

KEYS = "period_s = 0.5"


def checked(addition: str, **points: str) -> Report:
    """The site with keys added to its device, and to points of it."""
    text = changed(KEYS, f"{KEYS}\n{addition}")
    for name, keys in points.items():
        head = f"[device.plc-a.point.{name}]"
        assert head in text
        text = text.replace(head, f"{head}\n{keys}")
    return config.check_text("site.toml", text.encode())


def codes(report: Report) -> list[str]:
    return [fault.code for fault in report.faults]


def test_readable_stretches_are_declared_by_area_with_both_ends() -> None:
    report = checked('readable = { holding = ["0-199", "400"], input = ["7-7"] }')
    assert report.settings is not None
    assert report.settings.devices[0].readable == (
        Stretch("holding", 0, 199), Stretch("holding", 400, 400), Stretch("input", 7, 7),
    )  # fmt: skip


@pytest.mark.parametrize("wrong", ["a", "5-4", "0-65536", "-3", "40001-", ""])
def test_what_is_no_range_is_told_at_its_place(wrong: str) -> None:
    report = checked(f'readable = {{ holding = ["0-199", "{wrong}"] }}')
    assert codes(report) == ["E2351"]
    assert report.faults[0].source[report.faults[0].column - 1 :].startswith(f'"{wrong}"')


def test_an_unknown_area_is_an_unknown_key() -> None:
    assert codes(checked('readable = { holdings = ["0-199"] }')) == ["E2201"]


def test_a_point_outside_the_readable_stretches_could_never_be_read() -> None:
    report = checked('readable = { holding = ["0-101"] }')
    assert [(fault.code, fault.parameters["point"]) for fault in report.faults] == [("E2352", "delivered")]
    assert codes(checked('readable = { holding = ["0-100", "101-199"] }')) == ["E2352"]
    assert codes(checked("readable = { holding = [] }")) == []


def test_a_profile_declares_them_for_its_devices_and_a_device_may_say_otherwise(tmp_path: Path) -> None:

    folder = tmp_path
    (folder / "acme-x1.toml").write_text(
        '[profile]\nmaker = "Acme"\nmodel = "X1"\ntrust = "experimental"\nsource = "manual"\ntransports = ["rtu"]\n'
        'kind = "plc"\nreadable = { holding = ["0-9"] }\nhints_en = ["-"]\nhints_zh = ["-"]\n'
        '[point]\na = { area = "holding", address = 3, type = "u16" }\n',
        encoding="utf-8",
    )
    for own, expected in (("", 9), ('\nreadable = { holding = ["0-4"] }', 4)):
        text = changed("[line.north]", f'[device.x]\nbus = "sorter"\nunit = 9\nprofile = "acme-x1"{own}\n[line.north]')
        report = config.check_text("site.toml", text.encode(), [folder])
        assert report.settings is not None, report.faults
        assert report.settings.devices[-1].readable == (Stretch("holding", 0, expected),)


@pytest.mark.parametrize(
    ("addition", "names", "code"),
    [
        ("", ("inducted", "delivered"), None),
        ("", ("inducted", "speed"), "E2353"),
        ("max_read_registers = 3", ("inducted", "delivered"), "E2354"),
        ('readable = { holding = ["0-101", "102-103"] }', ("inducted", "delivered"), "E2355"),
    ],
)
def test_a_snapshot_that_no_single_read_can_take_is_refused(
    addition: str, names: tuple[str, ...], code: str | None
) -> None:
    report = checked(addition, **dict.fromkeys(names, 'snapshot = "counts"'))
    assert codes(report) == ([code] if code else [])
