"""The owner of a serial line on real pseudo-terminals: schedule, faults on the wire, pulled adapters, taken ports."""

from __future__ import annotations

import fcntl
import os
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fault_matrix import Figure
from ptys import Adapter, Serving
from slaves import RtuUnits, answers, outcomes_until, rtu, silent, unit_device
from uplink_rig import eventually

from agent.bus import LinkChanged, Missed, Outcome
from agent.bus.counts import BusCounts
from agent.bus.guard import ForbiddenFrameError
from agent.bus.serial_line import SerialOwner
from agent.clock import boot_seconds
from config.bus_settings import SerialBus
from config.device_settings import Device
from drivers.modbus import asks
from fastpath.checksum import crc16_modbus

PERIOD_S = 0.03


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    adapter = Adapter(tmp_path / "usb-adapter")
    yield adapter
    adapter.close()


@contextmanager
def served(adapter: Adapter, units: RtuUnits) -> Iterator[Serving]:
    serving = Serving(adapter.fd, units)
    try:
        yield serving
    finally:
        serving.close()


def line(adapter: Adapter, timeout_s: float = 1.0) -> SerialBus:
    return SerialBus("line", str(adapter.link), 115200, "none", 1, timeout_s)


@contextmanager
def owner_of(bus: SerialBus, *devices: Device) -> Iterator[SerialOwner]:
    owner = SerialOwner(bus, [(device, asks(device, "rtu")) for device in devices])
    owner.start()
    try:
        yield owner
    finally:
        owner.stop()


def plc(unit: int = 1, period_s: float = PERIOD_S) -> Device:
    return unit_device(f"plc-{unit}", "line", unit, period_s)


def cpu_of(owner: SerialOwner) -> float:
    """Processor seconds of the owner's thread."""
    thread = next(each for each in threading.enumerate() if each.name == owner.name)
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def reasons(outcomes: list[Outcome], device: str) -> Counter[str]:
    return Counter(each.reason for each in outcomes if isinstance(each, Missed) and each.device == device)


def test_each_unit_is_read_at_its_period_and_every_value_is_its_last(adapter: Adapter) -> None:
    units = RtuUnits({1, 2, 3})
    with served(adapter, units), owner_of(line(adapter), plc(1), plc(2), plc(3)) as owner:
        outcomes = outcomes_until(
            owner, lambda seen: all(len(answers(seen, f"plc-{unit}")) >= 20 for unit in units.units)
        )
    assert isinstance(outcomes[0], LinkChanged)
    assert outcomes[0].up
    assert units.wrong_values(outcomes) == 0
    assert len(answers(outcomes)) < 2 * 3 * 20, "each has its share"
    assert owner.counts()["line"].answered >= 60


@pytest.mark.fault("B1")
def test_a_silent_unit_is_missed_once_a_period_and_the_others_keep_theirs(adapter: Adapter, figure: Figure) -> None:
    units = RtuUnits({1, 2})
    with served(adapter, units), owner_of(line(adapter, 0.2), plc(1), plc(2), plc(7)) as owner:
        outcomes = outcomes_until(owner, lambda seen: all(len(answers(seen, f"plc-{unit}")) > 25 for unit in (1, 2)))
        counts = owner.counts()["line"]
    missed = reasons(outcomes, "plc-7")
    assert set(missed) == {"timeout"}
    assert 3 <= counts.timeout < missed["timeout"] / 2
    figure(due=missed["timeout"], asked=counts.timeout)


@pytest.mark.fault("B1")
def test_a_unit_that_comes_back_is_read_again(adapter: Adapter) -> None:
    units = RtuUnits({1, 2})
    units.behave[2] = silent
    with served(adapter, units), owner_of(line(adapter, 0.03), plc(1), plc(2)) as owner:
        outcomes_until(owner, lambda seen: reasons(seen, "plc-2")["timeout"] > 3)
        del units.behave[2]
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen, "plc-2")) > 10)
    assert all(units.is_fresh(2, each) for each in answers(outcomes, "plc-2"))


