"""A device that refuses part of what it is asked: its holes are unlearned on the wire, its missing points left out."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from foreign_servers import pymodbus_gateway, pymodbus_serial
from modbus_oracle import device, point
from ptys import Cable
from pymodbus.simulator import DataType, SimData, SimDevice
from slaves import TcpUnits, mbap

from agent import clock
from agent.baselines import Baselines
from agent.bus import Answered, Missed, Outcome, Owner
from agent.bus.plans import BELIEVED, FIRST_RETRY_S, DevicePlan
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from agent.intake import Intake
from config.bus_settings import Bus, SerialBus, TcpBus
from config.device_settings import Device
from drivers.wire import price

HELD = [SimData(at, values=values, datatype=DataType.REGISTERS) for at, values in ((0, [10, 11, 12]), (8, [18, 19]))]
"""Registers 0 to 2 and 8 to 9 of each unit, and nothing else."""


@contextmanager
def over_tcp() -> Iterator[Bus]:
    with pymodbus_gateway([SimDevice(unit, simdata=HELD) for unit in (1, 2)]) as port:
        yield TcpBus("bus", "127.0.0.1", port, 1.0)


@contextmanager
def over_a_serial_line() -> Iterator[Bus]:
    cable = Cable()
    try:
        with pymodbus_serial([SimDevice(unit, simdata=HELD) for unit in (1, 2)], cable.device_path):
            yield SerialBus("bus", cable.master_path, 19200, "none", 1, 0.5)
    finally:
        cable.close()


@pytest.fixture(params=[over_tcp, over_a_serial_line])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    with request.param() as made:
        yield made


def plc(unit: int, *addresses: int) -> Device:
    points = [point(f"r{at}", "holding", at, "u16") for at in addresses]
    return replace(device(*points, unit=unit), id=f"plc-{unit}", bus="bus", period_s=0.05)


class Site:
    """Devices on one bus, their owner, and the intake that says what they are asked."""

    def __init__(self, bus: Bus, *devices: Device) -> None:
        framing = "rtu" if isinstance(bus, SerialBus) else "tcp"
        self.plans = {each.id: DevicePlan(each, framing, price(bus)) for each in devices}
        asking = [(plan.device, tuple(plan.asks.values())) for plan in self.plans.values()]
        self.owner: Owner = SerialOwner(bus, asking) if isinstance(bus, SerialBus) else TcpOwner([bus], asking)
        self.intake = Intake(list(self.plans.values()), {}, lambda _: self.owner, clock.boot_seconds())
        self.outcomes: list[Outcome] = []

    def __enter__(self) -> Site:
        self.owner.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.owner.stop()

    def until(self, enough: Callable[[], bool]) -> None:
        give_up_s = clock.boot_seconds() + 60
        while not enough():
            assert clock.boot_seconds() < give_up_s, (self.outcomes[-10:], self.intake.presence)
            for outcome in self.owner.take():
                self.outcomes.append(outcome)
                self.intake.hear(outcome, clock.now())
            time.sleep(0.003)

    def values(self, name: str) -> dict[str, object]:
        """The last value of each point, of the reads that are asked now."""
        asks = self.plans[name].asks
        told = [one for one in self.outcomes if isinstance(one, Answered) and one.device == name and one.ask in asks]
        return {
            point: value for one in told for point, value in zip(asks[one.ask].points, one.batch.values, strict=True)
        }

    def refused(self) -> int:
        return sum(isinstance(one, Missed) and one.reason == "exception_2" for one in self.outcomes)


def test_a_hole_is_read_over_refused_and_then_gone_round_and_no_point_is_lost(bus: Bus) -> None:
    with Site(bus, plc(1, 0, 2, 8, 9), plc(2, 0, 1)) as site:
        assert [ask.points for ask in site.plans["plc-1"].asks.values()] == [("r0", "r2", "r8", "r9")]
        site.until(lambda: len(site.values("plc-1")) == 4 and len(site.values("plc-2")) == 2)
        assert site.values("plc-1") == {"r0": 10, "r2": 12, "r8": 18, "r9": 19}
        assert site.values("plc-2") == {"r0": 10, "r1": 11}
        refused = site.refused()
        site.outcomes.clear()
        site.until(lambda: sum(isinstance(one, Answered) for one in site.outcomes) > 20)
        assert refused >= 1 and site.refused() == 0
        assert site.intake.presence["plc-1"].reason == "answers"
        kept = Baselines.decode(Baselines(cuts=site.intake.cuts()).encode()).cuts["plc-1"]
    again = DevicePlan(plc(1, 0, 2, 8, 9), "tcp", price(bus), kept)
    assert "r8" not in next(ask.points for ask in again.asks.values() if "r0" in ask.points)


@pytest.mark.fault("B6")
def test_a_missing_point_leaves_the_poll_list_with_a_reason_and_its_neighbours_are_read(bus: Bus) -> None:
    with Site(bus, plc(1, 1, 2, 3), plc(2, 20)) as site:
        site.until(lambda: all(site.intake.presence[f"plc-{n}"].unsupported for n in (1, 2)))
        site.until(lambda: site.intake.presence["plc-1"].online is True)
        assert site.intake.presence["plc-1"].reason == "points_unsupported"
        assert site.intake.presence["plc-1"].unsupported == ("r3",)
        assert site.intake.presence["plc-2"].online is False
        assert site.intake.presence["plc-2"].reason == "exception_2"
        site.until(lambda: site.values("plc-1") == {"r1": 11, "r2": 12})
        site.outcomes.clear()
        site.until(lambda: len(site.outcomes) > 20)
        assert site.refused() == 0 and {one.device for one in site.outcomes if isinstance(one, Answered)} == {"plc-1"}


def test_a_missing_point_is_asked_again_and_read_when_the_device_has_it() -> None:
    held = {2: 12}

    def read(request: bytes, _: bytes) -> Iterator[tuple[float, bytes]]:
        first, quantity = struct.unpack(">HH", request[8:12])
        values = [held.get(at) for at in range(first, first + quantity)]
        if None in values:
            yield 0.0, mbap(request, 0x83, 2)
        else:
            yield 0.0, mbap(request, 3, 2 * quantity, *(octet for value in values for octet in divmod(value or 0, 256)))

    with TcpUnits([1]) as units:
        units.behave[1] = read
        with Site(TcpBus("bus", "127.0.0.1", units.port, 1.0), plc(1, 2, 3)) as site:
            site.until(lambda: site.intake.presence["plc-1"].unsupported == ("r3",))
            refused = site.refused()
            site.intake.retry(clock.boot_seconds() + FIRST_RETRY_S)
            site.until(lambda: site.refused() == refused + BELIEVED)
            assert site.intake.presence["plc-1"].unsupported == ("r3",)
            held[3] = 13
            site.intake.retry(clock.boot_seconds() + 3 * FIRST_RETRY_S)
            site.until(lambda: site.values("plc-1") == {"r2": 12, "r3": 13})
            assert site.intake.presence["plc-1"].unsupported == ()
            assert site.intake.presence["plc-1"].reason == "answers"
            assert [ask.points for ask in site.plans["plc-1"].asks.values()] == [("r2", "r3")]
