"""What `hubpulse check` says of full lines: both numbers, what would help, and that the first of it does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from site_text import SITE, changed

from agent.__main__ import main as hubpulse
from agent.twin.patch import copy_site

LINE_FULL = changed("baud = 19200", "baud = 1200\nadapter_latency_s = 0.016").replace(
    "period_s = 0.5", "period_s = 0.2\nmax_read_registers = 2"
)


def checked(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    status = hubpulse(["check", str(path), "--lang", "en", *options])
    return status, capsys.readouterr().out


@pytest.fixture
def full(tmp_path: Path) -> Path:
    path = tmp_path / "full.toml"
    path.write_text(LINE_FULL, encoding="utf-8")
    return path


def test_a_line_that_cannot_carry_its_reads_is_a_located_fault_with_both_numbers(
    full: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = checked(full, capsys)
    assert status == 78
    assert f"{full}:15:6: E2361" in said and "[bus.sorter]" in said
    assert "346% of its time is needed, 95% can be used" in said
    assert "what would help bus sorter, best first:" in said
    assert "would start, and read late" in said
    kinds = {fix["kind"] for fix in json.loads(checked(full, capsys, "--json")[1])["wires"][0]["fixes"]}
    assert kinds == {"merge", "latency", "baud", "period"}


def test_the_first_fix_makes_an_overfull_line_pass(full: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        fixes = json.loads(checked(full, capsys, "--json")[1])["wires"][0]["fixes"]
        changes = {(group, name, key): int(v) if v == int(v) else v for group, name, key, v in fixes[0]["changes"]}
        mended = tmp(full, number, changes)
        assert checked(mended, capsys)[0] == 0, fixes[0]
        # Without that way out, the next best must do.
        if fixes[0]["kind"] == "period":
            return
        full = tmp(full, f"less-{number}", _exhausted(fixes[0]["kind"]))
    pytest.fail("longer periods always help")


def tmp(full: Path, name: object, changes: object) -> Path:
    return copy_site(full, full.parent / str(name), changes)  # type: ignore[arg-type]


def _exhausted(kind: str) -> dict[tuple[str, str, str], object]:
    """A site where that has been done already, and more is asked for."""
    period = ("device", "plc-a", "period_s")
    return {
        "merge": {("device", "plc-a", "max_read_registers"): 125, period: 0.02},
        "latency": {("bus", "sorter", "adapter_latency_s"): 0.001, period: 0.02},
        "baud": {("bus", "sorter", "baud"): 115200, period: 0.02},
    }[kind]  # type: ignore[return-value]


def test_a_line_with_no_room_for_silent_devices_is_a_notice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tight.toml"
    second = '[device.plc-b]\nbus = "sorter"\nunit = 2\nperiod_s = 60\npoint.a = { ref = "40001", type = "u16" }\n\n'
    path.write_text(changed("period_s = 0.5", "period_s = 0.076").replace("[line.north]", second + "[line.north]"))
    status, said = checked(path, capsys)
    assert status == 0 and "W2411" in said


def test_the_plan_names_every_read_and_what_silent_devices_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    status, said = checked(path, capsys, "--plan")
    assert status == 0
    assert "holding 100-103" in said and "inducted delivered" in said and "1 silent:" in said
    assert "holding 100-103" not in checked(path, capsys)[1]
    plan = json.loads(checked(path, capsys, "--json")[1])["wires"][0]["plan"]["plc-a"]
    assert [(read["area"], read["address"], read["quantity"]) for read in plan] == [
        ("holding", 100, 4),
        ("input", 7, 1),
    ]
    assert "次请求" in checked(path, capsys, "--lang", "zh")[1]
