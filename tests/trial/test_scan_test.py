"""`hubpulse scan-test` at a simulated scanner: it counts the truth, shows no code, and its TOML reads the scanner."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scan_speech import FRAMINGS, PLC, Scene
from twins import HEAD, Played, playing

import config
from agent.cli.scan_test import EXIT_TAKEN
from agent.clock import boot_seconds
from agent.trial.findings import ENOUGH_LINES, LOOKED_AT_BYTES, Findings
from agent.trial.report import to_paste
from agent.twin.site import Scenario
from config.settings import ScannerDial
from drivers.scan_mask import HIDDEN
from drivers.scanner import Framing, framing
from fastpath.scans import BAD_NAMES

SCANNERS = {
    "tcp": 'tcp = "192.168.10.40:2001"',
    "listen": 'listen = "0.0.0.0:5001"',
    "serial": 'serial = "/dev/serial/by-path/p9"\nbaud = 115200',
}
MARKS = 'preset = "sick"\nseparator = ","\nfields = ["lane", "code", "chute"]\nlanes = 4\nheartbeat = ["HB"]\n'


def settings_of(scanner: str) -> config.settings.Settings:
    report = config.check_text("site.toml", f'{HEAD}{PLC}[scanner.s]\nline = "a"\n{scanner}\n{MARKS}'.encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings


def verb(*words: object) -> list[str]:
    return [sys.executable, "-m", "agent", "scan-test", *(str(word) for word in words)]


def finished(*words: object) -> tuple[int, str, str]:
    done = subprocess.run(verb(*words), capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(params=SCANNERS)
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Played, str, str]]:
    """A scanner that plays a burst, the words for its wire, and its address."""
    with playing(settings_of(SCANNERS[request.param]), tmp_path, Scenario(running=False)) as played:
        yield played, request.param, played.twin.scanners.plays["s"].port.address


def told(process: subprocess.Popen[str], played: Played) -> tuple[str, str]:
    """Let the scanner speak to the verb, and end both."""
    until(lambda: played.say("state")["scanners"]["s"]["heard"], process)
    played.do(lambda: speak(played))
    until(lambda: played.do(lambda: played.twin.scanners.plays["s"].idle), process)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=20)


def speak(played: Played) -> None:
    """Reads and lines that are none, at once: what time makes of them is nobody's matter here."""
    tunnel = played.twin.scanners.plays["s"].tunnel
    tunnel.burst(40)
    tunnel.beat(int(1000 * boot_seconds()))
    for _ in range(12):
        tunnel.spoil()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    give_up_s = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up_s
        time.sleep(0.05)


