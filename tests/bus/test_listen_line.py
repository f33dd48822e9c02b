"""A line on which another master asks is heard completely, and not one byte is ever sent on it."""

from __future__ import annotations

import errno
import itertools
import os
import select
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from doors import site
from modbus_oracle import framed
from ptys import Adapter
from slaves import answers, counter_point, outcomes_until, unit_device

from agent.bus import Answered, LinkChanged, Missed, Outcome
from agent.bus.ear import Ear
from agent.bus.errand import Errand
from agent.bus.guard import ForbiddenFrameError, nothing
from agent.bus.heard_plan import HeardPlan
from agent.bus.listen_line import LISTEN_ONLY, ListenOwner
from agent.bus.serial_port import SerialPort
from agent.bus.waiter import Waiter
from agent.owners import make_owners
from config.bus_settings import SerialBus
from drivers.modbus_frames import Read
from drivers.modbus_listener import ModbusListener
from drivers.raw import raw_ask
from drivers.wire import Wire

ASK = framed("rtu", 1, bytes((3, 0, 0, 0, 2)))


def count(value: int) -> bytes:
    return framed("rtu", 1, bytes((3, 4)) + value.to_bytes(4, "big"))


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    made = Adapter(tmp_path / "port")
    yield made
    made.close()


def line(adapter: Adapter) -> SerialBus:
    return SerialBus("line", str(adapter.link), 115200, "none", 1, 0.5, role="listen")


@contextmanager
def listening(adapter: Adapter) -> Iterator[ListenOwner]:
    bus = line(adapter)
    device = unit_device("plc", "line", 1, 1.0, [counter_point(), counter_point("more", 100)])
    owner = ListenOwner(bus, ModbusListener([device], Wire.of(bus)), ["plc"], 2)
    owner.start()
    try:
        yield owner
    finally:
        owner.stop()


def sent(adapter: Adapter) -> bytes:
    """What came out of the port since it was plugged in."""
    try:
        return os.read(adapter.fd, 4096)
    except BlockingIOError:
        return b""


def is_up(outcomes: list[Outcome]) -> bool:
    return any(isinstance(one, LinkChanged) and one.up for one in outcomes)


def test_each_answer_another_master_gets_is_told_with_its_value_and_moment(adapter: Adapter) -> None:
    with listening(adapter) as owner:
        outcomes_until(owner, is_up)
        for value in range(20):
            os.write(adapter.fd, ASK + count(value))
        seen = answers(outcomes_until(owner, lambda seen: len(answers(seen)) == 20))
        assert [(one.device, one.ask, one.batch.values) for one in seen] == [("plc", 0, (n,)) for n in range(20)]
        assert all(earlier.batch.at_s <= later.batch.at_s for earlier, later in itertools.pairwise(seen))
        assert owner.counts()["line"].nonzero() == {"asked": 20, "answered": 20}
        assert sent(adapter) == b""


def test_an_ascii_line_is_listened_to_as_well(adapter: Adapter) -> None:
    bus = replace(line(adapter), framing="ascii", data_bits=7, parity="even")
    device = unit_device("plc", "line", 1, 1.0, [counter_point()])
    [owner] = make_owners(site(bus, device), [HeardPlan(device, 0.0)])
    owner.start()
    try:
        outcomes_until(owner, is_up)
        for value in range(20):
            for pdu in (bytes((3, 0, 0, 0, 2)), bytes((3, 4)) + value.to_bytes(4, "big")):
                os.write(adapter.fd, framed("ascii", 1, pdu))
        seen = answers(outcomes_until(owner, lambda seen: len(answers(seen)) == 20))
        assert [(one.device, one.batch.values) for one in seen] == [("plc", (n,)) for n in range(20)]
        assert owner.counts()["line"].nonzero() == {"asked": 20, "answered": 20}
        assert sent(adapter) == b""
    finally:
        owner.stop()


def test_refusals_and_silences_are_told_as_misses(adapter: Adapter) -> None:
    with listening(adapter) as owner:
        outcomes_until(owner, is_up)
        os.write(adapter.fd, ASK + framed("rtu", 1, bytes((0x83, 2))) + ASK + ASK)
        seen = outcomes_until(owner, lambda seen: sum(isinstance(one, Missed) for one in seen) >= 2)
        assert [one.reason for one in seen if isinstance(one, Missed)][:2] == ["exception_2", "timeout"]
        assert sent(adapter) == b""


