"""A serial line's owner through hours of faults, in virtual time: who waits for whom, and what becomes of counters."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from fault_matrix import Figure
from slaves import answers, counter_point, rtu, unit_device
from virtual_line import VirtualLine, VirtualOwner

from agent.bus import LinkChanged, Missed, Outcome
from agent.bus.link import LinkError
from agent.bus.plans import DevicePlan
from agent.intake import Intake
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter
from config.bus_settings import SerialBus
from config.device_settings import CounterRef, Device, ValueType
from drivers.wire import NO_HOLES, Wire

BUS = SerialBus("line", "/dev/ttyUSB0", 19200, "none", 1, 0.2)
WIRE = Wire.of(BUS)
NEVER = float("inf")
TURNAROUND_S = 0.005
SLAVES = 16
SETTLED_S = 10.0
"""After this long every silent device is held off."""

Virtually = Callable[[SerialBus, Sequence[Device], VirtualLine], VirtualOwner]


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Virtually:
    return lambda bus, devices, line: VirtualOwner(bus, devices, line, monkeypatch)


def plcs(count: int, period_s: float = 1.0) -> list[Device]:
    return [unit_device(f"plc-{unit}", "line", unit, period_s) for unit in range(1, count + 1)]


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


# --- who waits for whom ---


def lateness_p99_s(owned: Virtually, dead: int) -> float:
    """How long after the beginning of its period a living one of 16 units is read at worst, of a hundred."""
    line = VirtualLine(lambda unit: NEVER if unit <= dead else TURNAROUND_S, WIRE)
    began_s = line.now()
    outcomes = owned(BUS, plcs(SLAVES), line).run(300.0)
    after_s = [each.batch.at_s - began_s for each in answers(outcomes)]
    settled_s = [at_s for at_s in after_s if at_s > SETTLED_S]
    assert len(settled_s) == pytest.approx((SLAVES - dead) * (300.0 - SETTLED_S), abs=SLAVES)
    return percentile([at_s % 1.0 for at_s in settled_s], 0.99)


def test_what_was_read_is_never_newer_than_the_moment_that_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that sleeps between the two must not date a late reply to its time-out."""
    line = VirtualLine(lambda _: TURNAROUND_S)
    read = line.read

    def slow_read() -> bytes:
        line.pause(line.now() + 5.0)
        return read()

    monkeypatch.setattr(line, "read", slow_read)
    turn = line.turn(rtu(1, 3, 0, 0, 0, 2), line.now(), 0.0)
    assert turn is not None
    sent_s, heard_s, octets = turn
    assert octets
    assert heard_s >= sent_s + TURNAROUND_S


@pytest.mark.fault("B1")
@pytest.mark.parametrize("dead", [1, 4, 8])
def test_of_sixteen_units_the_living_are_read_as_punctually_as_with_none_dead(
    owned: Virtually, dead: int, figure: Figure
) -> None:
    ratio = lateness_p99_s(owned, dead) / lateness_p99_s(owned, 0)
    assert ratio <= 1.1
    figure(lateness_p99_ratio=ratio)


@pytest.mark.fault("B15")
def test_one_unit_of_thirty_that_takes_two_seconds_keeps_the_others_waiting_for_one_answer_at_most(
    owned: Virtually, figure: Figure
) -> None:
    slow_s = 2.0
    line = VirtualLine(lambda unit: slow_s if unit == 7 else TURNAROUND_S, WIRE)
    bus = SerialBus("line", "/dev/ttyUSB0", 19200, "none", 1, 3.0)
    outcomes = owned(bus, plcs(30), line).run(300.0)
    cycle_s = 30 * (WIRE.frame_s(8 + 9) + 2 * WIRE.gap_s + TURNAROUND_S)
    waits_s = [
        later - before
        for device in plcs(30)
        for before, later in pairwise(each.batch.at_s for each in answers(outcomes, device.id))
    ]
    assert not [each for each in outcomes if isinstance(each, Missed)]
    assert max(waits_s) <= slow_s + cycle_s + 1.0  # and to the beginning of the next period
    figure(between_reads_p99_s=percentile(waits_s, 0.99), between_reads_most_s=max(waits_s), cycle_s=cycle_s)


