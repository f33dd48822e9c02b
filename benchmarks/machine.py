"""What a program costs the machine: processor time, memory, bytes on the loopback; and a broker for it to talk to."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROKER_PORT = 21900
CLONE_NEWNET = 0x40000000


def enter_own_network() -> bool:
    """Move into a new network namespace with only a loopback; False where that is not allowed."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket() as any_socket:
        up = 1
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up))  # SIOCSIFFLAGS
    return True


def loopback_ip_bytes() -> int:
    """IP bytes that crossed the loopback: what it counts, less its 14-byte Ethernet headers."""
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    received_bytes, packets = (int(word) for word in line.split(":")[1].split()[:2])
    return received_bytes - 14 * packets


def process_cpu_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mb(pid: int) -> tuple[float, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return round(kb["Rss"] / 1024, 1), round(kb["Pss"] / 1024, 1)


@contextmanager
def broker(folder: Path) -> Iterator[None]:
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {BROKER_PORT} 127.0.0.1\nallow_anonymous true\n")
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    process = subprocess.Popen([program or "mosquitto", "-c", settings], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(BROKER_PORT)
        yield
    finally:
        process.terminate()
        process.wait()


def wait_for_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")
