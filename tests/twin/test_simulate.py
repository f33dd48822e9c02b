"""`hubpulse simulate`: the copy of the settings leads to the twin, nothing else in it changed, and it ends cleanly."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_port
from site_text import HEAD
from twins import ask_tcp, read_tcp

import config
from agent.twin.commands import usage
from agent.twin.control import SOCKET, Remote
from agent.twin.deeds import COMMANDS
from agent.twin.patch import copy_site
from config.bus_settings import TcpBus
from drivers.modbus import asks

DEMO = Path(config.__file__).parent / "examples" / "demo-hub.toml"
PLC = 'unit = 1\nprofile = "advantech-adam-6051"\n'
INLINE = """\
bureau = { host = "mqtt.example.org", ca_file = "/etc/ca.pem" }  # one line
bus.a.tcp = "10.0.0.1"
bus.b = { tcp = "10.0.0.2:503", timeout_s = 2.0 }
[site]
id = "x"
province = "44"
city = "4401"
level = "hub"
[bus.c]
# 一个串口
serial = '/dev/serial/by-path/x' # here
"""
CHANGES = {
    ("bus", "a", "tcp"): "127.0.0.1:1",
    ("bus", "b", "tcp"): "127.0.0.1:2",
    ("bus", "c", "serial"): "/tmp/tty-c",
    ("bureau", "host"): "127.0.0.1",
    ("bureau", "port"): 1884,
    ("bureau", "tls"): False,
    ("spool", "directory"): "/tmp/spool",
}


def written(folder: Path, text: str) -> Path:
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_changed_in_place_in_every_way_of_writing_toml(tmp_path: Path) -> None:
    copy = copy_site(written(tmp_path, INLINE), tmp_path / "at", CHANGES)
    settings = config.load(copy)
    assert (settings.bureau.host, settings.bureau.port, settings.bureau.tls) == ("127.0.0.1", 1884, None)
    assert settings.spool.directory == Path("/tmp/spool")
    text = copy.read_text(encoding="utf-8")
    for kept in ("# one line", "# 一个串口", " # here", "timeout_s = 2.0", '"/etc/ca.pem"'):
        assert kept in text
    assert [line.count("127.0.0.1:") for line in text.splitlines()[1:3]] == [1, 1]


def test_a_key_taken_out_stays_as_a_comment_and_one_that_is_missing_joins_its_table(tmp_path: Path) -> None:
    source = HEAD + 'username = "u"\npassword_file = "/p"\n[spool]\n\n[bus.a]\ntcp = "10.0.0.1"\n'
    taken = {("bureau", "username"): None, ("bureau", "password_file"): None, ("bureau", "password_credential"): None}
    copy = copy_site(written(tmp_path, source), tmp_path, {**taken, ("spool", "max_mb"): 3})
    settings = config.load(copy)
    assert settings.bureau.username is None
    assert settings.spool.max_bytes == 3 * 2**20
    assert '# username = "u"\n# password_file = "/p"\n' in copy.read_text()


def test_the_parts_in_conf_d_and_the_sites_own_profiles_come_along(tmp_path: Path) -> None:
    main = written(tmp_path, HEAD)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "plc.toml").write_text(
        '[bus.plc]\ntcp = "10.0.0.1"\n[device.d]\nbus = "plc"\nunit = 1\nprofile = "own-counter"\n'
    )
    (tmp_path / "profiles").mkdir()
    profiles = DEMO.parent.parent / "profiles"
    shutil.copy(profiles / "advantech-adam-6051.toml", tmp_path / "profiles" / "own-counter.toml")
    settings = config.load(copy_site(main, tmp_path / "at", {("bus", "plc", "tcp"): "127.0.0.1:77"}))
    assert settings.bus("plc") == TcpBus("plc", "127.0.0.1", 77, 1.0)
    assert len(settings.devices[0].points) == 14
    assert '"10.0.0.1"' in (tmp_path / "conf.d" / "plc.toml").read_text()


def test_the_original_is_never_overwritten(tmp_path: Path) -> None:
    main = tmp_path / "hubpulse.toml"
    main.write_text(HEAD)
    with pytest.raises(FileExistsError):
        copy_site(main, tmp_path, {})
    assert main.read_text() == HEAD


def test_what_cannot_be_taken_out_of_one_line_is_said(tmp_path: Path) -> None:
    source = INLINE.replace('"/etc/ca.pem" }', '"/etc/ca.pem", username = "u" }')
    with pytest.raises(ValueError, match="username cannot be taken out"):
        copy_site(written(tmp_path, source), tmp_path / "at", {("bureau", "username"): None})


def simulate(*words: object) -> list[str]:
    return [sys.executable, "-m", "agent", "simulate", *map(str, words)]


@contextmanager
def simulated(*words: object) -> Iterator[subprocess.Popen[str]]:
    """A running `hubpulse simulate`, ready."""
    process = subprocess.Popen(simulate(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    try:
        said = []
        while not (said and said[-1].startswith("ready: ")):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said.append(line)
        control = said[-1].split(" --control ")[1].strip()
        assert control.endswith("/control.sock"), "whoever has no /run/hubpulse can ask the agent, too"
        assert f"alarms --control {control} " in "".join(process.stdout.readline() for _ in range(4))
        yield process
    finally:
        process.kill()
        process.communicate()


def test_simulate_serves_the_demo_hub_obeys_and_ends_without_a_trace(tmp_path: Path) -> None:
    at = tmp_path / "at"
    with simulated(DEMO, "--at", at, "--frozen", "--broker", "127.0.0.1:1999", "--spool", at / "spool") as process:
        settings = config.load(at / "hubpulse.toml")
        assert (settings.bureau.port, settings.spool.directory) == (1999, at / "spool")
        with Remote(at / SOCKET) as twin:
            shown = twin.ask("state")["devices"]

        for device in settings.devices:
            bus = settings.bus(device.bus)
            if isinstance(bus, TcpBus):
                with socket.create_connection((bus.host, bus.port), timeout=60) as wire:
                    read = read_tcp(wire, device)
                    counters = shown[device.id]["counters"]
                    assert {name: read[name] for name in counters} == counters
        told = subprocess.run(
            simulate("--at", at, "--tell", "unplug", "bus=panel"), capture_output=True, text=True, check=False
        )
        assert (told.returncode, json.loads(told.stdout)) == (0, {"ok": True})
        refused = subprocess.run(simulate("--at", at, "--tell", "unplug"), capture_output=True, text=True, check=False)
        assert (refused.returncode, refused.stderr) == (1, "hubpulse simulate: name a bus or a scanner\n")
        assert not (at / "tty-panel").is_symlink()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr
        assert process.stderr.read() == ""
    assert [path.name for path in at.iterdir()] == ["hubpulse.toml"]


def test_a_loopback_bus_gets_the_port_it_asks_for_or_a_clear_word(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        main = written(tmp_path, f'{HEAD}[bus.a]\ntcp = "127.0.0.1:{port}"\n[device.d]\nbus = "a"\n{PLC}')
        refused = subprocess.run(simulate(main, "--at", tmp_path / "at"), capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, f"hubpulse simulate: cannot listen on 127.0.0.1:{port}\n")
    with simulated(main, "--at", tmp_path / "at"):
        (device,) = config.load(main).devices
        with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
            assert ask_tcp(wire, asks(device, "tcp")[0], 1)


def test_settings_with_faults_are_refused_as_check_does_it(tmp_path: Path) -> None:
    refused = subprocess.run(simulate(written(tmp_path, "[site]\n")), capture_output=True, text=True, check=False)
    assert refused.returncode == 78
    assert "E2206" in refused.stderr


def test_the_copy_never_leads_to_the_real_bureau_or_the_real_spool(tmp_path: Path) -> None:
    source = HEAD.replace('host = "127.0.0.1"\ntls = false', 'host = "mqtt.example.org"\nusername = "u"')
    source += 'ca_file = "/etc/ca.pem"\npassword_credential = "secret"\n[spool]\ndirectory = "/var/lib/real"\n'
    at = tmp_path / "at"
    with simulated(written(tmp_path, source), "--at", at, "--lang", "en"):
        settings = config.load(at / "hubpulse.toml")
    bureau = settings.bureau
    assert (bureau.host, bureau.port, bureau.tls, bureau.username) == ("127.0.0.1", 1883, None, None)
    assert settings.spool.directory == at / "spool"


def test_a_second_twin_in_a_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with simulated(DEMO, "--at", tmp_path, "--frozen"):
        second = subprocess.run(
            simulate(DEMO, "--at", tmp_path, "--lang", "en"), capture_output=True, text=True, check=False
        )
        assert second.returncode == 75
        assert "another twin runs in" in second.stderr
        with Remote(tmp_path / SOCKET) as twin:
            assert twin.ask("state")["ok"]
        assert (tmp_path / "tty-panel").is_symlink()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--tell", "truth"], 1, "no twin runs in"),
        (["/nonexistent.toml"], 66, "/nonexistent.toml: no such file"),
        ([DEMO, "--speed", "0"], 2, "from 0.01 to 1000"),
    ],
)
def test_what_cannot_be_is_said_with_its_own_exit_code(
    tmp_path: Path, words: list[object], status: int, said: str
) -> None:
    refused = subprocess.run(
        simulate("--lang", "en", "--at", tmp_path, *words), capture_output=True, text=True, check=False
    )
    assert refused.returncode == status
    assert said in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--day", "typhoon", "--from", "13:00"], "a typhoon day from 13:00 on, speed 1\n"),
        (["--frozen", "--from", "8:30"], "a normal day at 08:30, frozen\n"),
    ],
)
def test_the_first_that_is_said_names_the_day_and_its_hour(tmp_path: Path, words: list[str], said: str) -> None:
    with subprocess.Popen(
        simulate(DEMO, "--at", tmp_path, "--lang", "en", *words), stdout=subprocess.PIPE, text=True
    ) as twin:
        assert twin.stdout
        try:
            assert twin.stdout.readline().endswith(said)
        finally:
            twin.kill()


def test_help_names_every_command_with_its_words() -> None:
    told = subprocess.run(simulate("--help"), capture_output=True, text=True, check=True).stdout
    for name in COMMANDS:
        assert f"\n  {usage(name)}\n" in told
    assert "wrap counter=sorter.south [before=5]" in told
