"""The twin's scanners on real sockets and a PTY: whoever listens counts exactly the truth, through pulls and bursts."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from scan_speech import PLC
from twins import Played, playing, site

from agent.clock import boot_seconds
from agent.twin.site import Scenario
from config.scanner_settings import Scanner, ScannerListen, ScannerSerial
from config.settings import Settings
from drivers.scanner import framing
from fastpath.scans import BAD_NAMES, COLUMN_NAMES, ScanCounter

MARKS = 'preset = "sick"\nseparator = ","\nfields = ["code", "chute"]\nheartbeat = ["HB"]\nduplicate_s = 3.0\n'
DIAL = f'[scanner.s]\nline = "a"\ntcp = "192.168.10.40:2001"\n{MARKS}'
LISTEN = f'[scanner.s]\nline = "a"\nlisten = "0.0.0.0:5001"\n{MARKS}'
SERIAL = f'[scanner.s]\nline = "a"\nserial = "/dev/serial/by-path/p9"\n{MARKS}'
FAST = Scenario(seed=4, speed=3.0, running=False)


class Ear:
    """A reader in a thread of its own, that counts what it hears as the agent would."""

    def __init__(self, scanner: Scanner, read: Callable[[], bytes | None]) -> None:
        self._counter = ScanCounter(lanes=1, chutes=999, key=bytes(32))
        self._source = framing(scanner).listen(0)
        self._read = read
        self._stopping = False
        self.octets = 0
        self.gone = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stopping and (octets := self._read()) is not None:
            self.octets += len(octets)
            self._counter.feed(self._source, octets, int(1000 * boot_seconds()))
            self._counter.take()
        self._counter.cut(self._source)
        self.gone.set()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join(60)

    def counted(self) -> dict[str, int]:
        """All of it, up to now."""
        self.stop()
        while not self._counter.finish():
            self._counter.take()
        self._counter.take()
        found = map(sum, zip(*self._counter.totals.tolist(), strict=True))
        return dict(+Counter(dict(zip(COLUMN_NAMES, found, strict=True))))


def of_socket(talk: socket.socket) -> Callable[[], bytes | None]:
    def read() -> bytes | None:
        return (talk.recv(65_536) or None) if select.select([talk], [], [], 0.05)[0] else b""

    return read


def of_line(descriptor: int) -> Callable[[], bytes | None]:
    def read() -> bytes | None:
        if not select.select([descriptor], [], [], 0.05)[0]:
            return b""
        try:
            return os.read(descriptor, 65_536) or None
        except OSError:
            return None

    return read


@contextmanager
def heard(played: Played, settings: Settings) -> Iterator[Ear]:
    """A reader on the scanner's wire, by whichever way it is reached."""
    (scanner,) = settings.scanners
    with connected(played, scanner) as read:
        ear = Ear(scanner, read)
        try:
            yield ear
        finally:
            ear.stop()


@contextmanager
def connected(played: Played, scanner: Scanner) -> Iterator[Callable[[], bytes | None]]:
    if isinstance(scanner.wire, ScannerSerial):
        descriptor = os.open(played.twin.scanners.plays["s"].port.address, os.O_RDONLY | os.O_NOCTTY)
        yield of_line(descriptor)
        os.close(descriptor)
    elif isinstance(scanner.wire, ScannerListen):
        with socket.create_server(address(played)) as door, door.accept()[0] as talk:
            yield of_socket(talk)
    else:
        with socket.create_connection(address(played), timeout=60) as talk:
            yield of_socket(talk)


def address(played: Played) -> tuple[str, int]:
    host, _, port = played.twin.scanners.plays["s"].port.address.rpartition(":")
    return host, int(port)


def until(condition: Callable[[], bool], what: str) -> None:
    give_up_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.02)


def truth(played: Played) -> dict[str, int]:
    return played.say("truth")["scans"]["a"]


def settled(played: Played) -> dict[str, int]:
    """The truth once nothing more is said."""
    until(lambda: played.say("state")["scanners"]["s"]["idle"], "the scanner never fell silent")
    return truth(played)


@pytest.mark.parametrize("wire", [DIAL, LISTEN, SERIAL], ids=["tcp", "listen", "serial"])
def test_whoever_listens_counts_the_truth_in_garbage_and_a_burst_and_when_pulled(wire: str, tmp_path: Path) -> None:
    settings = site(PLC + wire)
    with playing(settings, tmp_path, FAST) as played, heard(played, settings) as ear:
        until(lambda: played.say("state")["scanners"]["s"]["heard"], "never heard")
        played.say("garbage", scanner="s", share=0.4)
        played.say("go")
        played.say("burst", scanner="s", parcels=700)
        until(lambda: truth(played).get("new", 0) > 715 and truth(played).get("heartbeat", 0) > 0, "too few scans")
        played.say("unplug", scanner="s")
        assert ear.gone.wait(60)
        played.say("freeze")
        said = truth(played)
        assert ear.counted() == said
    assert sum(said.get(name, 0) for name in BAD_NAMES) > 0
    assert said["duplicate"] > 0


def test_a_scanner_that_is_plugged_in_again_goes_on_and_what_nobody_heard_is_not_in_the_truth(tmp_path: Path) -> None:
    settings = site(PLC + DIAL)
    with playing(settings, tmp_path, FAST) as played:
        played.say("go")
        until(lambda: played.say("truth")["flows"]["a"]["wip"] > 5, "no parcels")
        assert truth(played) == {}
        played.say("unplug", scanner="s")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(address(played), timeout=60)
        played.say("plug", scanner="s")
        with heard(played, settings) as ear:
            until(lambda: truth(played).get("new", 0) > 5, "no scans")
            played.say("freeze")
            said = settled(played)
            until(lambda: ear.octets > 0, "nothing heard")
            played.say("unplug", scanner="s")
            assert ear.gone.wait(60)
            assert ear.counted() == said


def test_only_one_reader_is_heard_at_a_time(tmp_path: Path) -> None:
    settings = site(PLC + DIAL)
    with playing(settings, tmp_path, FAST) as played, heard(played, settings):
        until(lambda: played.say("state")["scanners"]["s"]["heard"], "never heard")
        with socket.create_connection(address(played), timeout=60) as second, suppress(ConnectionResetError):
            assert second.recv(1) == b""
