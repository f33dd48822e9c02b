"""The owners against Modbus servers that are not ours: pymodbus and libmodbus, over TCP and over a serial cable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign_servers import libmodbus_on, pymodbus_gateway, pymodbus_serial, registers
from modbus_oracle import point
from modbus_servers import build_libmodbus_server, libmodbus_tcp
from ptys import Cable
from pymodbus.simulator import SimDevice
from slaves import answers, outcomes_until, unit_device

from agent.bus import Missed
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from config.bus_settings import SerialBus, TcpBus
from config.device_settings import Device
from drivers.modbus import asks

KNOWN = {
    "count": ("u32", 3000000001),
    "signed": ("i32", -2000000001),
    "digits": ("u32", 0x12345678),
    "length": ("f32", 1234.5),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_libmodbus_server(tmp_path_factory.mktemp("libmodbus"))


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


def known_device(unit: int) -> Device:
    """The values of the C server, in each of the four word orders."""
    points = [
        point(f"{name}-{order}", "holding", 100 * block + 3 + 2 * at, of, word_order=order)
        for block, order in enumerate(("ABCD", "CDAB", "BADC", "DCBA"), 1)
        for at, (name, (of, _)) in enumerate(KNOWN.items())
    ]
    return unit_device("plc", "bus", unit, 0.05, points)


def check_known(owner: SerialOwner | TcpOwner, device: Device, framing: str) -> None:
    questions = asks(device, framing)  # type: ignore[arg-type]
    outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 3 * len(questions))
    for each in answers(outcomes):
        for name, value in zip(questions[each.ask].points, each.batch.values, strict=True):
            assert value == KNOWN[name.split("-")[0]][1]
    assert not [each for each in outcomes if isinstance(each, Missed)]


def test_libmodbus_is_read_over_a_serial_cable(program: Path, cable: Cable) -> None:
    device = known_device(17)
    owner = SerialOwner(SerialBus("bus", cable.master_path, 19200, "none", 1, 5.0), [(device, asks(device, "rtu"))])
    with libmodbus_on(program, 17, cable.device_path):
        owner.start()
        check_known(owner, device, "rtu")
        owner.stop()


def test_libmodbus_is_read_over_tcp(program: Path) -> None:
    device = known_device(17)
    with libmodbus_tcp(program, 17) as port:
        owner = TcpOwner([TcpBus("bus", "127.0.0.1", port, 5.0)], [(device, asks(device, "tcp"))])
        owner.start()
        check_known(owner, device, "tcp")
        owner.stop()


UNITS = [SimDevice(unit, simdata=registers(unit, 0x1234)) for unit in (1, 2, 3)]
DEVICES = [unit_device(f"plc-{unit}", "bus", unit, 0.1) for unit in (1, 2, 3)]


def check_units(owner: SerialOwner | TcpOwner) -> None:
    outcomes = outcomes_until(owner, lambda seen: all(len(answers(seen, each.id)) > 2 for each in DEVICES))
    for each in answers(outcomes):
        assert each.batch.values == (int(each.device[-1]) << 16 | 0x1234,)


def test_three_units_of_pymodbus_are_read_over_a_serial_cable(cable: Cable) -> None:
    missing = unit_device("plc-9", "bus", 9, 0.1)
    owner = SerialOwner(
        SerialBus("bus", cable.master_path, 115200, "none", 1, 0.3),
        [(device, asks(device, "rtu")) for device in (*DEVICES, missing)],
    )
    with pymodbus_serial(UNITS, cable.device_path):
        owner.start()
        check_units(owner)
        assert owner.counts()["bus"].timeout > 0
        owner.stop()


def test_three_units_of_a_pymodbus_gateway_are_read_over_one_connection() -> None:
    with pymodbus_gateway(UNITS) as port:
        owner = TcpOwner([TcpBus("bus", "127.0.0.1", port, 5.0)], [(each, asks(each, "tcp")) for each in DEVICES])
        owner.start()
        check_units(owner)
        owner.stop()
