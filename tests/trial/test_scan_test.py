"""`hubpulse scan-test` at a simulated scanner: it counts the truth, shows no code, and its TOML reads the scanner."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from ports import free_port
from scan_speech import FRAMINGS, PLC, Scene
from scanners import a_scanner_that_listens, connect
from site_text import HEAD
from twins import Played, playing
from uplink_rig import eventually

import config
from agent.cli.scan_test import EXIT_TAKEN
from agent.clock import boot_seconds
from agent.trial.findings import ENOUGH_LINES, Findings, Way, framing_of
from agent.trial.report import to_paste
from agent.twin.site import Scenario
from config.scanner_settings import ScannerDial
from drivers.scan_mask import HIDDEN
from drivers.scanner import Framing, framing
from fastpath.scans import BAD_NAMES

PATIENCE_S = 120.0
"""A machine with other work starts a program in its own time."""

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
    done = subprocess.run(verb(*words), capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(params=SCANNERS)
def wire(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Played, str, str]]:
    """A scanner that plays a burst, the words for its wire, and its address."""
    with playing(settings_of(SCANNERS[request.param]), tmp_path, Scenario(running=False)) as played:
        yield played, request.param, played.twin.scanners.plays["s"].port.address


@contextmanager
def trying(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The verb while it runs."""
    speech = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    pipe = subprocess.PIPE
    with subprocess.Popen(verb(*words), stdout=pipe, stderr=pipe, text=True, env=speech) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], played: Played) -> tuple[str, str]:
    """Let the scanner speak to the verb and go; what the verb says then."""
    until(lambda: played.say("state")["scanners"]["s"]["heard"], process)
    played.do(lambda: speak(played))
    until(lambda: played.do(lambda: played.twin.scanners.plays["s"].idle), process)
    played.say("unplug", scanner="s")
    if "listen" in process.args:  # type: ignore[operator]  # where it waits for the scanner to come again
        until(lambda: sockets(process) == 1, process)
        process.terminate()  # SIGINT is ignored in all that a script starts in the background
    return process.communicate(timeout=PATIENCE_S)


def sockets(process: subprocess.Popen[str]) -> int:
    """How many it has open: its port, and the connection while there is one."""
    return sum(fd.is_socket() for fd in Path(f"/proc/{process.pid}/fd").iterdir())


def speak(played: Played) -> None:
    """Reads and lines that are none, at once: what time makes of them is nobody's matter here."""
    tunnel = played.twin.scanners.plays["s"].tunnel
    tunnel.burst(40)
    tunnel.beat(int(1000 * boot_seconds()))
    for _ in range(12):
        tunnel.spoil()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    assert eventually(lambda: process.poll() is not None or condition(), PATIENCE_S)
    assert process.poll() is None, process.communicate()


