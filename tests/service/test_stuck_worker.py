"""A worker that hangs in the running agent: systemd is no longer fed, the log names it, the next life goes on."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from broker import Broker
from fault_matrix import Figure
from soak_site import SITE, SITE_ID, books, process
from stuck_threads import stopped, workers
from uplink_rig import eventually

from agent.beat import STUCK_S
from agent.bureau.subscriber import Subscriber
from agent.clock import boot_seconds

QUICK_S = 8.0
"""How soon a worker is stuck in the suite; the uplink may sleep for five seconds."""
WITHIN_S = 60.0
IMPATIENT = "import sys; from agent import beat; beat.STUCK_S = float(sys.argv.pop(1)); import runpy; \
runpy.run_module('agent', run_name='__main__', alter_sys=True)"


class Watched:
    """The agent as systemd watches it: what it says to its notify socket, and its log."""

    def __init__(self, folder: Path, stuck_s: float) -> None:
        self.log = folder / "agent.log"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        (folder / "notify").unlink(missing_ok=True)
        self.manager.setblocking(False)
        self.manager.bind(str(folder / "notify"))
        environment = {"NOTIFY_SOCKET": str(folder / "notify"), "PATH": "/usr/bin", "LANG": "C.UTF-8"}
        command = [sys.executable, "-c", IMPATIENT, str(stuck_s), "run", str(folder / "hubpulse.toml")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log)

    def is_fed(self, within_s: float) -> bool:
        """Whether the watchdog is fed within that time from now."""
        until_s = boot_seconds() + within_s
        while self._heard():
            pass
        while (left_s := until_s - boot_seconds()) > 0:
            if select.select([self.manager], [], [], left_s)[0] and self._heard() == b"WATCHDOG=1":
                return True
        return False

    def _heard(self) -> bytes:
        """The next thing that systemd is told; nothing where there is none yet."""
        with suppress(BlockingIOError):
            return self.manager.recv(500)
        return b""

    def stuck(self) -> str:
        """The threads that the log names as stuck, if it does."""
        return next((line for line in self.log.read_text().splitlines() if "stuck threads=" in line), "")


@contextmanager
def watched(folder: Path, stuck_s: float) -> Iterator[Watched]:
    agent = Watched(folder, stuck_s)
    try:
        yield agent
    finally:
        agent.process.kill()
        agent.process.wait()
        agent.manager.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Subscriber]:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(tmp_path / "broker"))
        words = ["simulate", SITE, "--at", tmp_path, "--spool", tmp_path / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{broker.port}"], "ready"))
        yield stack.enter_context(Subscriber("127.0.0.1", broker.port))


@pytest.mark.fault("P4")
def test_a_worker_that_hangs_is_named_no_longer_vouched_for_and_the_next_life_goes_on(
    tmp_path: Path, site: Subscriber, thorough: bool, figure: Figure
) -> None:
    """A bus in the suite; the uplink too, and as patiently as in the product, under `./dev faults`."""
    for name, worker in {"bus": 1, "uplink": 0}.items() if thorough else [("bus", 1)]:
        try:
            named_s, back_s = hang(tmp_path, site, worker, STUCK_S if thorough else QUICK_S)
        except PermissionError as refusal:
            pytest.skip(f"ptrace is forbidden: {refusal}")
        figure(**{f"{name}_named_after_s": named_s, f"{name}_back_after_s": back_s})
    assert books(tmp_path / "spool")["residual"] == 0


def hang(folder: Path, site: Subscriber, worker: int, stuck_s: float) -> tuple[float, float]:
    """Let a thread hang in a fresh agent: after what time it is named, and the next agent is heard."""
    with watched(folder, stuck_s) as agent:
        assert agent.is_fed(WITHIN_S)
        with stopped(workers(agent.process.pid)[worker]):
            began_s = boot_seconds()
            assert eventually(lambda: bool(agent.stuck()), stuck_s + WITHIN_S)
            named_s = boot_seconds() - began_s
            assert not agent.is_fed(3.0)
            agent.process.kill()  # as WatchdogSec= has systemd do
        assert agent.stuck().count(",") == 0, "one hangs, one is named"
        agent.log.unlink()
    before, began_s = site.totals(SITE_ID).messages, boot_seconds()
    with watched(folder, STUCK_S):
        assert site.wait_until(lambda: site.totals(SITE_ID).messages > before, WITHIN_S)
        return named_s, boot_seconds() - began_s