@pytest.mark.fault("B1")
@pytest.mark.parametrize("living", [0, 1])
def test_a_port_is_opened_anew_each_minute_that_nobody_on_it_answers_and_never_while_one_does(
    owned: Virtually, monkeypatch: pytest.MonkeyPatch, living: int, figure: Figure
) -> None:
    line = VirtualLine(lambda unit: TURNAROUND_S if unit <= living else NEVER, WIRE)
    owner = owned(BUS, plcs(4), line)
    opened: list[float] = []
    monkeypatch.setattr(owner, "_way", lambda _: opened.append(line.now()) or line)
    said = [each for each in owner.run(1000.0) if isinstance(each, LinkChanged)]
    assert [each.up for each in said] == [True]
    assert len(opened) == 1 if living else 8 <= len(opened) <= 17
    figure(opened_in_1000_s=len(opened))


def test_two_readings_of_one_device_wanted_at_once_are_one_request(owned: Virtually) -> None:
    line = VirtualLine(lambda _: TURNAROUND_S, WIRE)
    owner = owned(BUS, plcs(2, 600.0), line)
    for _ in range(50):
        owner.hurry("plc-1")
    owner.run(10.0)
    assert {unit: len(asked) for unit, asked in line.asked.items()} == {1: 1, 2: 1}


# --- a port that cannot be had ---


