"""Who answers is proved after every reopening before anything is believed: a swapped device never adds a count."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from foreign_servers import pymodbus_gateway
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import point
from ptys import Adapter, Serving
from pymodbus.simulator import DataType, SimData, SimDevice
from slaves import counter_point, rtu, unit_device
from tcp_proxy import FaultProxy

from agent import clock
from agent.baselines import Baselines
from agent.bus import Answered, Owner
from agent.bus.identity import IDENTITY, Identity
from agent.bus.plans import DevicePlan
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from agent.intake import Intake
from agent.load.meter import CounterRule, Meter
from config.bus_settings import SerialBus, TcpBus
from config.device_settings import CounterRef, Device, Fingerprint
from drivers.wire import price

SERIAL_NUMBER, PERIOD_S = 100, 0.05
COUNT = CounterRef("plc-1", "count")


def fingerprint(expect: int | None = 240317) -> Fingerprint:
    return Fingerprint(point("fingerprint", "holding", SERIAL_NUMBER, "u32"), expect)


def plc(proof: Fingerprint, unit: int = 1) -> Device:
    return replace(unit_device(f"plc-{unit}", "bus", unit, PERIOD_S, [counter_point()]), fingerprint=proof)


class Plc:
    """A counter module on a line: two registers count its reads up from `count`, two hold its serial number."""

    def __init__(self, serial: int | None, count: int = 1000) -> None:
        self.serial, self.count = serial, count
        self.asked: list[int] = []
        self.lost: set[int] = set()

    def __call__(self, octets: bytes) -> Iterable[tuple[float, bytes]]:
        for at in range(0, len(octets) - 7, 8):
            address = int.from_bytes(octets[at + 2 : at + 4])
            self.asked.append(address)
            if address not in self.lost:
                yield 0.0, self._reply(octets[at], address)
            self.lost.discard(address)

    def _reply(self, unit: int, address: int) -> bytes:
        if address == SERIAL_NUMBER and self.serial is None:
            return rtu(unit, 0x83, 2)
        self.count += address == 0
        value = self.serial if address == SERIAL_NUMBER else self.count
        return rtu(unit, 3, 4, *(value or 0).to_bytes(4))


class Site:
    """One device, its owner, its meter, and the intake that believes it or not."""

    def __init__(self, bus: SerialBus | TcpBus, device: Device, kept: Baselines | None = None) -> None:
        plan = DevicePlan(device, bus.framing, price(bus))
        asking = [(device, tuple(plan.asks.values()))]
        self.owner: Owner = SerialOwner(bus, asking) if isinstance(bus, SerialBus) else TcpOwner([bus], asking)
        self.meter = Meter(CounterRule(2**32, 1e6, period_s=PERIOD_S, latency_s=0.1), first_base=1)
        identities = kept.identities if kept else None
        self.intake = Intake([plan], {COUNT: self.meter}, lambda _: self.owner, clock.boot_seconds(), identities)
        self.answered = 0

    def __enter__(self) -> Site:
        self.owner.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.owner.stop()

    def until(self, enough: Callable[[], bool]) -> None:
        give_up_s = clock.boot_seconds() + 60
        while not enough():
            assert clock.boot_seconds() < give_up_s, self.intake.presence
            for outcome in self.owner.take():
                self.answered += isinstance(outcome, Answered) and outcome.ask != IDENTITY
                self.intake.hear(outcome, clock.now())
            time.sleep(0.003)

    def is_told(self, reason: str) -> bool:
        return self.intake.presence["plc-1"].reason == reason


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    with closing(Adapter(tmp_path / "usb-FTDI_FT232R_A1-if00-port0")) as adapter:
        yield adapter


@contextmanager
def plugged(adapter: Adapter, device: Plc) -> Iterator[Plc]:
    """The device behind the adapter, until it is pulled."""
    if adapter.fd < 0:
        adapter.plug()
    with closing(Serving(adapter.fd, device)):
        yield device
    adapter.unplug()


def line(adapter: Adapter, timeout_s: float = 0.5) -> SerialBus:
    return SerialBus("bus", str(adapter.link), 115200, "none", 1, timeout_s)


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged as a warning."""
    told, logger, sink = list[str](), logging.getLogger("hubpulse"), logging.Handler(logging.WARNING)
    sink.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(sink)
    yield told
    logger.removeHandler(sink)


def test_a_swapped_adapter_is_noticed_before_a_single_count_of_it_is_taken(
    adapter: Adapter, warnings: list[str]
) -> None:
    ours, other = Plc(240317), Plc(999999, count=5)
    with Site(line(adapter), plc(fingerprint())) as site:
        with plugged(adapter, ours):
            site.until(lambda: site.meter.total > 5)
        site.until(lambda: site.owner.counts()["bus"].reconnects == 1)
        before, heard = site.meter.state(), site.answered
        with plugged(adapter, other):
            site.until(lambda: site.answered > heard + 5)
            assert site.meter.state() == before
            seen = site.intake.presence["plc-1"]
            assert (seen.online, seen.reason) == (False, "wrong_device")
            assert other.asked[0] == SERIAL_NUMBER
        with plugged(adapter, ours):
            site.until(lambda: site.is_told("answers"))
            site.until(lambda: site.meter.total == ours.count - 1001)
    assert warnings.count("wrong_device device=plc-1 expected=240317 seen=999999") == 1