@pytest.mark.fault("B4")
def test_replies_later_than_the_timeout_never_become_values(adapter: Adapter, figure: Figure) -> None:
    chance = random.Random(4)
    units = RtuUnits({1, 2})
    units.behave[1] = lambda reply: [(chance.uniform(0.05, 0.25) if chance.random() < 0.3 else 0.0, reply)]
    with served(adapter, units), owner_of(line(adapter, 0.05), plc(1, 0.02), plc(2, 0.02)) as owner:
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen, "plc-2")) > 70)
        counts = owner.counts()["line"]
    wrong = units.wrong_values(outcomes)
    assert wrong == 0
    assert answers(outcomes, "plc-1")
    assert counts.late > 0
    figure(late=counts.late, values=len(answers(outcomes)), wrong_values=wrong)


@pytest.mark.fault("B5")
@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("unit", lambda reply: rtu(9, *reply[1:-2])),
        ("function", lambda reply: rtu(reply[0], 4, *reply[2:-2])),
        ("count", lambda reply: rtu(reply[0], reply[1], 2, *reply[3:5])),
        ("count", lambda reply: rtu(reply[0], reply[1], 6, *reply[3:-2], 0, 0)),
        ("crc", lambda reply: reply[:-1] + bytes((reply[-1] ^ 1,))),
    ],
)
def test_a_reply_that_answers_something_else_is_refused_and_counted(
    adapter: Adapter, figure: Figure, reason: str, wrong: Callable[[bytes], bytes]
) -> None:
    units = RtuUnits({1, 2})
    units.behave[1] = lambda reply: [(0.0, wrong(reply))]
    with served(adapter, units), owner_of(line(adapter, 0.2), plc(1), plc(2)) as owner:
        outcomes = outcomes_until(owner, lambda seen: reasons(seen, "plc-1")[reason] >= 3)
        counts = owner.counts()["line"]
    taken = len(answers(outcomes, "plc-1"))
    assert taken == 0
    assert answers(outcomes, "plc-2")
    refused = counts.crc if reason == "crc" else counts.foreign
    assert refused >= 3
    figure(refused=refused, taken=taken)


@pytest.mark.fault("B6")
def test_an_exception_is_told_by_its_number_and_is_no_silence(adapter: Adapter, figure: Figure) -> None:
    units = RtuUnits(range(1, 12))
    for code in units.units:
        units.behave[code] = lambda reply: [(0.0, rtu(reply[0], reply[1] | 0x80, reply[0]))]
    with served(adapter, units), owner_of(line(adapter), *(plc(code) for code in units.units)) as owner:
        outcomes = outcomes_until(owner, lambda seen: sum(reasons(seen, "plc-11").values()) >= 4)
        assert owner.counts()["line"].exception >= 44
    figure(codes=len(units.units))
    for code in units.units:
        assert set(reasons(outcomes, f"plc-{code}")) == {f"exception_{code}"}


@pytest.mark.fault("B2")
def test_flipped_bits_cost_readings_and_no_truth(adapter: Adapter, figure: Figure) -> None:
    chance = random.Random(2)

    def flip(reply: bytes) -> list[tuple[float, bytes]]:
        spoilt = bytearray(reply)
        for bit in range(8 * len(spoilt)):
            if chance.random() < 0.005:
                spoilt[bit // 8] ^= 1 << bit % 8
        return [(0.0, bytes(spoilt))]

    units = RtuUnits({1})
    units.behave[1] = flip
    with served(adapter, units), owner_of(line(adapter, 0.1), plc(1, 0.005)) as owner:
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 40)
        counts = owner.counts()["line"]
    assert counts.crc > 0
    wrong = units.wrong_values(outcomes)
    assert wrong == 0
    figure(requests=counts.asked, values=len(answers(outcomes)), wrong_values=wrong)


@pytest.mark.fault("B3")
def test_a_reply_in_pieces_is_put_together_wherever_it_was_cut(adapter: Adapter, figure: Figure) -> None:
    cuts = iter(list(range(1, 9)) * 100)

    def pieces(reply: bytes) -> list[tuple[float, bytes]]:
        cut = next(cuts)
        return [(0.0, reply[:cut]), (0.015, reply[cut:])]

    units = RtuUnits({1})
    units.behave[1] = pieces
    with served(adapter, units), owner_of(line(adapter, 5.0), plc(1)) as owner:
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 16)
    wrong = units.wrong_values(outcomes)
    assert wrong == 0
    assert not [each for each in outcomes if isinstance(each, Missed)]
    figure(values=len(answers(outcomes)), wrong_values=wrong)