def test_a_pulled_adapter_is_told_and_heard_again_when_it_is_back(adapter: Adapter) -> None:
    with listening(adapter) as owner:
        seen = outcomes_until(owner, is_up)
        os.write(adapter.fd, ASK)
        outcomes_until(owner, lambda _: owner.counts()["line"].asked == 1)
        adapter.unplug()
        seen = outcomes_until(owner, lambda seen: sum(isinstance(one, Missed) for one in seen) >= 2)
        assert [one.reason for one in seen if isinstance(one, Missed)][:2] == ["timeout", "link_down"]
        adapter.plug()
        outcomes_until(owner, is_up)
        os.write(adapter.fd, count(9))  # the answer to a question that nobody here has heard
        outcomes_until(owner, lambda _: owner.counts()["line"].foreign == 1)
        os.write(adapter.fd, ASK + count(7))
        (answer,) = answers(outcomes_until(owner, lambda seen: bool(answers(seen))))
        assert answer.batch.values == (7,)
        assert owner.counts()["line"].reconnects == 1


def test_bytes_that_make_no_frames_are_told_as_a_line_that_is_set_up_otherwise(adapter: Adapter) -> None:
    def garbled(seen: list[Outcome]) -> bool:
        return any(isinstance(one, Missed) and one.reason == "garbage" for one in seen)

    with listening(adapter) as owner:
        outcomes_until(owner, is_up)
        os.write(adapter.fd, b"\xfe\xfd\xfb" * 500)
        seen = outcomes_until(owner, garbled)
        assert ["baud" in one.reason for one in seen if isinstance(one, LinkChanged)] == [True]
        os.write(adapter.fd, ASK + count(1))
        assert outcomes_until(owner, lambda seen: is_up(seen) and bool(answers(seen)))


def test_who_listens_in_on_a_line_that_is_listened_to_hears_its_bytes(adapter: Adapter) -> None:
    ear = Ear()
    with listening(adapter) as owner:
        outcomes_until(owner, is_up)
        owner.ears()["line"].add(ear)
        os.write(adapter.fd, ASK)
        assert select.select([ear.fd], [], [], 60)[0]
        heard, lost = ear.take()
    ear.close()
    assert b"".join(one.octets for one in heard) in ASK
    assert not any(one.sent for one in heard)
    assert lost == 0


def test_nobody_can_make_a_listener_ask(adapter: Adapter) -> None:
    with listening(adapter) as owner:
        outcomes_until(owner, is_up)
        errand = Errand("line", raw_ask(Read(1, "holding", 0, 1), "rtu"))
        assert owner.run_errand(errand)
        refused = errand.wait(60)
        assert isinstance(refused, Missed)
        assert refused.reason == LISTEN_ONLY
        owner.hurry("plc")
        owner.replan("plc", {})
        os.write(adapter.fd, ASK + count(1))
        outcomes_until(owner, lambda seen: any(isinstance(one, Answered) for one in seen))
        assert sent(adapter) == b""


def test_the_kernel_refuses_a_byte_even_where_the_guard_is_gone_round(adapter: Adapter) -> None:
    with ExitStack() as stack:
        waiter = Waiter()
        stack.callback(waiter.close)
        port = SerialPort.open(line(adapter), waiter, nothing)
        stack.callback(port.close)
        with pytest.raises(ForbiddenFrameError):
            port.turn(ASK, 0.0, 0.0)
        with pytest.raises(OSError, match="Bad file descriptor") as refused:
            os.write(port.fileno(), ASK)
        assert refused.value.errno == errno.EBADF
        assert sent(adapter) == b""
        os.write(adapter.fd, b"heard")
        assert port.wait(port.now() + 60)
        assert port.read() == b"heard"


def test_stop_ends_a_listener_at_once_in_the_middle_of_its_silence(adapter: Adapter) -> None:
    with listening(adapter) as owner:
        outcomes_until(owner, is_up)
        owner.stop()
        assert owner.progress_s == 0.0
