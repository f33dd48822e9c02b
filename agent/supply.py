"""Whether the machine's supply is strong enough, as the firmware of a Raspberry Pi tells its kernel."""

from __future__ import annotations

from pathlib import Path

from agent import log, sysfs

UNDERVOLT_S = 300.0
"""So long it is told that the supply was too weak, for it comes and goes with the load."""
LOOK_S = 60.0
"""So often the alarm is looked for: udev may load its driver after our start."""
_WEAK, _STRONG = "1", "0"


class Supply:
    """Watched each beat. Lives in the beat's thread."""

    def __init__(self, root: Path) -> None:
        """`root` holds proc and sys."""
        self._root = root
        self._alarm: Path | None = None
        self._look_at_s = 0.0
        self._told = ""
        self._weak_s: float | None = None

    @property
    def undervolt(self) -> bool | None:
        """Whether it was seen to be too weak within UNDERVOLT_S; None while nothing tells."""
        if self._weak_s is not None:
            return True
        return False if self._told == _STRONG else None

    def watch(self, now_s: float) -> None:
        """It is boot-clock second `now_s`. Its driver looks each two seconds and tells of a dip until the next look."""
        self._told = self._read(now_s)
        if self._told == _WEAK:
            if self._weak_s is None:
                log.warn("undervoltage", do="give this machine the supply that its maker names, on a short thick cable")
            self._weak_s = now_s
        elif self._weak_s is not None and now_s - self._weak_s > UNDERVOLT_S:
            self._weak_s = None
            if self._told == _STRONG:
                log.event("voltage_good", for_s=round(UNDERVOLT_S))

    def _read(self, now_s: float) -> str:
        if self._alarm is None and now_s >= self._look_at_s:
            self._alarm, self._look_at_s = alarm(self._root), now_s + LOOK_S
        return "" if self._alarm is None else sysfs.text(self._alarm)


def alarm(root: Path) -> Path | None:
    """The file of raspberrypi-hwmon (the kernel's Documentation/hwmon/raspberrypi-hwmon.rst). A Zero has it, too, but
    nothing that measures (Raspberry Pi documentation, get_throttled: all models since the B+ but the Zeros)."""
    if "Zero" in sysfs.text(root / "proc/device-tree/model"):
        return None
    chips = sysfs.found(root, "sys/class/hwmon/hwmon*")
    return next((chip / "in0_lcrit_alarm" for chip in chips if sysfs.text(chip / "name") == "rpi_volt"), None)
