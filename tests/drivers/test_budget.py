"""The budget of a line: its arithmetic against the field's, and fixes that do what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import device, point

from config.bus_settings import Bus, SerialBus, TcpBus
from config.device_settings import Device
from drivers.budget import DEAD_SHARE, FULL, MISSES_TO_OPEN, Budget, Fix, fixes

LINE = SerialBus("line", "/dev/null", 9600, "even", 1, 0.5)


def meter(unit: int, registers: int = 32, period_s: float = 1.0, **more: Any) -> Device:
    points = (point(f"w{n}", "input", n, "u16") for n in range(registers))
    return replace(device(*points, unit=unit), id=f"m{unit}", period_s=period_s, **more)


def applied(fix: Fix, bus: Bus, devices: list[Device]) -> Budget:
    """The budget after an operator has made the changes of a fix."""
    for change in fix.changes:
        value = int(change.value) if float(change.value).is_integer() else change.value
        if change.group == "bus":
            assert change.name == bus.id
            bus = replace(bus, **{change.key: value})
        else:
            devices = [replace(one, **{change.key: value}) if one.id == change.name else one for one in devices]
    return Budget.of(bus, devices)


def test_a_9600_baud_line_carries_eight_reads_of_32_registers_a_second() -> None:
    assert Budget.of(LINE, [meter(1)]).cycle_s == pytest.approx(0.116, abs=0.002)
    assert Budget.of(LINE, [meter(n) for n in range(1, 9)]).fits
    assert not Budget.of(LINE, [meter(n) for n in range(1, 10)]).fits


def test_each_device_takes_its_share_by_its_own_period() -> None:
    slow = Budget.of(LINE, [meter(1), meter(2, period_s=10.0)])
    assert slow.utilisation == pytest.approx(0.116 * 1.1, abs=0.003)
    assert slow.cycle_s == pytest.approx(2 * 0.116, abs=0.003)


def test_the_dead_take_their_capped_share_and_leave_what_their_own_reads_took() -> None:
    full = Budget.of(LINE, [meter(1), meter(2, 2), meter(3)])
    alone = Budget.of(LINE, [meter(1)]).utilisation
    assert full.with_silent(0) == full.utilisation
    assert full.with_silent(1) == pytest.approx(2 * alone + DEAD_SHARE)
    assert full.with_silent(2) == pytest.approx(alone + DEAD_SHARE)
    assert full.with_silent(3) == full.with_silent(9) == DEAD_SHARE
    assert full.outage_s(2) == pytest.approx(2 * MISSES_TO_OPEN * (0.5 + 0.25), rel=0.1)


@st.composite
def lines(draw: Any) -> tuple[SerialBus, list[Device]]:
    bus = replace(
        LINE, baud=draw(st.sampled_from([1200, 9600, 19200, 115200])),
        adapter_latency_s=draw(st.sampled_from([0.001, 0.016])),
    )  # fmt: skip
    devices = [
        meter(
            unit, draw(st.integers(1, 60)), draw(st.sampled_from([0.1, 0.5, 1.0, 15.0])),
            max_read_registers=draw(st.sampled_from([1, 8, 125])),
        )
        for unit in range(1, 1 + draw(st.integers(1, 6)))
    ]  # fmt: skip
    return bus, devices


@given(lines())
def test_every_fix_gains_what_it_says_and_the_first_makes_an_overfull_line_fit(line: tuple[SerialBus, Any]) -> None:
    bus, devices = line
    budget = Budget.of(bus, devices)
    found = fixes(budget, {})
    for fix in found:
        assert applied(fix, bus, devices).utilisation == pytest.approx(fix.utilisation)
        assert fix.utilisation < budget.utilisation
    assert [fix.fits for fix in found] == sorted((fix.fits for fix in found), reverse=True)
    if not budget.fits:
        assert applied(found[0], bus, devices).fits


def test_no_fix_asks_for_longer_reads_than_the_model_takes() -> None:
    devices = [meter(n, max_read_registers=4) for n in (1, 2, 3)]
    merge = [fix for fix in fixes(Budget.of(LINE, devices), {"m1": 16, "m2": 4}) if fix.kind == "merge"]
    assert [(change.name, change.value) for change in merge[0].changes] == [("m1", 16), ("m3", 125)]


def test_an_adapter_that_holds_back_16_ms_is_the_first_thing_to_mend_on_a_fast_line() -> None:
    fast = replace(LINE, baud=115200, adapter_latency_s=0.016, turnaround_s=0.002)
    devices = [meter(unit, 10, 0.1) for unit in range(1, 5)]
    assert Budget.of(fast, devices).utilisation > 0.9
    slow_adapter = fixes(Budget.of(fast, [*devices, meter(5, 10, 0.1)]), {})
    assert slow_adapter[0].kind == "latency" and slow_adapter[0].utilisation < FULL / 1.9


def test_a_tcp_connection_has_a_budget_too() -> None:
    eye = Budget.of(TcpBus("eye", "10.0.0.1", 502, 1.0), [meter(1)])
    assert 0.005 < eye.cycle_s < 0.015 and eye.silence_s == pytest.approx(1.005)
