"""What it costs to read scanners: the agent's readers beside asyncio, the same counter, the same bytes, the same run.

Eight TCP scanners say small chunks (64 bytes: two reads and a bit, cut anywhere) at a steady rate. The readers and
asyncio (a Protocol that feeds the counter as bytes arrive) take turns, each in a process of its own whose CPU time
is taken from the first byte to the last; the ratio is the median of the rounds. Both must count every line.
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
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SOCKETS, CHUNK = 8, 64
RATES = (1_000, 40_000)
SPACING_S = 0.0005
KINDS = ("readers", "asyncio")

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
    begin = resource.getrusage(resource.RUSAGE_SELF)
    (_with_readers if kind == "readers" else _with_asyncio)(counter, sources, scanners)
    end = resource.getrusage(resource.RUSAGE_SELF)
    while not counter.finish():
        counter.take()
    counter.take()
    cpu_s = end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime
    lines = sum(counter.totals[0, column] for column in range(3))
    print(json.dumps({"lines": lines, "cpu_s": cpu_s, "switches": end.ru_nvcsw - begin.ru_nvcsw}))


def _counting(ports: Sequence[int]) -> tuple[Any, list[Any], list[Any]]:
    from agent.scans.counting import counter, source
    from config.settings import Line, ScanMarks, Scanner, ScannerDial

    line = Line("north", "n", "n", (), (), (), (), 40_000.0, 5000)
    one = Scanner("s", "north", ScannerDial("", 0), "plain", ScanMarks(), 0, None, None, None, 3.0, None, None, 10**8)
    scanners = [replace(one, id=f"s{port}", wire=ScannerDial("127.0.0.1", port)) for port in ports]
    return counter(line, scanners), [source(each) for each in scanners], scanners


def _with_readers(counter: Any, sources: Sequence[Any], scanners: Sequence[Any]) -> None:
    from agent.scans.readers import ScanReaders

    readers = ScanReaders([(one, counter, source) for one, source in zip(scanners, sources, strict=True)])
    readers.start()
    while len(readers.states()) < SOCKETS or any(state.lost == 0 for state in readers.states().values()):
        time.sleep(0.25)
        counter.take()
    readers.stop()


def _with_asyncio(counter: Any, sources: Sequence[Any], scanners: Sequence[Any]) -> None:
    asyncio.run(_serve(counter, sources, [one.wire.port for one in scanners]))


async def _serve(counter: Any, sources: Sequence[Any], ports: Sequence[int]) -> None:
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
    done = asyncio.gather(*ends)
    while not done.done():
        await asyncio.wait([done], timeout=0.25)
        counter.take()


# --- the comparison ---


def one_run(kind: str, per_second: int, seconds: float) -> dict[str, float]:
    scanners = Scanners()
    command = [sys.executable, __file__, "--child", kind, *map(str, scanners.ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
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


def compared(per_second: int, seconds: float, rounds: int) -> dict[str, object]:
    runs: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        for kind in KINDS if number % 2 else reversed(KINDS):
            runs[kind].append(one_run(kind, per_second, seconds))
    pairs = zip(runs["asyncio"], runs["readers"], strict=True)
    rows = {
        kind: {name: round(statistics.median(run[name] for run in found), 2) for name in ("share", "switches_per_s")}
        for kind, found in runs.items()
    }
    ratio = statistics.median(one["share"] / max(other["share"], 0.01) for one, other in pairs)
    exact = all(run["exact"] for found in runs.values() for run in found)
    return {"chunks_per_s": per_second, **rows, "asyncio_over_readers": round(ratio, 2), "exact": exact}


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
    found = [compared(rate, arguments.seconds, arguments.rounds) for rate in RATES]
    if arguments.json:
        print(json.dumps({"sockets": SOCKETS, "chunk_bytes": CHUNK, "rates": found}))
    else:
        show(found)
    return 0 if all(one["exact"] for one in found) else 1


def show(found: Sequence[dict[str, Any]]) -> None:
    print(f"{SOCKETS} scanners, chunks of {CHUNK} bytes; CPU share of one core in per cent, wake-ups a second\n")
    titles = ("chunks/s", "readers", "wake-ups", "asyncio", "wake-ups", "asyncio x")
    print("".join(f"{title:>10}" for title in titles), " every line counted")
    for row in found:
        ours, theirs = row["readers"], row["asyncio"]
        figures = (
            f"{ours['share']:>10}{ours['switches_per_s']:>10.0f}{theirs['share']:>10}{theirs['switches_per_s']:>10.0f}"
        )
        print(
            f"{row['chunks_per_s']:>10,}{figures}{row['asyncio_over_readers']:>10}  {'yes' if row['exact'] else 'NO'}"
        )


if __name__ == "__main__":
    sys.exit(main())