@pytest.mark.fault("B3")
def test_a_reply_cut_short_anywhere_is_no_value_and_harms_no_other(adapter: Adapter, figure: Figure) -> None:
    lengths = iter(list(range(9)) * 1000)
    units = RtuUnits({1, 2})
    units.behave[1] = lambda reply: [(0.0, reply[: next(lengths)])]
    with served(adapter, units), owner_of(line(adapter, 0.02), plc(1), plc(2)) as owner:
        outcomes = outcomes_until(
            owner, lambda seen: sum(reasons(seen, "plc-1").values()) > 12 and len(answers(seen)) > 12
        )
    taken = len(answers(outcomes, "plc-1"))
    assert taken == 0
    assert units.wrong_values(outcomes) == 0
    figure(cut_short=sum(reasons(outcomes, "plc-1").values()), taken=taken)


def test_bytes_behind_and_before_a_reply_are_counted_and_the_reply_is_read(adapter: Adapter) -> None:
    units = RtuUnits({1, 2})
    units.behave[1] = lambda reply: [(0.0, reply + b"\xff\x00")]
    noisy = iter([b"\x00", b"\xfe\xff"])
    units.behave[2] = lambda reply: [(0.0, next(noisy, b"") + reply)]
    with served(adapter, units), owner_of(line(adapter), plc(1), plc(2)) as owner:
        outcomes = outcomes_until(
            owner, lambda seen: len(answers(seen, "plc-1")) > 3 and len(answers(seen, "plc-2")) > 3
        )
        assert owner.counts()["line"].extra >= 6
    assert all(units.is_fresh(unit, each) for unit in (1, 2) for each in answers(outcomes, f"plc-{unit}"))


@pytest.mark.fault("B8")
def test_an_adapter_that_hears_itself_is_noticed_at_the_first_poll(adapter: Adapter, figure: Figure) -> None:
    units = RtuUnits({1})

    def echoing(octets: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, octets), *units(octets)]

    serving = Serving(adapter.fd, echoing)
    try:
        with owner_of(line(adapter), plc(1)) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) > 5)
            counts = [owner.counts()["line"]]
            assert eventually(lambda: all_echoed(counts.append(owner.counts()["line"]) or counts[-1]))
    finally:
        serving.close()
    figure(polls_until_noticed=counts[-1].asked - counts[-1].echo + 1)
    assert not [each for each in outcomes if isinstance(each, Missed)]
    assert all(units.is_fresh(1, each) for each in answers(outcomes))


def all_echoed(counts: BusCounts) -> bool:
    """Whether each request came back and was answered, as it is between two of them."""
    return counts.echo == counts.asked == counts.answered


@pytest.mark.fault("B8")
def test_a_silent_unit_behind_an_adapter_that_hears_itself_is_told_as_that(adapter: Adapter) -> None:
    serving = Serving(adapter.fd, lambda octets: [(0.0, octets)])
    try:
        with owner_of(line(adapter), plc(1)) as owner:
            outcomes = outcomes_until(owner, lambda seen: bool(reasons(seen, "plc-1")))
    finally:
        serving.close()
    assert next(each.reason for each in outcomes if isinstance(each, Missed)) == "echo", "those after it are not asked"


@pytest.mark.fault("B7")
def test_a_babbling_line_is_said_once_costs_little_and_is_used_again_when_it_ends(
    adapter: Adapter, figure: Figure
) -> None:
    units = RtuUnits({1})
    babbling = threading.Event()
    babbling.set()

    def babble() -> None:
        noise = random.Random(1).randbytes(4096)
        while babbling.is_set():
            try:
                os.write(adapter.fd, noise)
            except BlockingIOError:
                time.sleep(0.0005)

    babbler = threading.Thread(target=babble, daemon=True)
    with served(adapter, units), owner_of(line(adapter), plc(1)) as owner:
        outcomes_until(owner, lambda seen: len(answers(seen)) > 3)
        babbler.start()
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began_s, cpu_s = boot_seconds(), cpu_of(owner)
        outcomes = outcomes_until(owner, lambda seen: reasons(seen, "plc-1")["garbage"] > 25)
        share = (cpu_of(owner) - cpu_s) / (boot_seconds() - began_s)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
        assert grown_kb < 2048
        assert share < 0.25  # a busy machine makes it less, not more
        figure(cpu_share=share, memory_kb=grown_kb)
        assert [each.up for each in outcomes if isinstance(each, LinkChanged)] == [False]
        babbling.clear()
        babbler.join()
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) > 3)
    assert [each.up for each in outcomes if isinstance(each, LinkChanged)] == [True]
    assert all(units.is_fresh(1, each) for each in answers(outcomes))