@pytest.mark.fault("B10")
def test_a_port_that_cannot_be_opened_for_whatever_reasons_is_said_once_a_minute_at_most(
    owned: Virtually, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    chance = random.Random(10)
    tries = 0

    def refuse(_: object) -> VirtualLine:
        nonlocal tries
        tries += 1
        raise LinkError(chance.choice(["the port is in use by another program", "no such port"]))

    owner = owned(BUS, plcs(1), VirtualLine(lambda _: NEVER))
    monkeypatch.setattr(owner, "_way", refuse)
    said = [each for each in owner.run(3600.0) if isinstance(each, LinkChanged)]
    assert len(said) <= 60
    assert tries <= 2 * 3600
    figure(said_in_an_hour=len(said), tries_in_an_hour=tries)


# --- bytes that are spoilt ---


@pytest.mark.fault("B2")
@pytest.mark.parametrize("part", [0.001, 0.01, 0.1])
def test_of_thousands_of_frames_with_flipped_bits_none_brings_a_wrong_value(
    owned: Virtually, part: float, figure: Figure, thorough: bool
) -> None:
    chance = random.Random(part)

    def flip(octets: bytes) -> bytes:
        return bytes(octet ^ (1 << chance.randrange(8) if chance.random() < part else 0) for octet in octets)

    line = VirtualLine(lambda _: TURNAROUND_S, WIRE)
    line.spoil = flip
    line.reply = lambda octets: ((0.0, flip(octets)),)
    owner = owned(BUS, plcs(2, 0.5), line)
    outcomes = owner.run(20_000.0 if thorough else 2_000.0)
    wrong = sum(
        each.batch.values[0] not in range(line.received[int(each.device[-1])] + 1) for each in answers(outcomes)
    )
    counts = owner.counts()["line"]
    due = len(answers(outcomes)) + sum(isinstance(each, Missed) for each in outcomes)
    assert wrong == 0
    assert counts.crc > 0
    figure(requests=counts.asked, crc=counts.crc, read_of_due=len(answers(outcomes)) / due, wrong_values=wrong)


@pytest.mark.fault("B3")
@pytest.mark.parametrize("pause_s", [0.001, 0.005, 0.02, 0.05])
def test_a_reply_split_at_any_byte_for_up_to_fifty_milliseconds_is_put_together(
    owned: Virtually, pause_s: float, figure: Figure
) -> None:
    line = VirtualLine(lambda _: TURNAROUND_S, WIRE)
    cuts = iter(list(range(1, 9)) * 1000)

    def split(octets: bytes) -> list[tuple[float, bytes]]:
        cut = next(cuts)
        return [(0.0, octets[:cut]), (pause_s, octets[cut:])]

    line.reply = split
    outcomes = owned(BUS, plcs(1), line).run(100.0)
    values = [each.batch.values[0] for each in answers(outcomes)]
    assert values == list(range(1, len(values) + 1))
    assert not [each for each in outcomes if isinstance(each, Missed)]
    figure(values=len(values))


# --- counters behind a line ---


class Belt:
    """A device with one counter on a virtual line, and its meter; each sample that was taken is judged.

    `outside` counts those after which the total's interval did not hold what the belt had carried since the first.
    """

    def __init__(self, owned: Virtually, modulus: int, begin: int) -> None:
        kind: ValueType = "u16" if modulus == 2**16 else "u32"
        device = unit_device("belt", "line", 1, 1.0, [replace(counter_point(), type=kind, modulus=modulus)])
        self.line = VirtualLine(lambda _: NEVER if self.frozen else TURNAROUND_S, WIRE)
        self.line.answer = self._answer
        self.frozen = False
        self.lie: Callable[[int], int] = int
        self.taken = self.outside = 0
        self.meter = Meter(CounterRule(modulus, 20.0, period_s=1.0, latency_s=BUS.timeout_s), 1)
        self._modulus = modulus
        self._offset = begin
        self._began_s = self.line.now()
        self._read_at: list[int] = []
        self._owner = owned(BUS, [device], self.line)
        meters = {CounterRef("belt", "count"): self.meter}
        self._intake = Intake([DevicePlan(device, "rtu", NO_HOLES)], meters, lambda _: self._owner, self._began_s)

    @property
    def carried(self) -> int:
        """Parcels so far, four a second."""
        return int(4.0 * (self.line.now() - self._began_s))

    @property
    def true(self) -> int:
        """What the belt had carried since the first sample when it was read last."""
        return self._read_at[-1] - self._read_at[0]

    def run(self, seconds: float) -> None:
        """Let the belt run and be read for so long."""
        self._owner.run(seconds, self._hear)

    def restart(self) -> None:
        """The device loses its count."""
        self._offset = -self.carried

    def _answer(self, request: bytes, _: int) -> bytes:
        self._read_at.append(self.carried)
        value = self.lie(self.carried + self._offset) % self._modulus
        return rtu(1, 3, 2 * request[5], *value.to_bytes(2 * request[5], "big"))

    def _hear(self, outcome: Outcome) -> None:
        before = self.meter.total
        self._intake.hear(outcome, Instant("boot", self.line.now(), 1.8e9 + self.line.now(), "ntp"))
        if self.meter.total != before:
            self.taken += 1
            self.outside += not (self.meter.lo <= self.true and (self.meter.hi is None or self.true <= self.meter.hi))


@pytest.mark.fault("B11")
@pytest.mark.parametrize("modulus", [2**16, 2**32])
def test_a_counter_read_over_a_line_that_wraps_is_counted_exactly(
    owned: Virtually, modulus: int, figure: Figure
) -> None:
    belt = Belt(owned, modulus, modulus - 30)
    belt.run(60.0)
    assert belt.meter.raw < 1000
    error = belt.meter.total - belt.true
    assert (error, belt.outside) == (0, 0)
    figure(samples=belt.taken, error=error, outside=belt.outside)


@pytest.mark.fault("B12")
def test_a_device_that_restarts_its_counter_is_noticed_and_its_interval_holds_the_truth(
    owned: Virtually, figure: Figure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    belt = Belt(owned, 2**32, 5000)
    for _ in range(5):
        belt.run(600.0)
        belt.restart()
    belt.run(60.0)
    assert belt.outside == 0
    said = caplog.text.count("counter_reset")
    assert said == 5
    figure(resets_said=said, samples=belt.taken, outside=belt.outside)


@pytest.mark.fault("B13")
def test_a_bus_frozen_for_longer_than_a_turn_widens_the_interval_and_guesses_nothing(
    owned: Virtually, figure: Figure
) -> None:
    belt = Belt(owned, 2**16, 100)
    belt.run(60.0)
    exact = belt.meter.hi == belt.meter.lo
    belt.frozen = True
    belt.run(6 * 3600.0)  # 86,400 parcels: more than a turn
    belt.frozen = False
    belt.run(120.0)
    assert exact
    assert belt.outside == 0
    assert belt.meter.hi is not None and belt.meter.hi - belt.meter.lo >= 2**16
    figure(samples=belt.taken, outside=belt.outside, width=belt.meter.hi - belt.meter.lo)


@pytest.mark.fault("B14")
def test_lies_with_a_valid_checksum_move_no_total_until_three_agree(owned: Virtually, figure: Figure) -> None:
    chance = random.Random(14)
    belt = Belt(owned, 2**32, 900_000)
    belt.run(30.0)
    belt.lie = lambda register: chance.randrange(2**32) if chance.random() < 0.2 else register
    belt.run(600.0)
    base, taken, outside = belt.meter.base, belt.taken, belt.outside
    belt.lie = lambda register: register + 5_000_000
    belt.run(60.0)
    assert outside == 0
    assert (base, belt.meter.base) == (1, 2)
    figure(samples=taken, outside=outside, replaced=belt.meter.base - base)
