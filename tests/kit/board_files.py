"""The files in which the kernel of a Raspberry Pi tells how it is, below a folder."""

from __future__ import annotations

from pathlib import Path


class BoardFiles:
    """A Pi that is well: 48.3 °C, a strong supply, 512 MB of memory free, 31 MB taken by whoever reads this."""

    ALARM = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("sys/class/hwmon/hwmon0/name", "cpu_thermal")
        self.write("sys/class/hwmon/hwmon1/name", "rpi_volt")
        self.write("sys/class/thermal/thermal_zone0/temp", "48312")
        self.write("proc/meminfo", "MemTotal:  948304 kB\nMemFree:  91232 kB\nMemAvailable:  524288 kB")
        self.write("proc/self/status", "Name:\thubpulse\nVmHWM:\t 40000 kB\nVmRSS:\t 31744 kB")
        self.supply(weak=False)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(f"{text}\n")

    def supply(self, *, weak: bool) -> None:
        """What the firmware said last of the supply."""
        self.write(self.ALARM, str(int(weak)))
