"""Real foreign servers in every framing: ASCII on a line, RTU and ASCII over TCP, Modbus TCP inside TLS."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import struct
import termios
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from converters import Converter, in_ascii
from foreign_servers import pymodbus_gateway, pymodbus_serial, registers
from modbus_oracle import framed
from ports import free_port
from ptys import Cable, Serving, raw_pty
from pymodbus.framer import FramerType
from pymodbus.simulator import SimDevice
from serial import serialposix
from slaves import RtuUnits, answers, outcomes_until, unit_device

from agent.bus import LinkChanged, Missed, Owner, Reopened
from agent.bus.guard import ForbiddenFrameError
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_port import TcpPort
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import Framing, Rs485, SerialBus, TcpBus
from config.device_settings import Device
from drivers.modbus import asks

SIMULATED = [SimDevice(unit, simdata=registers(unit, 0x1234)) for unit in (1, 2, 3)]
DEVICES = [unit_device(f"plc-{unit}", "bus", unit, 0.1) for unit in (1, 2, 3)]
MISSING = unit_device("plc-9", "bus", 9, 0.1)


@pytest.fixture
def cable() -> Iterator[Cable]:
    with closing(Cable()) as cable:
        yield cable


@contextmanager
def asked(bus: SerialBus | TcpBus, devices: Sequence[Device]) -> Iterator[Owner]:
    owner = SerialOwner(bus, [(device, asks(device, bus.framing)) for device in devices])
    owner.start()
    try:
        yield owner
    finally:
        owner.stop()


def check_units(owner: Owner) -> None:
    """Every unit is read, and each value is that unit's own."""
    outcomes = outcomes_until(owner, lambda seen: all(len(answers(seen, each.id)) > 2 for each in DEVICES))
    for each in answers(outcomes):
        assert each.batch.values == (int(each.device[-1]) << 16 | 0x1234,)


def test_three_units_of_pymodbus_are_read_in_ascii_over_a_cable_and_a_missing_one_costs_only_itself(
    cable: Cable,
) -> None:
    bus = SerialBus("bus", cable.master_path, 115200, "even", 1, 0.3, data_bits=7, framing="ascii")
    with pymodbus_serial(SIMULATED, cable.device_path, FramerType.ASCII), asked(bus, [*DEVICES, MISSING]) as owner:
        check_units(owner)
        assert owner.counts()["bus"].timeout > 0


def test_ascii_replies_are_found_behind_noise_and_the_talk_of_others(cable: Cable) -> None:
    def spoil(octets: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, b"\x00\xffnoise" + (b":0703020001F3\r\n" if octets.startswith(b":") else b"") + octets)]

    cable.to_master = spoil
    bus = SerialBus("bus", cable.master_path, 115200, "none", 1, 0.3, framing="ascii")
    with pymodbus_serial(SIMULATED, cable.device_path, FramerType.ASCII), asked(bus, DEVICES) as owner:
        check_units(owner)
        assert owner.counts()["bus"].foreign > 0


@pytest.mark.parametrize(("framing", "framer"), [("rtu", FramerType.RTU), ("ascii", FramerType.ASCII)])
def test_three_units_behind_a_converter_are_read_in_the_framing_of_their_line(
    framing: Framing, framer: FramerType
) -> None:
    with (
        pymodbus_gateway(SIMULATED, framer) as port,
        asked(TcpBus("bus", "localhost", port, 0.5, framing), DEVICES) as owner,
    ):
        check_units(owner)


def test_an_ascii_line_that_echoes_our_requests_answers_all_the_same() -> None:
    units = in_ascii(RtuUnits({1, 2, 3}))

    def echoing(octets: bytes) -> Iterator[tuple[float, bytes]]:
        yield 0.0, octets
        yield from units(octets)

    ours, theirs = raw_pty()
    bus = SerialBus("bus", os.ttyname(theirs), 115200, "none", 1, 0.3, framing="ascii")
    with closing(Serving(ours, echoing)), asked(bus, DEVICES) as owner:
        outcomes_until(owner, lambda seen: all(len(answers(seen, each.id)) > 2 for each in DEVICES))
        assert owner.counts()["bus"].echo >= 9
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_a_late_reply_behind_a_converter_is_never_taken_for_the_next_answer(framing: Framing) -> None:
    units = RtuUnits({1, 2})
    dice = random.Random(7)
    units.behave[1] = lambda reply: [(dice.choice((0.0, 0.0, 0.05, 0.15)), reply)]
    with Converter(units if framing == "rtu" else in_ascii(units)) as converter:
        bus = TcpBus("bus", "127.0.0.1", converter.port, 0.03, framing)
        with asked(bus, [replace(DEVICES[0], period_s=0.02), DEVICES[1]]) as owner:
            outcomes = outcomes_until(owner, lambda seen: owner.counts()["bus"].late >= 5 and len(answers(seen)) > 50)
    assert all(units.is_fresh(int(each.device[-1]), each) for each in answers(outcomes))
    assert "late" in {each.reason for each in outcomes if isinstance(each, Missed)}


