"""The twin's wires misbehave as real ones do: units fall silent, answer late, reboot; cables are pulled."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import serial
from twins import Played, playing, read_tcp, site

from agent.bus import Answered, Missed, Outcome
from agent.bus.serial_line import SerialOwner
from agent.twin.site import Scenario
from config.bus_settings import SerialBus
from config.device_settings import Device
from drivers import Batch
from drivers.modbus import asks

LINE = """\
[bus.line]
serial = "/dev/serial/by-path/x"
baud = 115200
timeout_s = 0.1
"""
for _unit in (1, 2):
    LINE += f"""\
[device.unit-{_unit}]
bus = "line"
unit = {_unit}
period_s = 0.1
[device.unit-{_unit}.point.count]
area = "input"
address = 10
type = "u32"
word_order = "CDAB"
kind = "counter"
"""
GATEWAY = """\
[bus.gate]
tcp = "10.0.0.9:1502"
[device.near]
bus = "gate"
unit = 1
profile = "advantech-adam-6051"
[device.far]
bus = "gate"
unit = 2
profile = "advantech-adam-6051"
"""


def ask_line(port: serial.Serial, device: Device, wait_s: float = 30.0) -> int | None:
    """The count of a device on the line, None when nothing answers within `wait_s`."""
    (ask,) = asks(device, "rtu")
    port.timeout = wait_s
    port.write(ask.request(0))
    buffer = bytearray(port.read(ask.reply_length))
    batch = ask.answer(buffer, 0, 0.0) if buffer else None
    assert batch is None or isinstance(batch, Batch)
    return None if batch is None else int(batch.values[0] or 0)


def opened(played: Played) -> serial.Serial:
    return serial.Serial(played.twin.wires["line"].address, 115_200)


def test_two_units_share_a_line_and_a_foreign_unit_stays_silent(tmp_path: Path) -> None:
    settings = site(LINE)
    with playing(settings, tmp_path) as played, opened(played) as port:
        for device in settings.devices:
            assert ask_line(port, device) == played.raw(device.id)["count"]
        assert ask_line(port, replace(settings.devices[0], unit=5), 0.1) is None
        assert ask_line(port, settings.devices[1]) == played.raw("unit-2")["count"]


def test_a_silenced_unit_says_nothing_until_it_may_speak_and_its_neighbour_goes_on(tmp_path: Path) -> None:
    settings = site(LINE)
    one, two = settings.devices
    with playing(settings, tmp_path) as played, opened(played) as port:
        played.say("silence", device="unit-1")
        assert ask_line(port, one, 0.1) is None
        assert ask_line(port, two) is not None
        played.say("speak", device="unit-1")
        assert ask_line(port, one) is not None


def test_a_delayed_reply_leaves_late_with_the_number_of_its_own_request(tmp_path: Path) -> None:
    settings = site(GATEWAY)
    near, far = settings.devices
    with playing(settings, tmp_path) as played, played.dial("gate") as wire:
        played.say("delay", device="near", seconds=2.0)
        (ask,) = asks(near, "tcp")
        began_s = time.monotonic()
        wire.sendall(ask.request(77))
        while not played.say("state")["devices"]["near"]["reads"]:
            pass
        assert read_tcp(wire, far, 5)["di0"] == played.raw("far")["di0"]
        reply = wire.recv(1000)
        assert (reply[:2], reply[6]) == ((77).to_bytes(2, "big"), near.unit)
        assert time.monotonic() - began_s >= 2.0


def test_a_reboot_is_a_silence_after_which_the_counters_begin_at_zero(tmp_path: Path) -> None:
    settings = site(LINE)
    with playing(settings, tmp_path) as played, opened(played) as port:
        rebooting = threading.Thread(target=lambda: played.say("reboot", device="unit-1", seconds=2.0))
        rebooting.start()
        while played.say("state")["devices"]["unit-1"]["answers"]:
            pass
        assert ask_line(port, settings.devices[0], 0.05) is None
        rebooting.join()
        assert ask_line(port, settings.devices[0]) == 0
        assert ask_line(port, settings.devices[1]) != 0


def test_a_pulled_tcp_cable_ends_connections_and_the_same_port_answers_again(tmp_path: Path) -> None:
    settings = site(GATEWAY)
    with playing(settings, tmp_path) as played:
        with played.dial("gate") as wire:
            read_tcp(wire, settings.devices[0])
            played.say("unplug", bus="gate")
            assert wire.recv(10) == b""
        with pytest.raises(ConnectionRefusedError):
            played.dial("gate")
        address = played.twin.wires["gate"].address
        played.say("plug", bus="gate")
        assert played.twin.wires["gate"].address == address
        with played.dial("gate") as wire:
            assert read_tcp(wire, settings.devices[1])["di3"] == played.raw("far")["di3"]


def heard(owner: SerialOwner, wanted: Callable[[Outcome], bool]) -> None:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        if any(wanted(outcome) for outcome in owner.take()):
            return
        time.sleep(0.01)
    raise AssertionError("not heard")


def test_the_agents_line_owner_loses_a_pulled_adapter_and_finds_it_under_the_same_name(tmp_path: Path) -> None:
    settings = site(LINE)
    with playing(settings, tmp_path, Scenario(speed=10.0)) as played:
        link = Path(played.twin.wires["line"].address)
        bus = SerialBus("line", str(link), 115_200, "none", 1, 0.5)
        owner = SerialOwner(bus, [(device, asks(device, "rtu")) for device in settings.devices])
        owner.start()
        try:
            heard(owner, lambda outcome: isinstance(outcome, Answered))
            played.say("unplug", bus="line")
            assert not link.is_symlink()
            heard(owner, lambda outcome: isinstance(outcome, Missed) and outcome.reason == "link_down")
            played.say("plug", bus="line")
            heard(owner, lambda outcome: isinstance(outcome, Answered) and outcome.device == "unit-2")
            played.say("freeze")
            owner.take()
            shown = played.raw("unit-1")["count"]
            heard(owner, lambda outcome: isinstance(outcome, Answered) and outcome.batch.values == (shown,))
        finally:
            owner.stop()


def test_every_wire_and_name_is_gone_when_the_twin_is_closed(tmp_path: Path) -> None:
    with playing(site(LINE + GATEWAY), tmp_path) as played:
        assert (tmp_path / "tty-line").is_symlink()
        host, port = played.twin.wires["gate"].address.split(":")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=60)
