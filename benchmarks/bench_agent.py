"""What the whole agent costs beside a minimal poller in C: same devices, same broker, same run.

50 Modbus TCP devices (libmodbus) with 10 u32 counters each; read, made continuous, added up and published by the
agent; read, made continuous and published one message a read by the reference. The two take turns; ratios are the
median of the rounds. Run as root, it works in a network of its own, so that every byte on the loopback is theirs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import BROKER_PORT, broker, enter_own_network, loopback_ip_bytes, memory_mb, process_cpu_s

HERE = Path(__file__).resolve().parent
DEVICES, COUNTERS = 50, 10
FIRST_PORT = 21000
TARGETS = {
    "cpu_ratio_1hz": 0.75,
    "cpu_ratio_10hz": 1.0,
    "ip_bytes_per_1000_values": 20_000,
    "rss_mb": 36,
    "first_publish_s": 1.0,
    "help_ms": 100,
}


@dataclass(frozen=True)
class Cost:
    """What one program cost while it read `reads` devices."""

    reads: int
    cpu_s: float
    ip_bytes: int | None
    rss_mb: float | None = None
    pss_mb: float | None = None
    first_publish_s: float | None = None

    @property
    def cpu_s_per_1000_reads(self) -> float:
        return 1000 * self.cpu_s / self.reads

    @property
    def ip_bytes_per_1000_values(self) -> float | None:
        return None if self.ip_bytes is None else 1000 * self.ip_bytes / (self.reads * COUNTERS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seconds", type=float, default=20, help="length of one measurement (20)")
    parser.add_argument("--rounds", type=int, default=2, help="how often the two take turns at each rate (2)")
    parser.add_argument("--rates", default="1,10", help="readings a second (1,10)")
    args = parser.parse_args()
    own_network = enter_own_network()
    with tempfile.TemporaryDirectory(prefix="hubpulse-bench-") as folder:
        found = measure(Path(folder), args, own_network=own_network)
    print(json.dumps(found, indent=1) if args.json else table(found))
    return 0


def measure(folder: Path, args: argparse.Namespace, *, own_network: bool) -> dict[str, object]:
    compile_c(folder)
    results: dict[str, object] = {"devices": DEVICES, "counters": COUNTERS, "own_network": own_network}
    with broker(folder):
        for hz in (int(rate) for rate in args.rates.split(",")):
            rounds = [one_round(folder, hz, args.seconds) for _ in range(args.rounds)]
            results[f"{hz}hz"] = summary(rounds)
    results["help_ms"] = round(help_ms(), 1)
    results["targets"] = TARGETS
    return results


def one_round(folder: Path, hz: int, seconds: float) -> tuple[Cost, Cost]:
    say(f"{hz} Hz: reference, then agent, {seconds:g} s each")
    with farm(folder) as devices:
        reference = run_reference(folder, hz, seconds)
    with farm(folder) as devices:
        return reference, run_agent(folder, devices, hz, seconds)


def summary(rounds: list[tuple[Cost, Cost]]) -> dict[str, object]:
    ratios = [agent.cpu_s_per_1000_reads / reference.cpu_s_per_1000_reads for reference, agent in rounds]
    return {
        "cpu_ratio": round(statistics.median(ratios), 3),
        "cpu_ratios": [round(ratio, 3) for ratio in ratios],
        "reference": [figures(reference) for reference, _ in rounds],
        "agent": [figures(agent) for _, agent in rounds],
    }


def figures(cost: Cost) -> dict[str, float | int | None]:
    derived = {
        "cpu_s_per_1000_reads": round(cost.cpu_s_per_1000_reads, 4),
        "ip_bytes_per_1000_values": cost.ip_bytes_per_1000_values and round(cost.ip_bytes_per_1000_values),
    }
    return {**asdict(cost), **derived}


# --- the two programs ---


def run_reference(folder: Path, hz: int, seconds: float) -> Cost:
    before = loopback_ip_bytes()
    numbers = [FIRST_PORT, DEVICES, COUNTERS, 1000 // hz, seconds, BROKER_PORT]
    done = subprocess.run([folder / "poller", *map(str, numbers)], capture_output=True, text=True, check=True)
    reads, _, cpu_s = done.stdout.split()
    return Cost(int(reads), float(cpu_s), loopback_ip_bytes() - before)


def run_agent(folder: Path, devices: subprocess.Popen[str], hz: int, seconds: float) -> Cost:
    settings = folder / f"site-{hz}.toml"
    settings.write_text(site_toml(folder / f"spool-{time.monotonic_ns()}", hz))
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-p", str(BROKER_PORT), "-t", "hubpulse/v1/+/+/+/line/+/telemetry", "-C", "1", "-q", "1"],
        stdout=subprocess.DEVNULL,
    )
    started_s = time.monotonic()
    agent = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", str(settings)], stderr=(folder / "agent.log").open("w")
    )
    try:
        subscriber.wait(timeout=20)
        first_publish_s = time.monotonic() - started_s
        time.sleep(3)
        reads, cpu_s, wire = served(devices), process_cpu_s(agent.pid), loopback_ip_bytes()
        time.sleep(seconds)
        cost_s, total = process_cpu_s(agent.pid) - cpu_s, served(devices) - reads
        rss_mb, pss_mb = memory_mb(agent.pid)
        return Cost(total, cost_s, loopback_ip_bytes() - wire, rss_mb, pss_mb, round(first_publish_s, 3))
    finally:
        subscriber.kill()
        subscriber.wait()
        agent.terminate()
        agent.wait(timeout=10)


def site_toml(spool: Path, hz: int) -> str:
    parts = [
        '[site]\nid = "bench"\nname_zh = "测量"\nname_en = "Bench"\nprovince = "44"\ncity = "4401"\nlevel = "hub"\n',
        f'[bureau]\nhost = "127.0.0.1"\nport = {BROKER_PORT}\ntls = false\nreport_s = 10\n',
        f'[spool]\ndirectory = "{spool}"\nmax_mb = 64\n',
    ]
    for device in range(DEVICES):
        parts.append(f'[bus.b{device}]\ntcp = "127.0.0.1:{FIRST_PORT + device}"\n')
        parts.append(f'[device.d{device}]\nbus = "b{device}"\nunit = 1\nperiod_s = {1 / hz}\n')
        parts += [
            f'[device.d{device}.point.c{n}]\narea = "holding"\naddress = {2 * n}\ntype = "u32"\nkind = "counter"\n'
            for n in range(COUNTERS)
        ]
    for line in range(DEVICES // 10):
        refs = [f"d{device}.c{n}" for device in range(10 * line, 10 * line + 10) for n in range(COUNTERS)]
        parts.append(
            f'[line.l{line}]\nname_zh = "线{line}"\nname_en = "Line {line}"\n'
            f"capacity_pph = 1000000\nbuffer_parcels = 100000\n"
            f"induct = {json.dumps(refs[::2])}\ndischarge = {json.dumps(refs[1::2])}\n"
        )
    return "\n".join(parts)


# --- what they run against ---


def compile_c(folder: Path) -> None:
    for name, source, libraries in (
        ("poller", "poller_reference.c", ["-lmodbus", "-lmosquitto"]),
        ("farm", "device_farm.c", ["-lmodbus"]),
    ):
        subprocess.run(["gcc", "-O2", "-o", folder / name, HERE / source, *libraries], check=True)


@contextmanager
def farm(folder: Path) -> Iterator[subprocess.Popen[str]]:
    words = [str(folder / "farm"), str(FIRST_PORT), str(DEVICES), str(COUNTERS)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.communicate()


def served(devices: subprocess.Popen[str]) -> int:
    assert devices.stdin
    assert devices.stdout
    devices.stdin.write("c")
    devices.stdin.flush()
    return int(devices.stdout.readline())


def help_ms() -> float:
    times = []
    for _ in range(7):
        started_s = time.monotonic()
        subprocess.run([Path(sys.executable).parent / "hubpulse", "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(1000 * (time.monotonic() - started_s))
    return statistics.median(times)


# --- for people ---


def table(found: dict[str, object]) -> str:
    heads = ("CPU s/1000 reads", "x C", "IP B/1000 values", "RSS MB", "first publish s")
    lines = [f"{DEVICES} Modbus TCP devices x {COUNTERS} u32 counters; the reference is a minimal poller in C", ""]
    lines.append(f"{'':18}" + "".join(f"{head:>18}" for head in heads))
    for hz, rate in ((key, value) for key, value in found.items() if key.endswith("hz")):
        assert isinstance(rate, dict)
        for name, ratio in (("reference", 1), ("agent", rate["cpu_ratio"])):
            lines += [row(f"{hz} {name}", cost, ratio) for cost in rate[name]]
    lines += ["", f"hubpulse --help {found['help_ms']} ms", f"targets: {found['targets']}"]
    if not found["own_network"]:
        lines.append("not root: IP bytes include whatever else used the loopback")
    return "\n".join(lines)


def row(name: str, cost: dict[str, object], ratio: float) -> str:
    cells = (
        cost["cpu_s_per_1000_reads"],
        ratio,
        cost["ip_bytes_per_1000_values"],
        cost["rss_mb"],
        cost["first_publish_s"],
    )
    return f"{name:18}" + "".join(f"{'-' if cell is None else cell:>18}" for cell in cells)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