def test_it_counts_the_truth_and_its_settings_read_the_scanner(wire: tuple[Played, str, str]) -> None:
    played, how, address = wire
    process = subprocess.Popen(
        verb(how, address, "--baud", 115200, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    told_json, errors = told(process, played)
    assert (process.returncode, errors) == (0, "")
    said = json.loads(told_json)
    truth = played.say("truth")["scans"]["a"]
    assert said["reads"] == truth["new"] == 40
    assert said["counts"].get("heartbeat", 0) == truth.get("heartbeat", 0)
    assert {name for name in said["rejects"] if name != "lane"} <= {name for name in truth if name in BAD_NAMES}
    assert said["framing"]["fields"][:2] == ["lane", "code"]
    assert said["preset"] == "sick"
    port = "/dev/serial/by-path/p9" if how == "serial" else address
    pasted = said["toml"].replace('line = ""', 'line = "a"').replace(address, port)
    report = config.check_text("site.toml", (HEAD + PLC + pasted).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    (scanner,) = report.settings.scanners
    speech = framing(scanner)
    assert (speech.terminator, speech.start, speech.separator) == (b"\x03", b"\x02", b",")


@pytest.mark.parametrize(("lang", "word"), [("en", "nearest preset: sick"), ("zh", "最接近的预设:sick")])
def test_in_words_it_shows_each_line_hidden_and_what_to_paste(lang: str, word: str, tmp_path: Path) -> None:
    with playing(settings_of(SCANNERS["tcp"]), tmp_path, Scenario(running=False)) as played:
        address = played.twin.scanners.plays["s"].port.address
        process = subprocess.Popen(
            verb("tcp", address, "--lang", lang),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        said, errors = told(process, played)
    assert (process.returncode, errors) == (0, "")
    assert word in said
    assert f'tcp = "{address}"' in said
    assert "<STX>" in said
    assert HIDDEN * 8 in said
    assert not re.search(r"[0-9]{7}", said)


def test_a_wire_that_another_program_has_is_refused(wire: tuple[Played, str, str]) -> None:
    played, how, address = wire
    first = subprocess.Popen(verb(how, address), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: played.say("state")["scanners"]["s"]["heard"], first)
    status, said, errors = finished(how, address, "--for", "1s", "--lang", "en")
    first.terminate()
    first.communicate()
    assert (status, said) == (EXIT_TAKEN, "")
    assert "in use by another program" in errors
    assert "systemctl stop hubpulse" in errors


def test_a_scanner_of_the_settings_is_read_as_they_say(tmp_path: Path) -> None:
    settings = settings_of(SCANNERS["tcp"])
    with playing(settings, tmp_path, Scenario(running=False)) as played:
        address = played.twin.scanners.plays["s"].port.address
        file = tmp_path / "site.toml"
        file.write_text(f'{HEAD}{PLC}[scanner.s]\nline = "a"\ntcp = "{address}"\n{MARKS}')
        process = subprocess.Popen(
            verb("s", "--settings", file, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        told_json, errors = told(process, played)
        said = json.loads(told_json)
        truth = played.say("truth")["scans"]["a"]
    assert errors == ""
    assert not said["guessed"]
    assert said["counts"] == truth


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("tcp",), 2, "write one of"),
        (("tcp", "here"), 2, "write one of"),
        (("listen", ":70000"), 2, "write one of"),
        (("tunnel-9", "--settings", "/nonexistent.toml"), 2, "write one of"),
        (("serial", "/dev/nonexistent"), 1, "no such port"),
        (("tcp", "127.0.0.1:1"), 1, "refused"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(words: tuple[str, ...], status: int, why: str) -> None:
    said = finished(*words, "--for", "1s", "--lang", "en")
    assert (said[0], said[1]) == (status, "")
    assert why in said[2]
    assert said[2].count("\n") == 1


def test_an_unknown_scanner_is_refused_with_those_there_are(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f'{HEAD}{PLC}[scanner.s]\nline = "a"\ntcp = "10.0.0.1:2001"\n{MARKS}')
    status, _, errors = finished("tunnel", "--settings", file, "--lang", "en")
    assert status == 2
    assert "there are: s" in errors


def test_silence_is_said_with_what_to_look_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        status, said, _ = finished("tcp", f"127.0.0.1:{silent.getsockname()[1]}", "--for", "0.5s", "--lang", "en")
    assert status == 1
    assert "nothing arrived" in said


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_with_the_framing_told_every_line_is_counted_as_the_twin_means_it(framing: Framing) -> None:
    scene, found = Scene(framing, 3), Findings(framing)
    shown = [seen.shown for now_ms, octets in scene.lines(150) for seen in found.hear(octets, now_ms)]
    truth = scene.tunnel.truth
    assert {name: found.counts[name] for name in truth if name not in {"new", "recirculated"}} == {
        name: count for name, count in truth.items() if name not in {"new", "recirculated"}
    }
    assert found.counts["new"] == truth["new"] + truth["recirculated"]
    assert {name: reject.count for name, reject in found.rejects.items()} == {
        name: count for name, count in truth.items() if name in BAD_NAMES
    }
    everything = "\n".join(shown)
    assert not any(code[2:-2] in everything for code in scene.sent)


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_guessing_on_the_way_leaves_no_line_out(framing: Framing) -> None:
    scene, found = Scene(framing, 5), Findings()
    for now_ms, octets in scene.lines(150):
        found.hear(octets, now_ms)
    found.end(gone=True)
    assert found.guess is not None
    assert found.octets > LOOKED_AT_BYTES or found.counts["new"] + found.counts["duplicate"] > 200


def test_a_few_lines_are_judged_at_the_end() -> None:
    found = Findings()
    for _ in range(ENOUGH_LINES - 2):
        assert found.hear(b"SF1234567890123\r\n", 0) == []
    assert [seen.column for seen in found.end(gone=False)] == ["new"] + ["duplicate"] * (ENOUGH_LINES - 3)
    assert found.guess is not None
    assert to_paste(ScannerDial("h", 1), found.guess) == 'tcp = "h:1"\npreset = "plain"'


def test_a_line_that_we_did_not_wait_for_is_no_reject_and_one_that_the_scanner_broke_off_is() -> None:
    for gone, rejects in ((False, {}), (True, {"cut": 1})):
        found = Findings(FRAMINGS["plain"])
        found.hear(b"SF1234567890123\r\nSF99", 0)
        found.end(gone=gone)
        assert {name: reject.count for name, reject in found.rejects.items()} == rejects