def test_what_a_converter_sends_is_acknowledged_at_once_so_that_it_holds_no_late_reply_back() -> None:
    """One that gathers what it sends would let it go with our next request, as the answer to that."""
    waiter = Waiter()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = TcpPort(socket.create_connection(listener.getsockname()), waiter, lambda _: True)
        converter, _ = listener.accept()
    unacknowledged = []
    with converter, closing(port), closing(waiter):
        for _ in range(20):
            port.send(b"request!")
            converter.recv(8)
            converter.send(b"reply")
            assert port.wait(boot_seconds() + 5.0)
            assert port.read() == b"reply"
            unacknowledged.append(struct.unpack("i", fcntl.ioctl(converter, termios.TIOCOUTQ, bytes(4)))[0])
    assert unacknowledged == [0] * 20


def test_a_converter_that_was_started_anew_is_connected_to_again() -> None:
    units = RtuUnits({1, 2, 3})
    with Converter(units) as converter, asked(TcpBus("bus", "127.0.0.1", converter.port, 1.0, "rtu"), DEVICES) as owner:
        outcomes_until(owner, lambda seen: len(answers(seen)) > 5)
        converter.reboot()
        outcomes = outcomes_until(owner, lambda seen: sum(isinstance(each, LinkChanged) for each in seen) >= 2)
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) > 5, seen=outcomes)
    assert [each.up for each in outcomes if isinstance(each, LinkChanged)] == [False, True]
    assert owner.counts()["bus"].reconnects == 1


def test_a_converter_that_passes_nothing_on_is_connected_to_anew_and_that_is_told_before_its_answers() -> None:
    units = RtuUnits({1, 2, 3})
    bus = TcpBus("bus", "127.0.0.1", 0, 0.05, "rtu")
    with Converter(units) as converter, asked(replace(bus, port=converter.port), DEVICES) as owner:
        outcomes_until(owner, lambda seen: len(answers(seen)) > 5)
        converter.mute = True
        outcomes = outcomes_until(owner, lambda _: converter.connections > 1)
        converter.mute = False
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) > 12, seen=outcomes)
    opened = [at for at, each in enumerate(outcomes) if isinstance(each, Reopened)]
    assert opened
    assert not [each for each in outcomes if isinstance(each, LinkChanged)]
    assert outcomes.index(answers(outcomes)[-1]) > opened[0]


class WriteAsk:
    """What no driver makes: a write to a coil."""

    unit, points, reply_length = 1, ("coil",), 8

    def request(self, turn: int) -> bytes:
        return framed("rtu", 1, b"\x05\x00\x00\xff\x00")


def test_a_write_kills_the_owner_before_a_byte_of_it_reaches_a_converter() -> None:
    units = RtuUnits({1})
    with Converter(units) as converter:
        bus = TcpBus("bus", "127.0.0.1", converter.port, 0.3, "rtu")
        owner = SerialOwner(bus, [(DEVICES[0], [WriteAsk()])])  # type: ignore[list-item]
        owner.start()
        with pytest.raises(ForbiddenFrameError):
            outcomes_until(owner, lambda _: False)
        owner.stop()
    assert not units.requests


def test_no_converter_at_all_is_told_as_one_sentence() -> None:
    with asked(TcpBus("bus", "127.0.0.1", free_port(), 0.3, "rtu"), DEVICES) as owner:
        outcomes = outcomes_until(owner, lambda seen: any(isinstance(each, LinkChanged) for each in seen))
    assert outcomes[0] == LinkChanged("bus", False, "connection refused", outcomes[0].at_s)  # type: ignore[union-attr]


def test_an_adapter_that_the_kernel_cannot_turn_is_told_with_the_way_out() -> None:
    ours, theirs = raw_pty()
    bus = SerialBus("bus", os.ttyname(theirs), 9600, "none", 1, 0.3, rs485=Rs485())
    with asked(bus, DEVICES) as owner:
        outcomes = outcomes_until(owner, lambda seen: any(isinstance(each, LinkChanged) for each in seen))
    assert isinstance(outcomes[0], LinkChanged)
    assert outcomes[0].reason == "the adapter cannot be turned by the kernel; remove rs485 if it does so by itself"
    os.close(ours)
    os.close(theirs)


def test_the_kernel_is_told_to_raise_rts_so_many_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The structure of linux/serial.h as a kernel gets it whose driver can; no pseudo-terminal does."""
    told = list[list[int]]()

    def ioctl(fd: int, request: int, *more: Any) -> Any:
        if request == serialposix.TIOCSRS485:
            told.append(more[0].tolist())
        return 0 if request in (serialposix.TIOCSRS485, serialposix.TIOCGRS485) else fcntl.ioctl(fd, request, *more)

    monkeypatch.setattr(serialposix, "fcntl", SimpleNamespace(**{**vars(fcntl), "ioctl": ioctl}))
    ours, theirs = raw_pty()
    bus = SerialBus("bus", os.ttyname(theirs), 9600, "none", 1, 0.3, rs485=Rs485(29, 1))
    with asked(bus, DEVICES) as owner:
        outcomes = outcomes_until(owner, lambda seen: any(isinstance(each, LinkChanged) for each in seen))
    assert [each.up for each in outcomes if isinstance(each, LinkChanged)] == [True]
    enabled, rts_on_send = 1 << 0, 1 << 1
    assert told[-1] == [enabled | rts_on_send, 29, 1, 0, 0, 0, 0, 0]
    os.close(ours)
    os.close(theirs)
