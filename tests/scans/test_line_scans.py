"""What a line's scans say: streams that add up over epochs, figures for people, no-reads of silent scanners."""

from __future__ import annotations

import dataclasses
import json

import pytest
from scanners import LINE, PLAIN, code, lines

from agent.bureau.totals import Totals
from agent.load.counter import CounterRule
from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.load.scans import LineScans, ScanLoad
from agent.scans.counting import counter, source
from agent.uplink.scan_fields import scan_fields
from config.scanner_settings import ScanMarks, Scanner

FULL = dataclasses.replace(
    PLAIN, marks=ScanMarks(separator=b",", fields=("code", "chute"), joiner=b";"), loop_s=(60.0, 100.0), carrier="zto"
)


def at(second: float) -> Instant:
    return Instant("boot", second, 1_800_000_000.0 + second, "ntp")


class Fed:
    """A line fed by hand."""

    def __init__(self, scanner: Scanner = FULL, eye: Meter | None = None) -> None:
        self._counter, self._source = counter(LINE, [scanner]), source(scanner)
        eyes = [] if eye is None else [(scanner.lane, eye)]
        self.scans = LineScans("north", self._counter, eyes, 0.0)

    def hear(self, second: float, octets: bytes) -> None:
        self._counter.feed(self._source, octets, int(1000 * second))
        self.scans.take(at(second))

    def load(self, second: float) -> ScanLoad:
        """The scans of the seconds before."""
        self._counter.advance(int(1000 * second))
        return self.scans.advance(at(second))


def test_every_kind_of_line_has_its_stream_and_its_figure() -> None:
    line = Fed()
    line.hear(1.0, f"{code(1)},7\r\n{code(1)},7\r\n{code(2)},7\r\n731234567890123,9\r\n".encode())
    line.hear(1.5, f"NOREAD\r\n{code(3)};{code(4)},1\r\nx\r\n\r\n{code(5)},999\r\n".encode())
    line.hear(71.0, f"{code(1)},7\r\n".encode())
    load = line.load(73.0)
    assert load.streams == {
        "north.scan.new": 3,
        "north.scan.duplicate": 1,
        "north.scan.recirculated": 1,
        "north.scan.no_read": 1,
        "north.scan.multi": 1,
        "north.scan.code": 1,
        "north.scan.empty": 1,
        "north.scan.chute": 1,
        "north.carrier.sf": 2,
        "north.carrier.zto": 1,
    }
    assert (load.total, load.recirculated, load.duplicate, load.no_read, load.multi, load.bad) == (3, 1, 1, 1, 1, 3)
    assert (load.peak_per_s, load.chutes_used) == (3, 2)
    again = line.load(80.0)
    assert (again.streams, again.peak_per_s, again.chutes_used) == (load.streams, 0, 0)


def test_the_second_that_has_not_ended_is_not_lost_at_the_end() -> None:
    line = Fed()
    line.hear(1.0, lines(0, 3))
    assert line.load(1.2).total == 0
    line.hear(2.0, lines(3, 5))
    line.hear(3.1, lines(5, 9))
    line.scans.finish()
    assert line.scans.advance(at(3.2)).total == 9


def test_the_no_read_rate_is_told_when_enough_parcels_have_passed() -> None:
    line = Fed()
    for second in range(15):
        line.hear(second, lines(8 * second, 8 * second + 8) + b"NOREAD\r\n" * 2)
    assert line.load(15.0).no_read_rate is None
    for second in range(15, 60):
        line.hear(second, lines(8 * second, 8 * second + 8) + b"NOREAD\r\n" * 2)
    load = line.load(60.0)
    assert load.no_read_rate == 0.2
    assert load.pph_60 == 8 * 3600.0


@pytest.mark.parametrize("report_s", [10, 60, 61, 300, 900, 1000])
def test_the_rates_are_those_of_the_last_minute_and_quarter_of_an_hour_however_seldom_they_are_told(
    report_s: int,
) -> None:
    line, told = Fed(), []
    for second in range(2 * max(report_s, 900) + 2):
        if second and second % report_s == 0:
            told.append(line.load(second))
        line.hear(second, lines(second, second + 1) + b"NOREAD\r\n")
    rates = [(load.pph_60, load.pph_900) for load in told]
    assert all(short == pytest.approx(3600.0, rel=0.1) for short, _ in rates), rates
    assert all(long == pytest.approx(3600.0, rel=0.1) for _, long in rates), rates
    assert told[-1].no_read_rate == pytest.approx(0.5, abs=0.05)


