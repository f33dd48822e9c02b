"""A real foreign master (pymodbus) asks real devices (pymodbus): everything is understood, and nothing is said."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import Broker
from foreign_servers import pymodbus_serial
from ptys import Serving
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient
from pymodbus.simulator import DataType, SimData, SimDevice
from shared_line import SharedLine
from site_text import changed
from slaves import RtuUnits, answers, outcomes_until

from agent.bureau.subscriber import Subscriber
from agent.bus import LinkChanged
from agent.bus.listen_line import ListenOwner
from config.bus_settings import SerialBus
from config.device_settings import Device, Point
from drivers.modbus_listener import ModbusListener
from drivers.wire import Wire

VALUES = [1, 2, 3, 4, 5, 6, 7, 8]


def master(port: str) -> ModbusSerialClient:
    client = ModbusSerialClient(port, framer=FramerType.RTU, baudrate=115200, timeout=30, retries=0)
    assert client.connect()
    return client


def counter(name: str, address: int) -> Point:
    return Point(name, "counter", "holding", address, "u32", "ABCD", 2**32, 20.0, 1.0, "", None, None)


def test_all_traffic_of_a_foreign_master_is_understood_and_not_one_byte_is_sent() -> None:
    units = [SimDevice(unit, simdata=[SimData(0, values=VALUES, datatype=DataType.REGISTERS)]) for unit in (1, 2)]
    device = Device("plc", "line", 1, 1.0, None, 125, (counter("in", 0), counter("out", 6)))
    with SharedLine("master", "devices", "ear") as line:
        bus = SerialBus("line", line.path["ear"], 115200, "none", 1, 5.0, role="listen")
        owner = ListenOwner(bus, ModbusListener([device], Wire.of(bus)), ["plc"], 2)
        with pymodbus_serial(units, line.path["devices"]):
            owner.start()
            outcomes_until(owner, lambda seen: any(isinstance(one, LinkChanged) and one.up for one in seen))
            client = master(line.path["master"])
            for turn in range(10):
                assert not client.read_holding_registers(0, count=8, device_id=1).isError()
                assert not client.read_holding_registers(turn % 4, count=2, device_id=2).isError()
                assert not client.write_register(7, 100 + turn, device_id=1).isError()
                assert client.read_holding_registers(500, count=4, device_id=1).isError()
            client.close()
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) == 20)
        outcomes += outcomes_until(owner, lambda _: owner.counts()["line"].exception == 10)
        counts = owner.counts()["line"].nonzero()
        owner.stop()
    assert Counter((one.ask, one.batch.values) for one in answers(outcomes)) == Counter(
        [(0, (0x00010002,))] * 10 + [(1, (0x00070008,))] + [(1, (0x00070000 + 100 + turn,)) for turn in range(9)]
    )
    assert counts == {"asked": 40, "answered": 30, "exception": 10, "writes": 10}
    assert line.said["ear"] == b""


LISTENING = ('serial = "/dev/serial/by-path/port0"\nbaud = 19200', 'serial = "{port}"\nbaud = 19200\nrole = "listen"')


def site(folder: Path, port: str, broker: Broker) -> Path:
    """The small site with its line only listened to, on this machine's broker."""
    text = changed(LISTENING[0], LISTENING[1].format(port=port))
    uplink = f'host = "127.0.0.1"\nport = {broker.port}\ntls = false\nreport_s = 1\n'
    start, end = text.index('host = "mqtt'), text.index("[bus.sorter]")
    spool = f'[spool]\ndirectory = "{folder / "spool"}"\n\n'
    path = folder / "hubpulse.toml"
    path.write_text(text[:start] + uplink + spool + text[end:].replace('"192.168.10.21"', '"127.0.0.1:1"'))
    return path


@pytest.fixture
def listening_agent(tmp_path: Path) -> Iterator[tuple[SharedLine, Broker]]:
    """The agent of a site whose line it only listens to, ready; a device that counts what it is asked; a broker."""
    units = RtuUnits({1})
    with ExitStack() as stack:
        line = stack.enter_context(SharedLine("master", "device", "ear"))
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        device = os.open(line.path["device"], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        stack.callback(os.close, device)
        stack.callback(Serving(device, units).close)
        manager = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/usr/bin", "LANG": "C.UTF-8"}
        command = [sys.executable, "-m", "agent", "run", str(site(tmp_path, line.path["ear"], broker))]
        agent = stack.enter_context(subprocess.Popen(command, env=environment))
        stack.callback(agent.terminate)
        while not manager.recv(500).startswith(b"READY"):
            pass
        yield line, broker


def test_a_daemon_that_only_listens_delivers_true_totals(listening_agent: tuple[SharedLine, Broker]) -> None:
    line, broker = listening_agent
    bureau = Subscriber("127.0.0.1", broker.port)
    bureau.start()
    client = master(line.path["master"])
    asked = iter(range(1, 200))

    def ask() -> None:
        assert client.read_holding_registers(100, count=2, device_id=1).registers == [0, next(asked)]

    def is_heard() -> bool:
        return "plc-a.inducted" in bureau.totals("gz-baiyun").counters

    ask()
    while not bureau.wait_until(is_heard, 10):
        ask()  # a port that is opened later than the agent is ready hears what is said from then on
    before = bureau.read(lambda _: bureau.totals("gz-baiyun").counted("plc-a.inducted").total)
    for _ in range(40):
        ask()
    client.close()
    assert bureau.wait_until(lambda: bureau.totals("gz-baiyun").counted("plc-a.inducted").total == before + 40, 60)
    found = bureau.read(lambda _: bureau.totals("gz-baiyun").counted("plc-a.inducted"))
    assert found.lo <= before + 40 <= (found.hi or 0)
    bureau.stop()
    assert line.said["ear"] == b""
