"""A device that another master asks is known by the answers: whole values, of the right registers, and no late ones."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import pytest
from modbus_oracle import device, framed, point

from config.device_settings import Device
from drivers import Batch, Overheard
from drivers.modbus_listener import ModbusListener
from drivers.modbus_tap import HUSH_S
from drivers.wire import Wire

WIRE = Wire(11 / 9600, 3.5 * 11 / 9600)
COUNTS = device(
    point("in", "holding", 100, "u32", kind="counter", modulus=2**32),
    point("out", "holding", 102, "u32", word_order="CDAB", kind="counter", modulus=2**32),
    point("speed", "input", 7, "u16"),
    point("full", "coil", 3, "bit"),
)
BOTH = bytes((3, 0, 100, 0, 4))
VALUES = bytes((3, 8, 0, 1, 0, 2, 0, 3, 0, 4))


class Line:
    """A listener and a clock of its own."""

    def __init__(self, *devices: Device) -> None:
        self.listener = ModbusListener(devices or (COUNTS,), WIRE)
        self.now_s = 100.0

    def say(self, pdu: bytes, unit: int = 1, after_s: float = 0.02) -> list[Overheard]:
        octets = framed("rtu", unit, pdu)
        self.now_s += after_s + len(octets) * WIRE.char_s
        return list(self.listener.hear(octets, self.now_s))

    def silence(self) -> list[Overheard]:
        self.now_s += HUSH_S
        return list(self.listener.hear(b"", self.now_s))

    def ask(self, request: bytes, reply: bytes, unit: int = 1) -> list[Overheard]:
        return [*self.say(request, unit), *self.say(reply, unit)]


def test_an_ascii_line_is_heard_as_well() -> None:
    listener = ModbusListener([COUNTS], WIRE, "ascii")
    heard = list[Overheard]()
    for pdu in (BOTH, VALUES):
        octets = bytes((1, *pdu))
        line = b":" + (octets + bytes((-sum(octets) & 0xFF,))).hex().encode() + b"\r\n"
        heard += listener.hear(line, 100.0)
    assert values(heard) == {1: (0x00010002,), 2: (0x00040003,)}


def values(heard: Sequence[Overheard]) -> dict[int, object]:
    return {one.ask: one.brought.values if isinstance(one.brought, Batch) else one.brought for one in heard}


def test_values_are_read_with_the_addresses_that_the_question_named() -> None:
    line = Line()
    heard = line.ask(BOTH, VALUES)
    assert values(heard) == {1: (0x00010002,), 2: (0x00040003,)}
    assert [one.at_s for one in heard] == pytest.approx([line.now_s] * 2)


def test_a_value_that_is_not_whole_within_one_reply_is_no_value() -> None:
    line = Line()
    assert values(line.ask(bytes((3, 0, 101, 0, 3)), bytes((3, 6, 0, 2, 0, 3, 0, 4)))) == {2: (0x00040003,)}
    assert line.ask(bytes((3, 0, 103, 0, 1)), bytes((3, 2, 0, 4))) == []


def test_a_snapshot_is_heard_whole_or_not_at_all() -> None:
    together = replace(COUNTS, points=tuple(replace(one, snapshot="s") for one in COUNTS.points[:2]))
    line = Line(together)
    assert line.ask(bytes((3, 0, 100, 0, 2)), bytes((3, 4, 0, 1, 0, 2))) == []
    assert values(line.ask(BOTH, VALUES)) == {0: (0x00010002, 0x00040003)}


def test_areas_are_told_apart_and_bits_are_read() -> None:
    line = Line()
    assert line.ask(bytes((4, 0, 100, 0, 4)), bytes((4, *VALUES[1:]))) == []
    assert values(line.ask(bytes((4, 0, 0, 0, 10)), bytes((4, 20, *bytes(14), 0, 9, 0, 0, 0, 0)))) == {3: (9,)}
    assert values(line.ask(bytes((1, 0, 0, 0, 8)), bytes((1, 1, 8)))) == {0: (True,)}


def test_a_read_that_also_writes_is_counted_as_a_write_and_its_values_are_heard() -> None:
    line = Line()
    heard = line.ask(bytes((23, 0, 100, 0, 2, 0, 9, 0, 1, 2, 0, 5)), bytes((23, 4, 0, 0, 0, 7)))
    assert values(heard) == {1: (7,)}
    assert line.listener.counts()["writes"] == 1


def test_refusals_and_silence_are_told_for_what_was_asked() -> None:
    line = Line()
    assert values(line.ask(BOTH, bytes((0x83, 2)))) == {1: "exception_2", 2: "exception_2"}
    line.say(BOTH)
    assert values(line.say(BOTH, unit=9)) == {1: "timeout", 2: "timeout"}


def test_a_device_of_nobody_is_heard_and_says_nothing() -> None:
    line = Line()
    assert line.ask(BOTH, VALUES, unit=77) == []
    assert dict(line.listener.counts()) == {"writes": 0, "asked": 1, "answered": 1}


def test_writes_of_the_other_master_are_seen_and_counted() -> None:
    line = Line()
    line.ask(bytes((6, 0, 1, 0, 2)), bytes((6, 0, 1, 0, 2)))
    line.say(bytes((6, 0, 1, 0, 2)), unit=0)
    assert line.listener.counts()["writes"] == 2


def late(line: Line) -> None:
    """The unit leaves a question for another stretch unanswered; its reply may come at any time."""
    line.say(bytes((3, 0, 50, 0, 4)))
    line.now_s += 1.0


def test_a_late_reply_is_not_taken_for_the_answer_to_the_next_question() -> None:
    line = Line()
    late(line)
    assert values(line.ask(BOTH, bytes((3, 8, *bytes(8))))) == {1: "late", 2: "late"}
    assert line.listener.counts()["late"] == 1


def test_a_late_reply_that_comes_unasked_pays_the_debt() -> None:
    line = Line()
    line.ask(BOTH, VALUES)
    late(line)
    line.say(bytes((3, 0, 0, 0, 1)), unit=2)
    line.say(bytes((3, 8, *bytes(8))))
    assert values(line.ask(BOTH, VALUES)) == {1: (0x00010002,), 2: (0x00040003,)}


def test_an_answer_of_a_shape_that_no_other_question_has_is_believed() -> None:
    line = Line()
    line.say(bytes((3, 0, 50, 0, 9)))
    assert values(line.ask(BOTH, VALUES)) == {1: (0x00010002,), 2: (0x00040003,)}


def test_an_answer_before_which_another_question_may_have_been_spoilt_is_no_value() -> None:
    """The unit was off for the first question; of the second only rubbish was heard, and then its answer."""
    line = Line()
    line.say(BOTH)
    spoilt = bytearray(framed("rtu", 1, bytes((3, 1, 144, 0, 4))))
    spoilt[3] ^= 0x40
    line.listener.hear(bytes(spoilt), line.now_s + 1.0)
    line.now_s += 1.1
    assert values([*line.say(VALUES), *line.silence()]) == {1: "garbage", 2: "garbage"}
    assert values(line.ask(BOTH, VALUES)) == {1: (0x00010002,), 2: (0x00040003,)}


def test_the_same_question_asked_again_is_answered_by_either_reply() -> None:
    line = Line()
    line.say(BOTH)
    line.now_s += 1.0
    assert values(line.ask(BOTH, VALUES)) == {1: (0x00010002,), 2: (0x00040003,)}
    assert values(line.ask(bytes((3, 0, 98, 0, 4)), bytes((3, 8, *bytes(8))))) == {1: "late"}


def test_doubt_ends_after_ten_seconds_even_of_a_master_that_never_pauses() -> None:
    line = Line()
    late(line)
    began_s = line.now_s
    while "late" in values(line.ask(BOTH, VALUES)).values():
        line.ask(bytes((3, 0, 50, 0, 4)), VALUES)
        assert line.now_s - began_s < 10
    assert line.now_s - began_s > 8


class SlowUnit:
    """Answers in order, mostly at once, at times after the master has gone on; a value is the address it is of."""

    def __init__(self, line: Line, chance: random.Random) -> None:
        self._line = line
        self._chance = chance
        self._ready: deque[tuple[float, int]] = deque()
        self._busy_s = 0.0

    def asked(self, address: int) -> list[Overheard]:
        heard = self._line.say(bytes((3, *divmod(address, 256), 0, 4)), after_s=0.0)
        slow = self._chance.uniform(0.4, 1.2) if self._chance.random() < 0.03 else 0.03
        self._busy_s = max(self._busy_s, self._line.now_s) + slow
        self._ready.append((self._busy_s, address))
        return heard

    def answers(self, until_s: float) -> list[Overheard] | None:
        """What its next reply tells, None and the time gone by when none comes until then."""
        if not self._ready or self._ready[0][0] > until_s:
            self._line.now_s = max(self._line.now_s, until_s)
            return None
        ready_s, address = self._ready.popleft()
        self._line.now_s = max(self._line.now_s, ready_s)
        return self._line.say(bytes((3, 8, *address.to_bytes(4, "big"), *bytes(4))), after_s=0.0)


def test_no_reply_of_a_unit_that_is_late_at_times_becomes_a_wrong_value() -> None:
    """The master asks three stretches of one shape, waits half a second for each, and pauses after the third."""
    chance = random.Random(7)
    line = Line(device(point("in", "holding", 100, "u32")))
    unit = SlowUnit(line, chance)
    heard = list[Overheard]()
    for turn in range(9000):
        heard += unit.asked((100, 300, 500)[turn % 3])
        heard += unit.answers(line.now_s + 0.5) or []
        pause_s = line.now_s + (chance.uniform(0.1, 1.0) if turn % 3 == 2 else 0.01)
        while (late := unit.answers(pause_s)) is not None:
            heard += late
    read = [one.brought.values[0] for one in heard if isinstance(one.brought, Batch)]
    assert line.listener.counts()["late"] > 50
    assert len(read) > 2000
    assert set(read) == {100}