def test_a_silent_scanners_no_reads_are_what_the_photo_eye_saw_and_it_did_not_read() -> None:
    eye = Meter(CounterRule(2**16, 100.0), 1)
    line = Fed(eye=eye)
    eye.advance(1000, at(0.0))
    assert line.load(0.5).no_read == 0
    for second in range(1, 61):
        line.hear(second, lines(9 * second, 9 * second + 9) + lines(9 * second, 9 * second + 9))
        eye.advance(1000 + 10 * second, at(second + 0.1))
    load = line.load(62.0)
    assert (load.total, load.duplicate, load.no_read) == (540, 540, 60)
    assert load.no_read_rate is not None
    assert abs(load.no_read_rate - 0.1) < 0.01
    assert "north.scan.no_read" not in load.streams, "the bureau has the eye's own count to reckon with"


def test_what_the_eye_counted_before_the_scanner_was_listened_to_is_no_no_read() -> None:
    eye = Meter(CounterRule(2**16, 100.0), 1)
    eye.advance(5, at(0.0))
    eye.advance(50, at(1.0))
    line = Fed(eye=eye)
    assert line.load(100.0).no_read is None, "the eye has not been read since"
    eye.advance(80, at(101.0))
    assert line.load(101.5).no_read == 0
    eye.advance(81, at(102.0))
    assert line.load(102.5).no_read == 1


class Passing:
    """Five parcels a second pass an eye that is read each second, before a scanner that reads four of them."""

    def __init__(self) -> None:
        self.eye = Meter(CounterRule(2**32, 100.0), 1)
        self.line = Fed(eye=self.eye)
        self.second, self.raw = 0, 1000

    def run(self, seconds: int, *, eyed: bool = True) -> ScanLoad:
        for _ in range(seconds):
            self.second += 1
            self.raw += 5
            if eyed:
                self.eye.advance(self.raw, at(self.second))
            self.line.hear(self.second + 0.1, lines(4 * self.second, 4 * self.second + 4))
        return self.line.load(self.second + 1.05)


def test_no_reads_are_neither_0_nor_fewer_while_the_photo_eye_is_silent_and_true_when_it_is_back() -> None:
    passing = Passing()
    before = passing.run(500)
    assert before.no_read == pytest.approx(500, abs=10)
    assert before.no_read_rate == pytest.approx(0.2, abs=0.01)
    dead = passing.run(700, eyed=False)
    assert dead.no_read == pytest.approx(500, abs=20), "what is known of it"
    assert dead.no_read_rate is None
    assert passing.run(5).no_read == pytest.approx(1205, abs=20)
    assert passing.run(100).no_read_rate == pytest.approx(0.2, abs=0.02)


def test_no_reads_go_on_from_where_they_were_when_the_photo_eyes_counter_begins_again() -> None:
    passing = Passing()
    before = passing.run(300).no_read
    passing.run(200, eyed=False)
    passing.raw = 3
    after = passing.run(10).no_read
    assert before is not None and after is not None
    assert before - 5 <= after <= before + 40, "what passed in the silence is not known"
    assert passing.run(100).no_read == pytest.approx(after + 100, abs=10)


def test_no_rate_is_told_of_a_line_whose_scanner_is_not_heard() -> None:
    line = Fed()
    for second in range(1, 300):
        line.hear(second, lines(second, second + 1))
    told = line.load(300.0)
    assert told.pph_60 == pytest.approx(3600, rel=0.05)
    for second in range(300, 330):
        line.scans.counter.advance(1000 * second)
        line.scans.take(at(second), heard=False)
    away = line.load(330.0)
    assert (away.pph_60, away.pph_900, away.no_read_rate, away.total) == (None, None, None, 299)
    line.scans.take(at(331.0), heard=False)
    away = line.load(332.0)
    assert (away.peak_per_s, away.chutes_used, away.total) == (None, None, 299)


def test_more_scans_than_the_eye_saw_are_no_error_and_no_negative_number() -> None:
    eye = Meter(CounterRule(2**16, 100.0), 1)
    line = Fed(eye=eye)
    eye.advance(0, at(0.0))
    line.load(0.5)
    line.hear(1.0, lines(0, 300))
    assert line.load(20.0).no_read == 0


def test_fields_are_small_have_no_codes_and_add_up_over_epochs_at_the_bureau() -> None:
    totals = Totals()
    for epoch in ("1-aaaaaa", "2-bbbbbb"):
        line = Fed()
        previous = None
        for second in (1, 11):
            line.hear(second, lines(20 * second, 20 * second + 20))
            load = line.load(second + 2)
            fields = {"epoch": epoch, "seq": second, **scan_fields(load, previous)}
            payload = json.dumps(fields, separators=(",", ":"))
            assert code(20)[2:8] not in payload
            assert len(payload) < 420
            totals.merge(payload.encode())
            totals.merge(payload.encode())
            previous = load
        assert fields["scan_d"] == 20
    assert totals.events("north.scan.new") == totals.events("north.carrier.sf") == 80
