"""The asks against Modbus servers that others wrote, over real sockets and a real PTY."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from modbus_oracle import WIDTHS, device, point
from modbus_servers import build_libmodbus_server, libmodbus_pty, libmodbus_tcp, pymodbus_tcp
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.simulator import DataType, SimData, SimDevice

from config.device_settings import Device
from drivers import DeviceError
from drivers.modbus import ReadAsk, asks

UNIT = 7
ORDERS = {"ABCD": 100, "CDAB": 200, "BADC": 300, "DCBA": 400}
VALUES: dict[str, Any] = {
    "u16": 40_000,
    "i16": -12_345,
    "bcd16": 9876,
    "u32": 3_000_000_001,
    "i32": -2_000_000_001,
    "bcd32": 12_345_678,
    "f32": 1234.5,
    "u64": 0xFEDCBA9876543210,
    "i64": -1_234_567_890_123_456_789,
    "f64": -9876.54321,
}
Exchange = Callable[[ReadAsk], dict[str, Any]]


@contextmanager
def over_socket(port: int) -> Iterator[Exchange]:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield lambda ask: answered(ask, link.sendall, lambda: link.recv(512))


def over_terminal(terminal: int) -> Exchange:
    def receive() -> bytes:
        assert select.select([terminal], [], [], 5)[0], "silence"
        return os.read(terminal, 512)

    return lambda ask: answered(ask, lambda octets: os.write(terminal, octets), receive)


def answered(ask: ReadAsk, send: Callable[[bytes], Any], receive: Callable[[], bytes]) -> dict[str, Any]:
    buffer = bytearray()
    turn = ask.read.address + 60_000
    send(ask.request(turn))
    while (batch := ask.answer(buffer, turn, 1.0)) is None:
        got = receive()
        assert got, "closed"
        buffer += got
    assert not buffer
    return dict(zip(ask.points, batch.values, strict=True))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_libmodbus_server(tmp_path_factory.mktemp("libmodbus"))


@pytest.fixture(scope="module", params=["tcp", "rtu"])
def libmodbus(request: pytest.FixtureRequest, program: Path) -> Iterator[tuple[str, Exchange]]:
    if request.param == "tcp":
        with libmodbus_tcp(program, UNIT) as port, over_socket(port) as exchange:
            yield "tcp", exchange
    else:
        with libmodbus_pty(program, UNIT) as terminal:
            yield "rtu", over_terminal(terminal)


def everything(of: Device, link: tuple[str, Exchange]) -> dict[str, Any]:
    framing, exchange = link
    seen: dict[str, Any] = {}
    for ask in asks(of, framing):  # type: ignore[arg-type]
        seen |= exchange(ask)
    return seen


@pytest.mark.parametrize("order", ORDERS)
def test_every_type_and_order_that_a_c_server_holds_is_read_right(libmodbus: tuple[str, Exchange], order: str) -> None:
    at, points = ORDERS[order], []
    for of in VALUES:
        points.append(point(of, "holding", at, of, word_order=order))
        at += WIDTHS[of]
    assert everything(device(*points, unit=UNIT), libmodbus) == VALUES


def test_all_orders_together_split_into_short_reads(libmodbus: tuple[str, Exchange]) -> None:
    points, wanted = [], {}
    for order, first in ORDERS.items():
        at = first
        for of, value in VALUES.items():
            points.append(point(f"{order.lower()}-{of}", "holding", at, of, word_order=order))
            wanted[f"{order.lower()}-{of}"] = value
            at += WIDTHS[of]
    assert everything(device(*points, unit=UNIT, max_read_registers=5), libmodbus) == wanted


def test_the_longest_reads_of_a_c_server_come_whole(libmodbus: tuple[str, Exchange]) -> None:
    registers = [point(f"w{n}", "input", n, "u16") for n in range(256)]
    assert everything(device(*registers, unit=UNIT), libmodbus) == {f"w{n}": 7 * n + 1 for n in range(256)}
    coils = [point(f"b{n}", "coil", n, "bit") for n in range(2048)]
    assert everything(device(*coils, unit=UNIT), libmodbus) == {f"b{n}": n % 3 == 0 for n in range(2048)}


@pytest.mark.parametrize("count", [1, 8, 9, 17])
def test_a_few_bits_of_a_c_server_come_each_in_its_place(libmodbus: tuple[str, Exchange], count: int) -> None:
    bits = [point(f"b{n}", "discrete", n, "bit") for n in range(998, 998 + count)]
    assert everything(device(*bits, unit=UNIT), libmodbus) == {f"b{n}": n % 5 == 0 for n in range(998, 998 + count)}


def test_a_c_server_refuses_what_it_has_not_and_answers_on(libmodbus: tuple[str, Exchange]) -> None:
    framing, exchange = libmodbus
    missing, there = point("missing", "input", 400, "u16"), point("there", "input", 4, "u16")
    first, second = asks(device(missing, there, unit=UNIT), framing)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="ILLEGAL DATA ADDRESS"):
        exchange(second)
    assert exchange(first) == {"there": 29}


PYMODBUS_TYPES = {
    "u16": ModbusClientMixin.DATATYPE.UINT16,
    "i16": ModbusClientMixin.DATATYPE.INT16,
    "u32": ModbusClientMixin.DATATYPE.UINT32,
    "i32": ModbusClientMixin.DATATYPE.INT32,
    "f32": ModbusClientMixin.DATATYPE.FLOAT32,
    "u64": ModbusClientMixin.DATATYPE.UINT64,
    "i64": ModbusClientMixin.DATATYPE.INT64,
    "f64": ModbusClientMixin.DATATYPE.FLOAT64,
}


@pytest.mark.parametrize("area", ["holding", "input"])
def test_a_pymodbus_server_and_its_own_converter_agree_with_us(area: str) -> None:
    registers: list[int] = []
    points, wanted = [], {}
    for word_order, order in (("big", "ABCD"), ("little", "CDAB")):
        for of, theirs in PYMODBUS_TYPES.items():
            name = f"{word_order}-{of}"
            points.append(point(name, area, len(registers), of, word_order=order))
            wanted[name] = VALUES[of]
            registers += ModbusClientMixin.convert_to_registers(VALUES[of], theirs, word_order=word_order)  # type: ignore[arg-type]
    blocks = [SimData(0, values=registers, datatype=DataType.REGISTERS)]
    nothing = [SimData(0, values=False, datatype=DataType.BITS)]
    served = SimDevice(UNIT, simdata=(nothing, nothing, blocks, blocks))
    with pymodbus_tcp(served) as port, over_socket(port) as exchange:
        assert everything(device(*points, unit=UNIT), ("tcp", exchange)) == wanted
        beyond = point("beyond", area, len(registers), "u16")
        with pytest.raises(DeviceError, match="ILLEGAL DATA ADDRESS"):
            everything(device(beyond, unit=UNIT), ("tcp", exchange))


def test_the_bits_of_a_pymodbus_server_come_each_in_its_place() -> None:
    bits = [n % 7 in (0, 2, 3) for n in range(32)]
    block = [SimData(0, values=bits, datatype=DataType.BITS)]
    words = [SimData(0, values=1, datatype=DataType.REGISTERS)]
    points = [point(f"b{n}", "coil", n, "bit") for n in range(3, 20)]
    served = SimDevice(UNIT, simdata=(block, block, words, words))
    with pymodbus_tcp(served) as port, over_socket(port) as exchange:
        assert everything(device(*points, unit=UNIT), ("tcp", exchange)) == {f"b{n}": bits[n] for n in range(3, 20)}