def test_the_fingerprint_is_asked_first_and_then_seldom(adapter: Adapter) -> None:
    with Site(line(adapter, 30.0), plc(fingerprint())) as site, plugged(adapter, Plc(240317)) as device:
        site.until(lambda: site.meter.total > 20)
        assert device.asked[0] == SERIAL_NUMBER
        assert device.asked.count(SERIAL_NUMBER) == 1


def test_what_was_learned_at_first_sight_outlives_the_process(adapter: Adapter) -> None:
    with Site(line(adapter), plc(fingerprint(None))) as site, plugged(adapter, Plc(777)):
        site.until(lambda: site.meter.total > 2)
        blob = Baselines(identities=site.intake.identities()).encode()
    kept = Baselines.decode(blob)
    for serial, reason in ((778, "wrong_device"), (777, "answers")):
        with Site(line(adapter), plc(fingerprint(None)), kept) as site, plugged(adapter, Plc(serial)):
            site.until(lambda reason=reason: site.is_told(reason) and site.answered > 2)  # type: ignore[misc]
            assert (site.meter.base != 0) == (reason == "answers")


def test_a_device_without_the_register_is_not_the_one_that_is_meant(adapter: Adapter) -> None:
    with Site(line(adapter), plc(fingerprint())) as site, plugged(adapter, Plc(None)):
        site.until(lambda: site.is_told("wrong_device") and site.answered > 5)
        assert site.meter.base == 0
        assert site.intake.polls.report()["poll_ok_pct"] == 0.0, "what is not believed brought no value"


def test_a_lost_answer_to_who_it_is_costs_a_period_and_no_truth(adapter: Adapter) -> None:
    device = Plc(240317)
    device.lost.add(SERIAL_NUMBER)
    with Site(line(adapter), plc(fingerprint())) as site, plugged(adapter, device):
        site.until(lambda: site.meter.total > 3)
        assert device.asked.count(SERIAL_NUMBER) == 2


def simulated(serial: int, count: int) -> SimDevice:
    def held(address: int, value: int) -> SimData:
        return SimData(address, values=[value >> 16, value & 0xFFFF], datatype=DataType.REGISTERS)

    return SimDevice(1, simdata=[held(0, count), held(SERIAL_NUMBER, serial)])


def test_another_device_at_the_same_address_is_noticed_over_tcp_too() -> None:
    with (
        pymodbus_gateway([simulated(240317, 1000)]) as ours,
        pymodbus_gateway([simulated(5, 70_000)]) as other,
        FaultProxy(ours) as proxy,
        Site(TcpBus("bus", "127.0.0.1", proxy.port, 0.5), plc(fingerprint())) as site,
    ):
        site.until(lambda: site.meter.base != 0)
        for port, reason in ((other, "wrong_device"), (ours, "answers")):
            proxy.upstream = ("127.0.0.1", port)
            proxy.reset()
            site.until(lambda reason=reason: site.is_told(reason))  # type: ignore[misc]
            heard = site.answered
            site.until(lambda heard=heard: site.answered > heard + 3)  # type: ignore[misc]
            assert site.meter.total == 0


def test_a_device_that_was_away_must_prove_itself_also_where_the_wire_stayed_open(adapter: Adapter) -> None:
    device = Plc(240317)
    with Site(line(adapter), plc(fingerprint())) as site, plugged(adapter, device):
        site.until(lambda: site.meter.total > 2)
        device.lost = set(range(1000))
        site.until(lambda: site.intake.presence["plc-1"].online is False)
        before = site.meter.state()
        device.serial, device.count, device.lost = 5, 5, set()
        site.until(lambda: site.is_told("wrong_device"))
        assert site.meter.state() == before


@given(st.lists(st.one_of(st.just("opened"), st.none(), st.integers(0, 2))), st.one_of(st.none(), st.integers(0, 2)))
def test_a_device_is_trusted_only_after_the_right_answer_to_the_last_question(
    told: list[str | int | None], expect: int | None
) -> None:
    identity, expected, trusted = Identity(fingerprint(expect)), expect, False
    for one in told:
        if isinstance(one, str):
            identity.doubt()
            trusted = False
        else:
            expected = one if expected is None else expected
            verdict = identity.judge(one)
            trusted = one is not None and one == expected
            assert (verdict in {"proved", "learned"}) <= trusted
        assert identity.trusted == trusted
        assert identity.expected == expected


def test_what_was_learned_at_another_place_is_not_this_fingerprint() -> None:
    kept = Identity(fingerprint(5)).kept()
    assert Identity(fingerprint(None), kept).expected == 5
    elsewhere = Fingerprint(point("fingerprint", "holding", 102, "u32"), None)
    for written in (kept, None, [], "x", ["holding", 102, "u32", "ABCD", "5"], {"expect": 5}):
        assert Identity(elsewhere, written).expected is None
