"""The processes of one simulated site, and what they leave behind: twin, agent, consumer, and the wires between."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from broker import Broker
from hardship import WallClock, forget, starved
from soak_centre import Centre
from tcp_proxy import FaultProxy
from units import agent_environment
from vitals import Vitals

import config
from agent.twin.control import SOCKET, Remote
from agent.uplink.spool import Spool

SITE = Path(config.__file__).parent / "examples" / "demo-hub.toml"
SITE_ID = "gz-baiyun"
COMMIT_S = 4.0
"""What was scanned so shortly before a kill may be lost: a second that has not ended, a report, the bureau's hurry."""


class Site:
    """The processes of one simulated site."""

    def __init__(self, folder: Path, broker: Broker, stack: ExitStack, seed: int) -> None:
        self.folder = folder
        self.broker = broker
        self.proxy = stack.enter_context(FaultProxy(broker.port))
        self.vitals, self.centre_vitals = Vitals(), Vitals()
        self.wall = WallClock(folder)
        self._log = stack.enter_context((folder / "agent.log").open("ab"))
        words = ["simulate", SITE, "--at", folder, "--frozen", "--seed", seed, "--lang", "en"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{self.proxy.port}"], "ready"))
        settings = folder / "hubpulse.toml"
        settings.write_text(settings.read_text().replace("[bureau]", "[bureau]\nreceipts = true"))
        self.twin = stack.enter_context(Remote(folder / SOCKET))
        self.agent = self._start()
        self.said: list[tuple[float, dict[str, int]]] = []
        self.at_stake: Counter[str] = Counter()
        stack.callback(self.stop)
        self.centre = Centre(folder, broker.port)
        stack.callback(self.centre.stop)

    def _start(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "agent", "run", "--verbose", str(self.folder / "hubpulse.toml")]
        return subprocess.Popen(words, stderr=self._log, env={**self.wall.environment(), **agent_environment()})

    def kill(self) -> None:
        """As a power cut is to a process; it starts again at once, as systemd would."""
        self.agent.kill()
        self.agent.wait()
        forget(self.agent.pid)
        self.look()
        now_s, now = self.said[-1]
        before = next(said for at_s, said in reversed(self.said) if now_s - at_s >= COMMIT_S or at_s == self.said[0][0])
        self.at_stake.update({line: now[line] - before[line] for line in now})
        self.agent = self._start()

    def pause(self, seconds: float) -> None:
        """As a machine that is suspended, or a virtual one that is moved."""
        self.agent.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.agent.send_signal(signal.SIGCONT)

    def starve(self, seconds: float) -> None:
        """A tenth of a processor."""
        with starved(self.agent, 0.1):
            self.wait(time.monotonic() + seconds)

    def look(self) -> None:
        """Note how much each line's scanners have said by now."""
        scans = self.twin.ask("truth")["scans"]
        self.said.append((time.monotonic(), {line: sum(columns.values()) for line, columns in scans.items()}))

    def wait(self, until_s: float) -> None:
        """Let time pass."""
        while (left_s := until_s - time.monotonic()) > 0:
            self.look()
            self.vitals.look(self.agent.pid)
            self.centre_vitals.look(self.centre.pid)
            self.centre.keep_alive()
            time.sleep(min(left_s, 0.5))

    def stop(self) -> None:
        """As `systemctl stop`."""
        if self.agent.poll() is None:
            self.agent.send_signal(signal.SIGTERM)
        self.agent.wait(timeout=60)


@contextmanager
def process(words: list[object], ready: str) -> Iterator[subprocess.Popen[str]]:
    """A verb of hubpulse as a process, from its line beginning with `ready` on."""
    command = [sys.executable, "-m", "agent", *(str(word) for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        try:
            if not any(line.startswith(ready) for line in running.stdout):
                raise RuntimeError(f"{words[0]} did not become ready")
            yield running
        finally:
            running.terminate()


def counters_of(twin: Remote) -> dict[str, int]:
    """Every counter of every line and of the docks, as its device counted since the twin began."""
    told = twin.ask("truth")
    groups = [*told["truth"].values(), told["docks"]]
    return {name: count for roles in groups for counts in roles.values() for name, count in counts.items()}


def records(folder: Path) -> list[bytes]:
    """Every message that the spool still has."""
    spool = Spool.open(folder / "spool", 16 << 20)
    try:
        return [record for _, record in spool.read(0, 1 << 20, 1 << 30)]
    finally:
        spool.close()


def books(directory: Path) -> dict[str, int]:
    """The spool's books after the agent has ended."""
    spool = Spool.open(directory, 16 << 20)
    try:
        found = spool.books()
        return {**asdict(found), "residual": found.residual}
    finally:
        spool.close()
