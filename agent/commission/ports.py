"""The serial ports of this machine: names that stay, what the adapter says, who holds them, what will bite."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.commission.access import barrier, group_of
from agent.commission.holders import Holder, by_port

Trap = str
"""By name: no_serial, twin, no_stable_name, mini_uart, console, getty, modem_manager, no_permission, log_in_again,
roots_alone."""

_MINI_UART = ("bcm2835-aux-uart", "bcm2835_aux_uart")
_GETTYS = ("agetty", "getty", "login")
_MODEM_MANAGER = "ModemManager"
_UNKNOWN_CHIP = "0"  # PORT_UNKNOWN of <linux/serial_core.h>: a number that the kernel reserves, without hardware


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the system shows its devices."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    proc: Path = Path("/proc")


@dataclass(frozen=True, slots=True)
class Port:
    """One serial port. `by_path` and `by_id` are udev's names for it; `usb` is vendor and product number, or ""."""

    device: Path
    driver: str
    by_path: tuple[Path, ...]
    by_id: tuple[Path, ...]
    usb: str
    maker: str
    product: str
    serial: str
    group: str
    holders: tuple[Holder, ...]
    traps: tuple[Trap, ...] = ()

    @property
    def best(self) -> Path:
        """The name to write into settings: where the adapter is plugged in, else which it is, else what there is."""
        return next(iter((*self.by_path, *self.by_id)), self.device)


def ports(roots: Roots = Roots()) -> tuple[Port, ...]:
    """Every port with hardware behind it, those of USB first."""
    held = by_port(roots.proc, roots.dev)
    found = [_port(entry, roots, held) for entry in sorted((roots.sys / "class/tty").glob("*")) if _is_real(entry)]
    found = [port for port in found if port.device.exists()]
    twins = Counter((port.usb, port.serial) for port in found if port.usb)
    consoles, modem_manager = _consoles(roots), _runs(_MODEM_MANAGER, roots.proc)
    trapped = [
        replace(port, traps=_traps(port, twins[port.usb, port.serial] > 1, consoles, modem_manager)) for port in found
    ]
    return tuple(sorted(trapped, key=lambda port: (not port.usb, len(port.device.name), port.device.name)))


def _is_real(entry: Path) -> bool:
    return (entry / "device").exists() and _text(entry / "type") != _UNKNOWN_CHIP


def _port(entry: Path, roots: Roots, held: Mapping[str, tuple[Holder, ...]]) -> Port:
    device = roots.dev / entry.name
    usb = _usb_of(Path(os.path.realpath(entry / "device")), roots.sys)
    return Port(
        device=device,
        driver=Path(os.path.realpath(entry / "device/driver")).name if (entry / "device/driver").exists() else "",
        by_path=_names(roots.dev / "serial/by-path", device),
        by_id=_names(roots.dev / "serial/by-id", device),
        usb=f"{_text(usb / 'idVendor')}:{_text(usb / 'idProduct')}" if usb else "",
        maker=_text(usb / "manufacturer") if usb else "",
        product=_text(usb / "product") if usb else "",
        serial=_text(usb / "serial") if usb else "",
        group=group_of(device),
        holders=held.get(os.path.realpath(device), ()),
    )


def _usb_of(device: Path, sys: Path) -> Path | None:
    """The USB device that this one is a part of; None where it is none."""
    for folder in (device, *device.parents):
        if folder == sys:
            break
        if (folder / "idVendor").exists():
            return folder
    return None


def _names(folder: Path, device: Path) -> tuple[Path, ...]:
    """The links of `folder` that lead to `device`."""
    if not folder.is_dir():
        return ()
    wanted = os.path.realpath(device)
    return tuple(link for link in sorted(folder.iterdir()) if os.path.realpath(link) == wanted)


def _traps(port: Port, has_twin: bool, consoles: Sequence[str], modem_manager: bool) -> tuple[Trap, ...]:
    names = {holder.name for holder in port.holders}
    there = {
        "twin": has_twin,
        "no_serial": bool(port.usb) and not port.serial and not has_twin,
        "no_stable_name": bool(port.usb) and not (port.by_path or port.by_id),
        "mini_uart": port.driver in _MINI_UART,
        "console": port.device.name in consoles,
        "getty": bool(names & set(_GETTYS)),
        "modem_manager": bool(port.usb) and modem_manager,
    }
    bite = [name for name, bites in there.items() if bites]
    return tuple(filter(None, (barrier(port.device), *bite)))


def _consoles(roots: Roots) -> list[str]:
    """The ports that the kernel writes its messages to."""
    return _text(roots.sys / "class/tty/console/active").split()


def _runs(name: str, proc: Path) -> bool:
    return any(_text(process / "comm") == name for process in proc.iterdir() if process.name.isdecimal())


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
