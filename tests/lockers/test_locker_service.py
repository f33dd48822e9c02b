"""People at simulated lockers, one asked, one listened to: kill -9 and pulled cables lose and invent nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from broker import Broker
from lock_boards import SITE
from soak_site import process

import config
from agent.bureau.subscriber import Subscriber
from agent.twin.control import SOCKET, Remote
from agent.twin.show import bureau_lockers

WITHIN_S = 60.0
EAST = """
[bus.east]
serial = "/dev/serial/by-path/port1"
role = "listen"

[locker.east]
item_steady_s = 0.5

[locker.east.board.1]
bus = "east"
language = "qianming_5a"
address = 1
compartments = "1-12"
period_s = 0.3
silent_s = 2
"""


class Outlet:
    """A simulated outlet, its agent, and the bureau."""

    def __init__(self, folder: Path, twin: Remote, bureau: Subscriber) -> None:
        self.settings = config.load(folder / "hubpulse.toml")
        self._folder, self.twin, self.bureau = folder, twin, bureau

    def agent(self) -> subprocess.Popen[bytes]:
        words = ["run", str(self._folder / "hubpulse.toml"), "--control", str(self._folder / "control.sock")]
        return subprocess.Popen([sys.executable, "-m", "agent", *words], stderr=subprocess.DEVNULL)

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(int(WITHIN_S / 0.1)):
            if true():
                return
            self.bureau.wait_until(lambda: False, 0.1)
        raise AssertionError(f"truth {self.truth()}, bureau {self.heard()}")

    def truth(self) -> Mapping[str, Mapping[str, int]]:
        told: Mapping[str, Mapping[str, int]] = self.twin.ask("truth")["lockers"]
        return told

    def heard(self) -> Mapping[str, Mapping[str, int]]:
        return self.bureau.read(lambda view: bureau_lockers(self.settings.lockers, view.site("gz-test")))

    def happened(self) -> int:
        return sum(locker.get("door.opened", 0) for locker in self.truth().values())


@contextmanager
def outlet(folder: Path) -> Iterator[Outlet]:
    site = folder / "site.toml"
    quick = SITE.replace("[locker.west]\n", "[locker.west]\nitem_steady_s = 0.5\n")
    site.write_text(quick.replace("address = 1\n", "address = 1\nperiod_s = 0.3\nsilent_s = 2\n") + EAST)
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(folder / "broker"))
        words = ["simulate", site, "--at", folder, "--broker", f"127.0.0.1:{broker.port}", "--speed", "3"]
        stack.enter_context(process(words, "ready"))
        twin = stack.enter_context(Remote(folder / SOCKET))
        yield Outlet(folder, twin, stack.enter_context(Subscriber("127.0.0.1", broker.port)))


def test_what_people_did_is_what_the_bureau_has_after_kill_9_and_a_pulled_cable(tmp_path: Path) -> None:
    with outlet(tmp_path) as site:
        agent = site.agent()
        try:
            site.until(lambda: site.happened() >= 4)
            agent.send_signal(signal.SIGKILL)
            agent.wait()
            agent = site.agent()
            before = site.happened()
            site.twin.ask("unplug", bus="west")
            site.until(lambda: site.happened() >= before + 2)
            site.twin.ask("plug", bus="west")
            site.until(lambda: site.happened() >= before + 6)
            site.twin.ask("freeze")
            site.until(lambda: site.truth() == site.heard())
            assert all(locker["door.opened"] > 0 for locker in site.truth().values())
            assert sum(locker.get("parcel.delivered", 0) for locker in site.truth().values()) > 0
        finally:
            agent.terminate()
            agent.wait()
