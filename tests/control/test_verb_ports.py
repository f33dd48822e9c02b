"""`hubpulse ports` on a made-up machine, and on this one."""

from __future__ import annotations

import grp
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import powerless
import pytest
from doors import agent_with, site
from ptys import Adapter

from agent.__main__ import main
from agent.bus.serial_line import SerialOwner
from agent.commission import access
from agent.commission.holders import holders
from config.bus_settings import SerialBus


class Machine:
    """A /sys, /dev and /proc as udev and the kernel lay them out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("sys/class/tty", "dev/serial/by-path", "dev/serial/by-id", "proc"):
            (folder / name).mkdir(parents=True)

    def plug(self, name: str, driver: str, usb_port: str = "", **said: str) -> None:
        """A port; `said` are files of its USB device."""
        usb = self.folder / "sys/devices/usb1" / usb_port
        hardware = usb / f"{usb_port}:1.0/{name}" if usb_port else self.folder / "sys/devices" / name
        hardware.mkdir(parents=True)
        for file, text in said.items():
            (usb / file).write_text(text + "\n")
        (self.folder / "sys/drivers" / driver).mkdir(parents=True, exist_ok=True)
        (hardware / "driver").symlink_to(self.folder / "sys/drivers" / driver)
        entry = self.folder / "sys/class/tty" / name
        entry.mkdir()
        (entry / "device").symlink_to(hardware)
        (self.folder / "dev" / name).touch()
        if usb_port:
            (self.folder / "dev/serial/by-path" / f"pci-usb-{usb_port}-port0").symlink_to(f"../../{name}")
            label = "_".join(said[key] for key in ("manufacturer", "product", "serial") if key in said)
            by_id = self.folder / "dev/serial/by-id" / f"usb-{label}-if00".replace(" ", "_")
            if not by_id.is_symlink():
                by_id.symlink_to(f"../../{name}")

    def process(self, pid: int, comm: str, cmdline: str = "", holds: str = "") -> None:
        (self.folder / f"proc/{pid}/fd").mkdir(parents=True)
        (self.folder / f"proc/{pid}/comm").write_text(comm + "\n")
        (self.folder / f"proc/{pid}/cmdline").write_text(cmdline.replace(" ", "\0"))
        if holds:
            (self.folder / f"proc/{pid}/fd/7").symlink_to(holds)

    def words(self, *more: str) -> list[str]:
        roots = [f"--{name}={self.folder / name}" for name in ("sys", "dev", "proc")]
        return ["ports", *roots, "--control", str(self.folder / "none.sock"), "--lang", "en", *more]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def told(machine: Machine, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert main(machine.words("--json")) == 0
    return {Path(port["device"]).name: port for port in json.loads(capsys.readouterr().out)}


FTDI = {"idVendor": "0403", "idProduct": "6001", "manufacturer": "FTDI", "product": "FT232R USB UART", "serial": "AB0C"}
CH340 = {"idVendor": "1a86", "idProduct": "7523", "product": "USB Serial"}


def test_a_port_is_told_with_its_stable_names_and_what_the_adapter_says(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.plug("ttyUSB0", "ftdi_sio", "1-1", **FTDI)
    port = told(machine, capsys)["ttyUSB0"]
    assert port["use"].endswith("/dev/serial/by-path/pci-usb-1-1-port0")
    assert port["by_id"][0].endswith("usb-FTDI_FT232R_USB_UART_AB0C-if00")
    assert (port["usb"], port["maker"], port["serial"], port["driver"]) == ("0403:6001", "FTDI", "AB0C", "ftdi_sio")
    assert port["traps"] == []
    assert main(machine.words()) == 0
    said = capsys.readouterr().out
    assert "FTDI FT232R USB UART, serial AB0C  free" in said


def test_adapters_without_serial_number_are_told_to_be_named_by_path(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.plug("ttyUSB0", "ch341-uart", "1-1", **CH340)
    assert told(machine, capsys)["ttyUSB0"]["traps"] == ["no_serial"]
    machine.plug("ttyUSB1", "ch341-uart", "1-2", **CH340)
    both = told(machine, capsys)
    assert both["ttyUSB0"]["traps"] == both["ttyUSB1"]["traps"] == ["twin"]
    assert both["ttyUSB0"]["use"] != both["ttyUSB1"]["use"]


def test_the_pi_mini_uart_with_a_console_and_a_login_is_told_with_the_cure(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.plug("ttyS0", "bcm2835-aux-uart")
    (machine.folder / "sys/class/tty/console").mkdir()
    (machine.folder / "sys/class/tty/console/active").write_text("tty1 ttyS0\n")
    machine.process(611, "agetty", holds=str(machine.folder / "dev/ttyS0"))
    port = told(machine, capsys)["ttyS0"]
    assert port["traps"] == ["mini_uart", "console", "getty"]
    assert port["holders"] == [{"pid": 611, "name": "agetty", "hubpulse": False}]
    assert main(machine.words()) == 0
    said = capsys.readouterr().out
    assert "no parity" in said
    assert "console=ttyS0" in said
    assert "held by agetty (pid 611)" in said


def test_modem_manager_is_warned_of_where_there_are_usb_ports(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.plug("ttyUSB0", "ftdi_sio", "1-1", **FTDI)
    machine.process(300, "ModemManager")
    assert told(machine, capsys)["ttyUSB0"]["traps"] == ["modem_manager"]


def test_numbers_without_hardware_are_no_ports(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.plug("ttyS4", "serial8250")
    (machine.folder / "sys/class/tty/ttyS4/type").write_text("0\n")
    (machine.folder / "sys/class/tty/tty0").mkdir()
    assert main(machine.words()) == 1
    assert "no serial port here" in capsys.readouterr().out


def test_who_holds_a_port_is_named_also_through_another_name(tmp_path: Path) -> None:
    adapter = Adapter(tmp_path / "usb")
    try:
        # A program is the agent by its own name and not by that of a folder.
        script = "'/hubpulse/x'; import os, sys; "
        script += "fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print(1, flush=True); input()"
        port = os.path.realpath(adapter.link)
        with subprocess.Popen([sys.executable, "-c", script, port], stdin=-1, stdout=-1, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "1\n"
            (holder,) = holders(adapter.link)
            assert (holder.pid, holder.ours) == (other.pid, False)
            other.communicate("\n")
        assert holders(adapter.link) == ()
    finally:
        adapter.close()


def test_a_port_that_the_agent_holds_is_told_with_its_bus(
    machine: Machine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    machine.plug("ttyUSB0", "ftdi_sio", "1-1", **FTDI)
    bus = SerialBus("sorter", str(machine.folder / "dev/ttyUSB0"), 9600, "none", 1, 0.05)
    with agent_with(tmp_path, SerialOwner(bus, []), site(bus)) as path:
        assert main([*machine.words(), "--control", str(path)]) == 0
    assert "held by hubpulse itself, bus sorter" in capsys.readouterr().out


def test_pulled_and_plugged_adapters_are_told_as_they_come_and_go(machine: Machine) -> None:
    machine.plug("ttyUSB0", "ftdi_sio", "1-1", **FTDI)
    command = [sys.executable, "-m", "agent", *machine.words("--watch", "--for", "60s")]
    with subprocess.Popen(command, stdout=-1, text=True) as watch:
        assert watch.stdout is not None
        assert any("plug one in" in line for line in watch.stdout)
        (machine.folder / "dev/ttyUSB0").unlink()
        assert "- pulled" in watch.stdout.readline()
        machine.plug("ttyUSB1", "ch341-uart", "1-2", **CH340)
        told = watch.stdout.readline()
        assert "+ plugged in" in told and "pci-usb-1-2" in told
        watch.send_signal(signal.SIGINT)
    assert watch.returncode == 0


def test_it_runs_on_this_machine_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    for lang in ("en", "zh"):
        assert main(["ports", "--lang", lang]) in (0, 1)
        assert capsys.readouterr().out
    assert main(["ports", "--json"]) in (0, 1)
    assert isinstance(json.loads(capsys.readouterr().out), list)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a port that is root's alone")
def test_a_port_without_permission_is_told_with_the_command_and_never_with_the_group_root(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.plug("ttyUSB0", "ftdi_sio", "1-1.2", idVendor="0403", idProduct="6001")
    port = tmp_path / "dev/ttyUSB0"
    dialout = grp.getgrnam("dialout").gr_gid
    for group, mode, advice in ((0, 0o060, "use sudo"), (dialout, 0, "use sudo"), (dialout, 0o060, "-aG dialout root")):
        os.chown(port, 0, group)
        port.chmod(mode)
        said = powerless.hubpulse(*machine.words()).stdout
        assert advice in said
        assert "-aG root" not in said


def test_whoever_joined_the_group_after_this_login_is_told_to_log_in_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.plug("ttyUSB0", "ftdi_sio", "1-1", **FTDI)
    port = machine.folder / "dev/ttyUSB0"
    port.chmod(0o660)
    monkeypatch.setattr("agent.commission.access.group_of", lambda _: "dialout")
    monkeypatch.setattr("agent.commission.access.user", lambda: "technician")
    monkeypatch.setattr(os, "access", lambda *_: False)
    for joined, trap, code in ((("dialout",), "log_in_again", "E2627"), ((), "no_permission", "E2604")):
        monkeypatch.setattr("agent.commission.access._joined", lambda _, joined=joined: joined)
        assert told(machine, capsys)["ttyUSB0"]["traps"] == [trap]
        assert access.complaint(str(port)).code == code
    port.chmod(0o600)
    assert access.complaint(str(port)).code == "E2628"


def test_the_groups_of_a_user_are_those_of_the_system() -> None:
    assert access._joined("root") == {one.gr_name for one in grp.getgrall() if one.gr_gid in os.getgrouplist("root", 0)}
    assert access._joined("nobody-of-that-name") == ()
