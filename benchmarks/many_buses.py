"""What 200 slaves on 20 serial lines take of a machine: the whole daemon, with a broker, on 20 emulated lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from machine import BROKER_PORT, broker, memory_mb, process_cpu_s

BUSES, SLAVES = 20, 10
BAUD = 19200
SETTLED_S = 5.0

Line = Callable[[int, Sequence[int], dict[str, float]], AbstractContextManager[str]]
"""An emulated line: baud, units and where to tell what went over it; gives the name of its port."""


def measure(folder: Path, line: Line, seconds: float) -> dict[str, float]:
    """Resident memory, threads and processor time of the daemon while each slave is read once a second."""
    told: list[dict[str, float]] = [{} for _ in range(BUSES)]
    with ExitStack() as lines:
        ports = [lines.enter_context(line(BAUD, range(1, SLAVES + 1), each)) for each in told]
        settings = folder / "many-buses.toml"
        settings.write_text(site_toml(folder / "many-spool", ports))
        with broker(folder):
            made = run_daemon(settings, folder, seconds)
    whole_s = SETTLED_S + seconds
    return made | {"reads_kept": round(sum(each["answered"] for each in told) / (BUSES * SLAVES * whole_s), 3)}


def run_daemon(settings: Path, folder: Path, seconds: float) -> dict[str, float]:
    words = [sys.executable, "-m", "agent", "run", str(settings)]
    with (folder / "many-buses.log").open("w") as log, subprocess.Popen(words, stderr=log) as daemon:
        try:
            time.sleep(SETTLED_S)
            cpu_s = process_cpu_s(daemon.pid)
            time.sleep(seconds)
            cpu_s = process_cpu_s(daemon.pid) - cpu_s
            rss_mb, pss_mb = memory_mb(daemon.pid)
            threads = len(list(Path(f"/proc/{daemon.pid}/task").iterdir()))
        finally:
            daemon.terminate()
    return {"rss_mb": rss_mb, "pss_mb": pss_mb, "threads": threads, "cpu_share": round(cpu_s / seconds, 3)}


def site_toml(spool: Path, ports: Sequence[str]) -> str:
    parts = [
        '[site]\nid = "bench"\nname_zh = "测量"\nname_en = "Bench"\nprovince = "44"\ncity = "4401"\nlevel = "hub"\n',
        f'[bureau]\nhost = "127.0.0.1"\nport = {BROKER_PORT}\ntls = false\nreport_s = 10\n',
        f'[spool]\ndirectory = "{spool}"\nmax_mb = 64\n',
    ]
    for bus, port in enumerate(ports):
        parts.append(f'[bus.b{bus}]\nserial = "{port}"\nbaud = {BAUD}\nparity = "none"\n')
        parts += [device_toml(bus, unit) for unit in range(1, SLAVES + 1)]
        refs = [f"d{bus}-{unit}.count" for unit in range(1, SLAVES + 1)]
        parts.append(
            f'[line.l{bus}]\nname_zh = "线{bus}"\nname_en = "Line {bus}"\n'
            f"capacity_pph = 100000\nbuffer_parcels = 5000\n"
            f"induct = {json.dumps(refs[::2])}\ndischarge = {json.dumps(refs[1::2])}\n"
        )
    return "\n".join(parts)


def device_toml(bus: int, unit: int) -> str:
    counter = 'point.count = { area = "holding", address = 0, type = "u32", kind = "counter" }'
    return f'[device.d{bus}-{unit}]\nbus = "b{bus}"\nunit = {unit}\nperiod_s = 1\n{counter}\n'