def test_it_counts_the_truth_and_its_settings_read_the_scanner(wire: tuple[Played, str, str]) -> None:
    played, how, address = wire
    with trying(how, address, "--baud", 115200, "--json") as process:
        told_json, errors = told(process, played)
    assert (process.returncode, errors) == (0, "")
    said = json.loads(told_json)
    truth = played.say("truth")["scans"]["a"]
    assert said["reads"] == truth["new"] == 40
    assert said["counts"].get("heartbeat", 0) == truth.get("heartbeat", 0)
    assert {name for name in said["rejects"] if name != "lane"} <= {name for name in truth if name in BAD_NAMES}
    assert said["framing"]["fields"][:2] == ["lane", "code"]
    assert (said["preset"], said["trust"]) == ("sick", "experimental")
    port = "/dev/serial/by-path/p9" if how == "serial" else address
    pasted = said["toml"].replace('line = ""', 'line = "a"').replace(address, port)
    report = config.check_text("site.toml", (HEAD + PLC + pasted).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    (scanner,) = report.settings.scanners
    speech = framing(scanner)
    assert (speech.terminator, speech.start, speech.separator) == (b"\x03", b"\x02", b",")


@pytest.mark.parametrize(
    ("lang", "word"), [("en", "nearest preset: sick (experimental)"), ("zh", "最接近的预设：sick（试用）")]
)
def test_in_words_it_shows_each_line_hidden_and_what_to_paste(lang: str, word: str, tmp_path: Path) -> None:
    with playing(settings_of(SCANNERS["tcp"]), tmp_path, Scenario(running=False)) as played:
        address = played.twin.scanners.plays["s"].port.address
        with trying("tcp", address, "--lang", lang) as process:
            said, errors = told(process, played)
    assert (process.returncode, errors) == (0, "")
    assert word in said
    assert f'tcp = "{address}"' in said
    assert "<STX>" in said
    assert HIDDEN * 8 in said
    assert not re.search(r"[0-9]{7}", said)


def test_a_wire_that_another_program_has_is_refused(wire: tuple[Played, str, str]) -> None:
    played, how, address = wire
    with trying(how, address) as first:
        until(lambda: played.say("state")["scanners"]["s"]["heard"], first)
        status, said, errors = finished(how, address, "--for", "1s", "--lang", "en")
    assert (status, said) == (EXIT_TAKEN, "")
    assert "in use by another program" in errors
    assert "systemctl stop hubpulse" in errors


def test_a_scanner_of_the_settings_is_read_as_they_say(tmp_path: Path) -> None:
    settings = settings_of(SCANNERS["tcp"])
    with playing(settings, tmp_path, Scenario(running=False)) as played:
        address = played.twin.scanners.plays["s"].port.address
        file = tmp_path / "site.toml"
        file.write_text(f'{HEAD}{PLC}[scanner.s]\nline = "a"\ntcp = "{address}"\n{MARKS}')
        with trying("s", "--settings", file, "--json") as process:
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
        (("tcp", "127.0.0.1:1"), 1, "refuses"),
        (("tcp", "no.such.name.invalid:1"), 1, "opened: name or service not known. Check"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(words: tuple[str, ...], status: int, why: str) -> None:
    said = finished(*words, "--for", "1s", "--lang", "en")
    assert (said[0], said[1]) == (status, "")
    assert why in said[2]
    assert said[2].count("\n") == 1


def test_a_machine_is_told_in_json_what_cannot_be_opened() -> None:
    status, said, errors = finished("tcp", "127.0.0.1:1", "--json", "--lang", "en")
    assert (status, errors) == (1, "")
    assert "refuses" in json.loads(said)["error"]


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
    scene, found = Scene(framing, 3), Findings(Way(framing))
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
    found.cut()
    known = Findings(found.way)
    for now_ms, octets in Scene(framing, 5).lines(150):
        known.hear(octets, now_ms)
    known.cut()
    assert found.counts == known.counts
    assert found.rejects == known.rejects
    assert found.counts["new"] + found.counts["duplicate"] > 200


def test_a_few_lines_are_judged_as_soon_as_no_more_come() -> None:
    found = Findings()
    for _ in range(ENOUGH_LINES - 2):
        assert found.hear(b"SF1234567890123\r\n", 0) == []
    assert [seen.column for seen in found.pause()] == ["new"] + ["duplicate"] * (ENOUGH_LINES - 3)
    assert found.guess is not None
    assert to_paste(ScannerDial("h", 1), found.guess) == 'tcp = "h:1"\npreset = "plain"'


def test_a_line_that_we_did_not_wait_for_is_no_reject_and_one_that_the_scanner_broke_off_is() -> None:
    for gone, rejects in ((False, {}), (True, {"cut": 1})):
        found = Findings(Way(FRAMINGS["plain"]))
        found.hear(b"SF1234567890123\r\nSF99", 0)
        found.cut() if gone else found.pause()
        assert {name: reject.count for name, reject in found.rejects.items()} == rejects


def test_each_single_read_is_shown_at_once_and_what_the_scanner_says_for_the_first_time_is_known() -> None:
    found, now_ms, shown = Findings(), 0, []
    for line in [b"SF%013d\r\n" % number for number in range(1, 12)] + [b"NoRead\r\n"]:
        now_ms += 900
        shown.append([seen.column for seen in (*found.hear(line, now_ms), *found.pause())])
    assert shown == [["new"]] * 11 + [["no_read"]]


def test_a_scanner_that_connects_for_every_read_is_heard_each_time(tmp_path: Path) -> None:
    port = free_port()
    with trying("listen", f"[::1]:{port}", "--json") as process:
        for number in range(3):
            with connect(port, "::1") as scanner:
                scanner.sendall(b"SF%013d\r\n" % number)
                until(lambda: sockets(process) == 2, process)
            until(lambda: sockets(process) == 1, process)
        with connect(port, "::1") as hung:
            hung.sendall(b"SF0000000000003\r\nSF99")
            until(lambda: sockets(process) == 2, process)
            with connect(port, "::1") as anew:
                assert hung.recv(1) == b""
                anew.sendall(b"SF0000000000004\r\n")
                until(lambda: sockets(process) == 2, process)
        until(lambda: sockets(process) == 1, process)
        process.terminate()  # SIGINT is ignored in all that a script starts in the background
        said, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(said)["counts"] == {"new": 5, "cut": 1}
    assert f'listen = "[::1]:{port}"' in json.loads(said)["toml"]


def test_marks_that_do_not_go_with_the_preset_are_a_fault_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f'{HEAD}{PLC}[scanner.s]\nline = "a"\ntcp = "10.0.0.1:2001"\nfields = ["lane", "code"]\n')
    status, said, errors = finished("s", "--settings", file, "--lang", "en")
    assert (status, said) == (78, "")
    assert "hubpulse check" in errors


def test_of_the_codes_it_heard_it_leaves_no_core_image(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    with socket.create_server(("127.0.0.1", 0)) as door:
        process = subprocess.Popen(
            verb("tcp", f"127.0.0.1:{door.getsockname()[1]}"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),  # noqa: PLW1509
        )
        with door.accept()[0] as scanner:
            scanner.sendall(b"SF1234567890123\r\n")
            process.send_signal(signal.SIGABRT)
            _, status = os.waitpid(process.pid, 0)
    process.returncode = status
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)


def test_lanes_and_chutes_beyond_the_usual_are_read_and_pasted_and_what_settings_leave_out_is_refused() -> None:
    octets = b"".join(b"%02d,SF%013d,%d\r\n" % (number % 60, number, 9 * number) for number in range(1, 61))
    found = Findings()
    found.hear(octets, 0)
    assert found.counts == {"new": 60}
    assert found.guess is not None
    assert to_paste(ScannerDial("h", 1), found.guess).splitlines()[-2:] == ["lanes = 99", "chutes = 999"]
    wrong = ["lane" if number % 60 > 40 else "chute" if 9 * number > 200 else "new" for number in range(1, 61)]
    told = Findings(Way(framing_of(found.guess), lane=40, chute=200))
    told.hear(octets, 0)
    assert told.counts == {name: wrong.count(name) for name in set(wrong)}


def test_a_refused_connection_is_a_wrong_port_and_no_matter_of_cables() -> None:
    port = free_port()
    status, _, said = finished("tcp", f"127.0.0.1:{port}", "--lang", "en")
    assert status == 1
    assert "nothing listens on this port" in said and "cable" not in said


def test_lines_of_more_fields_than_can_be_read_are_told_as_that_and_end_nothing() -> None:
    """As of a dimensioning and weighing station that tells all it knows."""
    lines = b"".join(b"1,SF%013d,12,99,120,300,200,100,55,2026\r\n" % number for number in range(20))
    with (
        a_scanner_that_listens() as door,
        trying("tcp", f"127.0.0.1:{door.getsockname()[1]}", "--lang", "en") as process,
        door.accept()[0] as scanner,
    ):
        scanner.sendall(lines)
        scanner.shutdown(socket.SHUT_WR)
        said, complaint = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaint) == (1, "")
    assert "lines of 10 fields arrived, and 8 at most can be read" in said
    assert "SF0000" not in said


def test_a_no_read_written_in_every_kind_of_letters_is_one_text() -> None:
    written = ["".join(letters) for letters in product(*((one, one.lower()) for one in "NOREAD"))]
    found = Findings()
    found.hear("".join(f"SF{n:013d}\r\n{word}\r\n" for n, word in enumerate(written)).encode(), 0)
    found.pause()
    assert found.guess is not None and len(found.guess.no_read) == 1
    assert (found.counts["no_read"], found.reads) == (64, 64)