@pytest.mark.fault("B9")
def test_a_pulled_adapter_is_found_again_under_its_name_on_another_tty(adapter: Adapter, figure: Figure) -> None:
    units = RtuUnits({1})
    with owner_of(line(adapter), plc(1)) as owner:
        for _ in range(3):
            with served(adapter, units):
                back_s = boot_seconds()
                outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) > 2)
                recovery_s = answers(outcomes)[0].batch.at_s - back_s
            adapter.unplug()
            outcomes = outcomes_until(owner, lambda seen: reasons(seen, "plc-1")["link_down"] > 5)
            assert [each.up for each in outcomes if isinstance(each, LinkChanged)] == [False]
            adapter.plug()
        assert owner.counts()["line"].reconnects == 3
    figure(recovery_s=recovery_s)


@pytest.mark.fault("B9")
def test_a_pulled_adapter_costs_another_line_no_reading(adapter: Adapter, tmp_path: Path, figure: Figure) -> None:
    other = Adapter(tmp_path / "other-adapter")
    units, bus = RtuUnits({1}), SerialBus("other", str(other.link), 115200, "none", 1, 5.0)
    try:
        with served(other, units), owner_of(bus, plc(1)) as unharmed, owner_of(line(adapter), plc(2)) as pulled:
            for _ in range(3):
                adapter.unplug()
                outcomes_until(pulled, lambda seen: reasons(seen, "plc-2")["link_down"] > 3)
                adapter.plug()
            outcomes = outcomes_until(unharmed, lambda seen: len(answers(seen)) > 10)
    finally:
        other.close()
    missed = sum(isinstance(each, Missed) for each in outcomes)
    assert missed == 0
    figure(pulled=3, readings_missed=missed)


def test_a_missing_port_is_said_once_and_waited_for_without_a_busy_loop(adapter: Adapter) -> None:
    adapter.unplug()
    with owner_of(line(adapter), plc(1)) as owner:
        began_s = boot_seconds()
        outcomes = outcomes_until(owner, lambda seen: reasons(seen, "plc-1")["link_down"] > 20)
        assert cpu_of(owner) < 0.25 * (boot_seconds() - began_s)  # a busy machine makes it less, not more
        assert [each.reason for each in outcomes if isinstance(each, LinkChanged)] == ["no such port"]


