"""What it costs to read scanners: the agent's readers beside asyncio and beside receiving alone, in one run.

Eight TCP scanners say small chunks (64 bytes: two reads and a bit, cut anywhere) at a steady rate. The readers,
asyncio (a Protocol that feeds the same counter as bytes arrive) and a C program that does no more than receive, at the
readers' tick, take turns, each in a process of its own whose CPU time is taken from the moment its connections stand
to the last byte; a ratio is the median of the rounds. All must have every line. On the loopback whoever receives also
does a part of the sender's work, what an acknowledgement lets go: that is most of what receiving costs here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SOCKETS, CHUNK = 8, 64
RATES = (1_000, 40_000)
SPACING_S = 0.0005
KINDS = ("readers", "asyncio", "receive")
Used = tuple[resource.struct_rusage, resource.struct_rusage]

# --- the scanners ---


class Scanners:
    """Eight scanners, each in its turn; `lines` is how many whole lines were said."""

    def __init__(self) -> None:
        self.doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(SOCKETS)]
        self.ports = [door.getsockname()[1] for door in self.doors]
        self.lines = 0

    def talk(self, per_second: int, seconds: float) -> None:
        """Say the chunks of that time at that rate, each as soon as its moment has come, and hang up."""
        socks = [door.accept()[0] for door in self.doors]
        for sock in socks:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        scripts = [_script(n, int(per_second * seconds / SOCKETS)) for n in range(SOCKETS)]
        total, begun_s, said = SOCKETS * len(scripts[0]), time.monotonic(), 0
        while said < total:
            due = min(total, int((time.monotonic() - begun_s) * per_second) + 1)
            for n in range(said, due):
                socks[n % SOCKETS].send(scripts[n % SOCKETS][n // SOCKETS])
            said = due
            time.sleep(SPACING_S)
        self.lines = sum(b"".join(script).count(b"\n") for script in scripts)
        for sock in socks:
            sock.close()


def _script(scanner: int, chunks: int) -> list[bytes]:
    """What one scanner says, as chunks."""
    codes = range(chunks * CHUNK // 17 + 1)
    octets = b"".join(b"SF%013d\r\n" % (scanner * 10**9 + code // 3) for code in codes)
    return [octets[at : at + CHUNK] for at in range(0, chunks * CHUNK, CHUNK)]


# --- the two readers, each in a process of its own ---


def child(kind: str, ports: Sequence[int]) -> None:
    """Read the scanners on these ports until they hang up; print what was counted and the CPU seconds it took."""
    counter, sources, scanners = _counting(ports)
    begin, end = (_with_readers if kind == "readers" else _with_asyncio)(counter, sources, scanners)
    while not counter.finish():
        counter.take()
    counter.take()
    cpu_s = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
    lines = sum(counter.totals[0, column] for column in range(3))
    print(json.dumps({"lines": lines, "cpu_s": cpu_s, "switches": end.ru_nvcsw - begin.ru_nvcsw}))


def _counting(ports: Sequence[int]) -> tuple[Any, list[Any], list[Any]]:
    from agent.scans.counting import counter, source
    from config.line_settings import Line
    from config.scanner_settings import ScanMarks, Scanner, ScannerDial

    line = Line("north", "n", "n", (), (), (), (), 40_000.0, 5000)
    one = Scanner("s", "north", ScannerDial("", 0), "plain", ScanMarks(), 0, None, None, None, 3.0, None, None, 10**8)
    scanners = [replace(one, id=f"s{port}", wire=ScannerDial("127.0.0.1", port)) for port in ports]
    return counter(line, scanners), [source(each) for each in scanners], scanners


def _used() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_SELF)


def _with_readers(counter: Any, sources: Sequence[Any], scanners: Sequence[Any]) -> Used:
    from agent.scans.readers import ScanReaders

    readers = ScanReaders([(one, counter, source) for one, source in zip(scanners, sources, strict=True)])
    readers.start()
    while sum(state.up or state.lost > 0 for state in readers.states().values()) < SOCKETS:
        time.sleep(0.002)
    begin = _used()
    while any(state.lost == 0 for state in readers.states().values()):
        time.sleep(0.25)
        counter.take()
    readers.stop()
    return begin, _used()


def _with_asyncio(counter: Any, sources: Sequence[Any], scanners: Sequence[Any]) -> Used:
    return asyncio.run(_serve(counter, sources, [one.wire.port for one in scanners]))


async def _serve(counter: Any, sources: Sequence[Any], ports: Sequence[int]) -> Used:
    loop = asyncio.get_running_loop()
    ends = [loop.create_future() for _ in ports]

    class Feeding(asyncio.Protocol):
        def __init__(self, source: Any, end: asyncio.Future[None]) -> None:
            self._source, self._end = source, end

        def data_received(self, data: bytes) -> None:
            counter.feed(self._source, data, time.monotonic_ns() // 1_000_000)

        def connection_lost(self, exc: Exception | None) -> None:
            self._end.set_result(None)

    def protocol(source: Any, end: asyncio.Future[None]) -> Callable[[], Feeding]:
        return lambda: Feeding(source, end)

    for port, source, end in zip(ports, sources, ends, strict=True):
        await loop.create_connection(protocol(source, end), "127.0.0.1", port)
    begin, done = _used(), asyncio.gather(*ends)
    while not done.done():
        await asyncio.wait([done], timeout=0.25)
        counter.take()
    return begin, _used()


# --- the comparison ---


def built(folder: Path) -> Path:
    """The C program that only receives."""
    program = folder / "scan_receiver"
    subprocess.run(["gcc", "-O2", str(ROOT / "benchmarks" / "scan_receiver.c"), "-o", str(program)], check=True)
    return program


def command(kind: str, receiver: Path, ports: Sequence[int]) -> list[str]:
    if kind != "receive":
        return [sys.executable, __file__, "--child", kind, *map(str, ports)]
    from agent.scans.readers import TICK_S

    return [str(receiver), str(round(1000 * TICK_S)), *map(str, ports)]


def one_run(kind: str, receiver: Path, per_second: int, seconds: float) -> dict[str, float]:
    scanners = Scanners()
    words = command(kind, receiver, scanners.ports)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        talking = threading.Thread(target=scanners.talk, args=(per_second, seconds))
        begun_s = time.monotonic()
        talking.start()
        talking.join()
        spent_s = time.monotonic() - begun_s
        said, _ = running.communicate()
    for door in scanners.doors:
        door.close()
    told = json.loads(said)
    exact = told["lines"] == scanners.lines
    return {"share": 100 * told["cpu_s"] / spent_s, "switches_per_s": told["switches"] / spent_s, "exact": exact}


def compared(receiver: Path, per_second: int, seconds: float, rounds: int) -> dict[str, object]:
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS if number % 2 else reversed(KINDS):
            runs[kind].append(one_run(kind, receiver, per_second, seconds))
    rows = {
        kind: {name: round(statistics.median(run[name] for run in found), 2) for name in ("share", "switches_per_s")}
        for kind, found in runs.items()
    }
    exact = all(run["exact"] for found in runs.values() for run in found)
    ratios = {
        "asyncio_over_readers": ratio(runs, "asyncio", "readers"),
        "readers_over_receive": ratio(runs, "readers", "receive"),
    }
    return {"chunks_per_s": per_second, **rows, **ratios, "exact": exact}


def ratio(runs: Mapping[str, Sequence[Mapping[str, float]]], one: str, other: str) -> float:
    pairs = zip(runs[one], runs[other], strict=True)
    return round(statistics.median(a["share"] / max(b["share"], 0.01) for a, b in pairs), 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], [int(port) for port in arguments.child[1:]])
        return 0
    with tempfile.TemporaryDirectory() as name:
        receiver = built(Path(name))
        found = [compared(receiver, rate, arguments.seconds, arguments.rounds) for rate in RATES]
    if arguments.json:
        print(json.dumps({"sockets": SOCKETS, "chunk_bytes": CHUNK, "rates": found}))
    else:
        show(found)
    return 0 if all(one["exact"] for one in found) else 1


def show(found: Sequence[dict[str, Any]]) -> None:
    print(f"{SOCKETS} scanners, chunks of {CHUNK} bytes; CPU share of one core in per cent, wake-ups a second\n")
    titles = ("chunks/s", "readers", "wake-ups", "asyncio", "wake-ups", "receive", "asyncio x", "receive x")
    print("".join(f"{title:>10}" for title in titles), " every line counted")
    for row in found:
        figures = [f"{row['chunks_per_s']:,}"]
        for kind in ("readers", "asyncio"):
            figures += [row[kind]["share"], f"{row[kind]['switches_per_s']:.0f}"]
        figures += [row["receive"]["share"], row["asyncio_over_readers"], row["readers_over_receive"]]
        print("".join(f"{figure:>10}" for figure in figures), " yes" if row["exact"] else " NO")


if __name__ == "__main__":
    sys.exit(main())
