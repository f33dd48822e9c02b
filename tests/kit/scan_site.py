"""A site with one scanner and its agent as a process: what was sent is known, what arrived is the bureau's."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from broker import Broker
from patient import PATIENT_AGENT
from scanners import lines
from site_text import head
from slaves import TcpUnits, mbap

from agent.baselines import Baselines
from agent.bureau.subscriber import Subscriber
from agent.uplink.spool import Spool

SITE_ID = "gz-scan"
STREAM = "north.scan.new"
_SITE = (
    head(SITE_ID)
    + """\
port = {broker}
report_s = {report_s}
[spool]
directory = "{folder}/spool"
max_mb = 16
[bus.eyes]
tcp = "127.0.0.1:{eyes}"
[device.eye]
bus = "eyes"
unit = 1
period_s = 0.2
point.di0 = {{ area = "input", address = 16, type = "u16", kind = "counter", max_rate_per_s = 500 }}
point.di1 = {{ area = "input", address = 17, type = "u16", kind = "counter", max_rate_per_s = 500 }}
[line.north]
induct = ["eye.di0"]
capacity_pph = 20000
buffer_parcels = 5000
[scanner.tunnel]
line = "north"
tcp = "127.0.0.1:{scanner}"
{extra}
"""
)


class ScanSite:
    """`sent` codes were said by the scanner to an agent that was there, each only once. `seen` is what the photo-eye
    before it counts, di1; di0 counts nothing."""

    def __init__(  # noqa: PLR0917 - these are its parts
        self,
        folder: Path,
        broker: Broker,
        door: socket.socket,
        bureau: Subscriber,
        eyes: TcpUnits,
        extra: str,
        report_s: int,
    ) -> None:
        self.seen = 1000
        eyes.behave[1] = lambda request, _: [(0.0, self._look(request))]
        self.folder = folder
        self.bureau = bureau
        self.sent = 0
        self._door = door
        self._log = folder / "agent.log"
        port = door.getsockname()[1]
        text = _SITE.format(
            folder=folder, broker=broker.port, eyes=eyes.port, scanner=port, extra=extra, report_s=report_s
        )
        (folder / "hubpulse.toml").write_text(text)
        self._start()

    def _look(self, request: bytes) -> bytes:
        return mbap(request, 4, 4, 0, 0, *self.seen.to_bytes(2, "big"))

    def _start(self) -> None:
        command = [*PATIENT_AGENT, "run", "--verbose", str(self.folder / "hubpulse.toml")]
        with self._log.open("ab") as log:
            self.agent = subprocess.Popen(command, stderr=log)
        self.scanner, _ = self._door.accept()

    def kill(self) -> None:
        """As a power cut is to a process; it starts again at once."""
        self.agent.kill()
        self.agent.wait()
        self.scanner.close()
        self._start()

    def say(self, count: int) -> None:
        """So many parcels more, each with a code of its own."""
        self.scanner.sendall(lines(self.sent, self.sent + count))
        self.sent += count

    @contextmanager
    def burst(self, count: int, every_s: float) -> Iterator[None]:
        """So many parcels each time, without a pause between but this, as long as the block lasts."""
        over = threading.Event()

        def talk() -> None:
            while not over.wait(every_s):
                self.say(count)

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            yield
        finally:
            over.set()
            talking.join()

    def arrived(self, least: int) -> bool:
        """Whether the bureau comes to know of so many parcels."""
        return self.bureau.wait_until(lambda: self.known() >= least, 60.0)

    def known(self) -> int:
        """What the bureau knows now."""
        return self.bureau.totals(SITE_ID).events(STREAM)

    def durable(self) -> int:
        """What would be known of them after a power cut now; 0 where the agent went on while its spool was copied."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            try:
                copy = shutil.copytree(self.folder / "spool", Path(folder) / "spool")
            except OSError:
                return 0
            spool = Spool.open(copy, 16 << 20)
            spool.close()
            return Baselines.decode(spool.state).events.get(STREAM, 0)

    def stop(self) -> None:
        """As `systemctl stop`."""
        self.agent.send_signal(signal.SIGTERM)
        assert self.agent.wait(60) == 0
        self.scanner.close()

    def files(self) -> Sequence[Path]:
        """All that the run left behind: settings, log, spool, the broker's log."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


@contextmanager
def scan_site(folder: Path, extra: str = "", report_s: int = 1) -> Iterator[ScanSite]:
    """The site while it runs; a real broker, a real agent, a scanner of our own; `extra` lines of its settings."""
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(folder / "broker"))
        door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        door.settimeout(60)
        bureau = stack.enter_context(Subscriber("127.0.0.1", broker.port))
        eyes = stack.enter_context(TcpUnits([1]))
        site = ScanSite(folder, broker, door, bureau, eyes, extra, report_s)
        try:
            yield site
        finally:
            site.agent.kill()
            site.agent.wait()
            site.scanner.close()