def test_a_port_whose_links_lead_in_a_circle_is_a_link_that_is_down(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.symlink_to(port)
    with owner_of(SerialBus("b", str(port), 9600, "even", 1, 0.1), plc(1)) as owner:
        outcomes = outcomes_until(owner, lambda seen: any(isinstance(each, LinkChanged) for each in seen))
    assert [each.reason for each in outcomes if isinstance(each, LinkChanged)] == ["too many levels of symbolic links"]


@pytest.mark.fault("B10")
@pytest.mark.skipif(os.geteuid() != 0, reason="only flock can be seen by root")
def test_a_port_taken_by_another_program_is_named_as_such_once_and_used_when_free(adapter: Adapter) -> None:
    units = RtuUnits({1})
    other = os.open(adapter.link, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with served(adapter, units), owner_of(line(adapter), plc(1)) as owner:
        outcomes = outcomes_until(owner, lambda seen: reasons(seen, "plc-1")["link_down"] > 10)
        events = [each for each in outcomes if isinstance(each, LinkChanged)]
        assert [(each.up, each.reason) for each in events] == [(False, "the port is in use by another program")]
        assert units.requests == b""
        os.close(other)
        outcomes_until(owner, lambda seen: len(answers(seen)) > 2)


def test_nobody_else_gets_the_port_while_it_is_ours(adapter: Adapter) -> None:
    units = RtuUnits({1})
    with served(adapter, units), owner_of(line(adapter), plc(1)) as owner:
        outcomes_until(owner, lambda seen: bool(answers(seen)))
        rival = SerialOwner(line(adapter), [(plc(1), asks(plc(1), "rtu"))])
        rival.start()
        outcomes = outcomes_until(rival, bool)
        rival.stop()
    assert isinstance(outcomes[0], LinkChanged)
    assert (outcomes[0].up, outcomes[0].reason) == (False, "the port is in use by another program")


def test_a_hurried_device_is_read_at_once(adapter: Adapter) -> None:
    units = RtuUnits({1, 2})
    with served(adapter, units), owner_of(line(adapter), plc(1, 600.0), plc(2, 600.0)) as owner:
        outcomes_until(owner, lambda seen: len(answers(seen)) == 2)
        owner.hurry("plc-2")
        outcomes = outcomes_until(owner, bool)
    assert [(each.device, each.batch.values) for each in answers(outcomes)] == [("plc-2", (2,))]


def test_what_a_line_cannot_keep_up_with_is_skipped_and_not_queued(adapter: Adapter) -> None:
    units = RtuUnits({1, 2, 3})
    for unit in units.units:
        units.behave[unit] = lambda reply: [(0.03, reply)]
    devices = [plc(unit, 0.02) for unit in (1, 2, 3)]
    with served(adapter, units), owner_of(line(adapter, 5.0), *devices) as owner:
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 30)
    shares = Counter(each.device for each in answers(outcomes))
    assert max(shares.values()) - min(shares.values()) <= 2
    assert not [each for each in outcomes if isinstance(each, Missed)]


class WriteAsk:
    """What a faulty driver might make: a read when looked at, a write to coil 0 when sent."""

    unit = 1
    points = ("count",)
    reply_length = 8

    def request(self, turn: int) -> bytes:
        body = bytes((1, 5, 0, 0, 0xFF, 0))
        return body + crc16_modbus(body).to_bytes(2, "little")

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> None:
        return None


def test_a_frame_that_is_no_read_never_leaves_and_the_bug_comes_to_light(adapter: Adapter) -> None:
    units = RtuUnits({1})
    with served(adapter, units):
        owner = SerialOwner(line(adapter), [(plc(1), [WriteAsk()])])  # type: ignore[list-item]
        owner.start()
        with pytest.raises(ForbiddenFrameError):
            outcomes_until(owner, lambda _: False)
        owner.stop()
    assert units.requests == b""


@pytest.mark.parametrize("state", ["idle", "awaiting", "port missing", "quiet", "never started"])
def test_stop_ends_the_owner_long_before_an_answer_is_due_from_any_state(adapter: Adapter, state: str) -> None:
    units = RtuUnits({1} if state == "idle" else ())
    owner = SerialOwner(line(adapter, 30.0 if state == "awaiting" else 0.4), [(plc(1, 60.0), asks(plc(1), "rtu"))])
    if state == "port missing":
        adapter.unplug()
        owner.start()
        outcomes_until(owner, lambda seen: len(seen) >= 2)
    elif state != "never started":
        with served(adapter, units):
            owner.start()
            outcomes_until(owner, lambda seen: bool(answers(seen) if state == "idle" else units.requests))
            if state == "quiet":
                outcomes_until(owner, lambda _: owner.counts()["line"].timeout == 1)
    began_s = boot_seconds()
    owner.stop()
    assert boot_seconds() - began_s < 10  # what hangs on its wire takes thirty
    assert not [thread for thread in threading.enumerate() if thread.name == owner.name]


def test_an_owner_shows_progress_while_nothing_is_due_and_while_it_waits_for_an_answer(adapter: Adapter) -> None:
    units = RtuUnits(())
    with served(adapter, units), owner_of(line(adapter, 30.0), plc(1, 60.0)) as owner:
        outcomes_until(owner, lambda _: bool(units.requests))
        seen_s = owner.progress_s
        outcomes_until(owner, lambda _: owner.progress_s > seen_s)


def test_outcomes_that_nobody_takes_are_bounded_and_the_oldest_go(adapter: Adapter) -> None:
    adapter.unplug()
    with owner_of(line(adapter), plc(1, 0.0005)) as owner:
        give_up_s = boot_seconds() + 60
        while not owner.dropped and boot_seconds() < give_up_s:
            time.sleep(0.01)
        outcomes = owner.take()
    assert owner.dropped > 0
    assert len(outcomes) <= 1024
    assert {type(each) for each in outcomes} <= {Missed, LinkChanged}
