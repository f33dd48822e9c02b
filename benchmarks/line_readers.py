"""Who reads an emulated line in a benchmark: our owner, or pymodbus's asyncio client, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.bus import Answered, Owner

Json = dict[str, Any]

REGISTERS = 125
PERIOD_S = 1.0
DEAD_REGISTERS, DEAD_TIMEOUT_S = 10, 0.2
WARM_UP_S = 2.0


def run(job: Json) -> Json:
    words = [sys.executable, __file__, json.dumps(job)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    said: Json = json.loads(subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    return said


def work(job: Json) -> Json:
    return {"ours": work_ours, "pymodbus": work_pymodbus, "living": work_living}[str(job["who"])](job)


def work_ours(job: Json) -> Json:
    """Our owner on a line that is always due; CPU of the whole process."""
    owner = owner_of(job, REGISTERS, 0.02, 1.0)
    owner.start()
    answered(owner, WARM_UP_S)
    cpu_s = time.process_time()
    moments = [one.batch.at_s for one in answered(owner, job["seconds"])]
    cpu_s = time.process_time() - cpu_s
    owner.stop()
    return {"reads": len(moments), "cpu_s": cpu_s, "first_to_last_s": moments[-1] - moments[0]}


def work_living(job: Json) -> Json:
    """All units once a second; who answered, and when after the beginning."""
    from agent.clock import boot_seconds

    owner = owner_of(job, DEAD_REGISTERS, PERIOD_S, DEAD_TIMEOUT_S)
    started_s = boot_seconds()
    owner.start()
    reads = answered(owner, job["seconds"])
    owner.stop()
    return {"answers": [(one.device, one.batch.at_s - started_s) for one in reads]}


def owner_of(job: Json, registers: int, period_s: float, timeout_s: float) -> Owner:
    from agent.bus.serial_line import SerialOwner
    from config.bus_settings import SerialBus
    from config.device_settings import Device, Point
    from drivers.modbus import asks

    points = tuple(
        Point(f"w{n}", "gauge", "holding", n, "u16", "ABCD", None, 20.0, 1.0, "", None, None) for n in range(registers)
    )
    devices = [Device(f"d{unit}", "line", unit, period_s, None, 125, points) for unit in job["units"]]
    bus = SerialBus("line", job["port"], job["baud"], "none", 1, timeout_s)
    return SerialOwner(bus, [(device, asks(device, "rtu")) for device in devices])


def answered(owner: Owner, seconds: float) -> list[Answered]:
    """What was answered in so many seconds; fetched once a second, as the beat does."""
    from agent.bus import Answered

    found, end_s = [], time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        time.sleep(min(left_s, 1.0))
        found += [one for one in owner.take() if isinstance(one, Answered)]
    return found


def work_pymodbus(job: Json) -> Json:
    return asyncio.run(_pymodbus(job))


async def _pymodbus(job: Json) -> Json:
    from pymodbus.client import AsyncModbusSerialClient

    client = AsyncModbusSerialClient(str(job["port"]), baudrate=int(job["baud"]), timeout=1.0)
    await client.connect()
    units = cycle(job["units"])
    for until_s in (WARM_UP_S, job["seconds"]):
        moments, cpu_s, started_s = [], time.process_time(), time.monotonic()
        while time.monotonic() - started_s < until_s:
            reply = await client.read_holding_registers(0, count=REGISTERS, device_id=next(units))
            assert len(reply.registers) == REGISTERS
            moments.append(time.monotonic())
    cpu_s = time.process_time() - cpu_s
    client.close()
    return {"reads": len(moments), "cpu_s": cpu_s, "first_to_last_s": moments[-1] - moments[0]}


if __name__ == "__main__":
    print(json.dumps(work(json.loads(sys.argv[1]))))
