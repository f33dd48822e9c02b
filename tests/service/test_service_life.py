"""The service from start to stop, as systemd sees it: a real process, a simulated site, a real broker."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from broker import Broker
from fault_matrix import Figure
from patient import PATIENT_AGENT
from soak_site import SITE, SITE_ID, books, process

from agent import clock, footprint
from agent.beat import REST_S, STOP_SIGNALS, STUCK_S, Beat
from agent.bureau.subscriber import Subscriber
from agent.clock import boot_seconds
from agent.intake import Intake
from agent.load.instant import Instant
from agent.systemd import Notify

WITHIN_S = 60.0


class Agent(subprocess.Popen[str]):
    """A running agent; one that a test fails upon is not waited for."""

    def __exit__(self, kind: type[BaseException] | None, *more: object) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *more)  # type: ignore[arg-type]


@dataclass
class Life:
    """A simulated site whose agent is started by hand, heard as systemd hears it."""

    folder: Path
    broker: Broker
    manager: socket.socket

    def start(self, *words: str, agent: Sequence[str] = (sys.executable, "-m", "agent")) -> Agent:
        command = [*agent, "run", *(words or (str(self.folder / "hubpulse.toml"),))]
        environment = {"NOTIFY_SOCKET": str(self.folder / "notify"), "PATH": "/usr/bin", "LANG": "C.UTF-8"}
        return Agent(command, env=environment, stderr=subprocess.PIPE, text=True)

    def hear(self, word: bytes) -> bytes:
        """The first thing systemd is told that begins with `word`."""
        until_s = boot_seconds() + WITHIN_S
        heard = []
        while boot_seconds() < until_s:
            heard.append(self.manager.recv(500))
            if heard[-1].startswith(word):
                return heard[-1]
        raise TimeoutError(f"{word!r} is not among {heard}")


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        words = ["simulate", SITE, "--at", tmp_path, "--spool", tmp_path / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{broker.port}"], "ready"))
        manager = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(WITHIN_S)
        yield Life(tmp_path, broker, manager)


@pytest.mark.fault("P1")
def test_systemd_hears_ready_then_watchdogs_and_a_status_and_stopping_and_everything_is_delivered(
    life: Life, figure: Figure
) -> None:
    with Subscriber("127.0.0.1", life.broker.port) as bureau, life.start(agent=PATIENT_AGENT) as agent:
        life.hear(b"READY=1")
        life.hear(b"WATCHDOG=1")
        life.hear(b"STATUS=9 of 9 devices answer, bureau connected (5)")
        assert bureau.wait_until(lambda: len(bureau.totals(SITE_ID).counters) == 17, WITHIN_S)
        states = bureau.read(lambda view: view.site(SITE_ID).latest)
        assert bureau.wait_until(lambda: states.get("line/north/state", {}).get("q") == "estimated", WITHIN_S)
        began_s = boot_seconds()
        agent.send_signal(signal.SIGTERM)
        life.hear(b"STOPPING=1")
        assert agent.wait(timeout=WITHIN_S) == 0
        figure(ended_s=boot_seconds() - began_s)
        assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE_ID).online) is False, WITHIN_S)
        goodbye = bureau.read(lambda view: view.site(SITE_ID).latest["status"]["reason"])
        assert goodbye == "shutdown"
        _, log = agent.communicate()
        assert "stop signal=SIGTERM" in log
    kept = books(life.folder / "spool")
    assert (kept["held"], kept["residual"]) == (0, 0)


@pytest.mark.fault("P1")
def test_without_a_broker_it_counts_and_keeps_and_still_ends_in_time(life: Life, figure: Figure) -> None:
    life.broker.stop()
    with life.start() as agent:
        life.hear(b"READY=1")
        assert b"bureau away" in life.hear(b"STATUS=9 of 9")
        began_s = boot_seconds()
        agent.send_signal(signal.SIGINT)
        assert agent.wait(timeout=WITHIN_S) == 0
        figure(ended_s=boot_seconds() - began_s)
    kept = books(life.folder / "spool")
    assert kept["held"] == kept["written"] > 3


def test_a_spool_that_could_not_be_opened_at_the_start_is_told_with_what_to_do(life: Life) -> None:
    (life.folder / "plain").write_text("no folder")
    settings = life.folder / "hubpulse.toml"
    spool = f'directory = "{life.folder}/spool"'
    assert spool in settings.read_text()
    settings.write_text(settings.read_text().replace(spool, f'directory = "{life.folder}/plain/spool"'))
    with life.start() as agent:
        assert life.hear(b"STATUS=").endswith(b", in memory only: the spool cannot be written")
        agent.terminate()
        _, said = agent.communicate(timeout=WITHIN_S)
    (told,) = [line for line in said.splitlines() if "spool_condition" in line]
    assert f"place=ram dir={life.folder}/plain/spool" in told
    assert 'do="no folder can be made there: correct [spool] directory' in told


@pytest.mark.fault("P7")
def test_a_second_agent_on_the_same_spool_is_refused_and_harms_nobody(life: Life, figure: Figure) -> None:
    with life.start() as first:
        life.hear(b"READY=1")
        began_s = boot_seconds()
        with life.start() as second:
            assert second.wait(timeout=WITHIN_S) == 75
            figure(exit_code=75, refused_after_s=boot_seconds() - began_s)
            assert second.stderr
            assert "another agent already runs here" in second.stderr.read()
        life.hear(b"WATCHDOG=1")
        assert first.poll() is None
        first.terminate()
        assert first.wait(timeout=WITHIN_S) == 0


def test_faults_in_the_settings_and_a_missing_file_have_exit_codes_of_their_own(life: Life) -> None:
    broken = life.folder / "broken.toml"
    broken.write_text('[site]\nid = "GZ"\n')
    with life.start(str(broken)) as agent:
        _, said = agent.communicate(timeout=WITHIN_S)
        assert agent.returncode == 78
        assert f"{broken}:2:6" in said
    with life.start(str(life.folder / "nowhere.toml")) as agent:
        _, said = agent.communicate(timeout=WITHIN_S)
        assert agent.returncode == 66
        assert "hubpulse init" in said


@pytest.mark.fault("M10")
def test_a_password_that_every_user_can_read_stops_the_start_and_is_not_repeated(life: Life) -> None:
    secret = life.folder / "password"
    secret.write_text("chunyun-7731")
    secret.chmod(0o644)
    settings = life.folder / "hubpulse.toml"
    login = f'[bureau]\nusername = "gz"\npassword_file = "{secret}"'
    settings.write_text(settings.read_text().replace("[bureau]", login))
    with life.start() as agent:
        _, said = agent.communicate(timeout=WITHIN_S)
        assert agent.returncode == 78
        assert f"chmod 0640 {secret}" in said
        assert "7731" not in said


class Quiet:
    """A thread that went round its loop last at `progress_s`."""

    name = "sorter"

    def __init__(self, progress_s: float) -> None:
        self.progress_s = progress_s


class Nothing:
    def advance(self, now: Instant) -> None: ...

    def late(self, by_s: float) -> None: ...


class Ended(Nothing):
    """Ends the run with its twelfth beat: the first ten are quicker."""

    def __init__(self) -> None:
        self.at_s: list[float] = []

    def advance(self, now: Instant) -> None:
        self.at_s.append(clock.boot_seconds())
        if len(self.at_s) == 12:
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # others do not block it


def test_what_a_beat_took_is_given_back_when_its_messages_had_time_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back_s: list[float] = []
    monkeypatch.setattr(footprint, "trim", lambda: given_back_s.append(clock.boot_seconds()))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        told = Ended()
        stop = Beat([], [], Intake([], {}, pytest.fail, 0.0), told, Notify(None)).run()  # type: ignore[arg-type]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert stop == signal.SIGTERM
    *_, last_beat_s, _ = told.at_s
    assert len(given_back_s) == 11
    assert given_back_s[-1] - last_beat_s >= REST_S


@pytest.mark.fault("P4")
def test_the_watchdog_is_fed_only_while_every_thread_makes_progress_and_the_stuck_one_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        thread = Quiet(100.0)
        beat = Beat([], [thread], Intake([], {}, pytest.fail, 0.0), Nothing(), Notify(str(tmp_path / "notify")))  # type: ignore[arg-type]
        beat.tick(Instant("boot", 100.0 + STUCK_S, 0.0, "none"))
        assert manager.recv(100) == b"WATCHDOG=1"
        beat.tick(Instant("boot", 100.5 + STUCK_S, 0.0, "none"))
        with pytest.raises(BlockingIOError):
            manager.recv(100)
        thread.progress_s = 101.0
        beat.tick(Instant("boot", 101.5 + STUCK_S - 1.0, 0.0, "none"))
        assert manager.recv(100) == b"WATCHDOG=1"
    assert "stuck threads=sorter" in caplog.text
