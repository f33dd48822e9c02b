"""What the technician named: a bus of the running agent, a bus of the settings, a serial port or a host."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import config
from agent.bus import REASONS
from agent.bus.link import LinkError
from agent.capacity import listens
from agent.commission import ComplaintError, NoValueError
from agent.commission.direct import DirectLine, DirectTcp, DirectWire
from agent.commission.known import known
from agent.control import ControlError
from agent.control.remote import Remote
from config.bus_settings import Bus, Parity, SerialBus, TcpBus
from config.hosts import is_host
from config.messages import Refusal
from config.settings import Settings
from drivers import Value
from drivers.modbus_frames import Read

MODBUS_PORT = 502
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:/\s\[\]]+))(?::(?P<port>[0-9]{1,5}))?")

_NAMELESS = ("name or service not known", "temporary failure in name resolution", "no address associated with hostname")
"""How the resolver says that a host's name has no address, in small letters."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a serial port is set up that stands in no settings, and where the agent and its settings are looked for."""

    baud: int
    parity: Parity
    stop_bits: int
    timeout_s: float | None
    control: Path
    settings: Path


@dataclass(frozen=True, slots=True)
class AgentsBus:
    """A bus that the running agent holds: `line` is how it is set up, `devices` who is polled on it."""

    agent: Remote
    id: str
    line: dict[str, Any]
    devices: Sequence[dict[str, Any]]

    def read(self, read: Read) -> Sequence[Value]:
        """One read between the polls. Raises NoValueError; ComplaintError when the agent is gone."""
        place = {"unit": read.unit, "area": read.area, "address": read.address, "quantity": read.quantity}
        values: Sequence[Value] = self._ask("read", **place)["values"]
        return values

    def probe(self, unit: int) -> tuple[bool, str]:
        """Whether the unit is there, and by what that was known."""
        told = self._ask("probe-unit", unit=unit)
        return bool(told["present"]), str(told["reason"])

    def polled(self) -> tuple[int, ...]:
        """The units that the agent reads and that answer it."""
        return tuple(sorted(device["unit"] for device in self.devices if device.get("online")))

    def _ask(self, do: str, **words: object) -> dict[str, Any]:
        try:
            return self.agent.ask(do, bus=self.id, **words)
        except ControlError as refusal:
            if refusal.reason == "board_bus":
                raise ComplaintError("E2536", 75, bus=self.id) from refusal
            if refusal.reason in REASONS or refusal.reason.startswith("exception_"):
                raise NoValueError(refusal.reason) from refusal
            reason = Refusal(refusal.reason, refusal.detail)
            raise ComplaintError("E2614", bus=self.id, reason=reason) from refusal
        except OSError as fault:
            raise ComplaintError("E2614", bus=self.id, reason=fault.strerror or fault) from fault

    def close(self) -> None:
        """Hang up."""
        self.agent.close()


Wire = AgentsBus | Bus
"""A bus that the agent holds, or one that can be opened."""


def named(target: str, options: Options) -> Wire:
    """The wire that `target` means. Raises ComplaintError where it means none, or one that must not be asked."""
    wire = found(target, options)
    role = wire.line.get("role") if isinstance(wire, AgentsBus) else getattr(wire, "role", None)
    if role == "listen":
        if isinstance(wire, AgentsBus):
            wire.close()
        raise ComplaintError("E2608", 75, bus=wire.id)
    return wire


def found(target: str, options: Options) -> Wire:
    """The wire that `target` means, whether or not it may be asked. Raises ComplaintError where it means none."""
    agent = _agent(options.control)
    if agent is not None:
        held = _held(agent, target)
        if held is not None:
            return held
        agent.close()
    written = _of_settings(target, options.settings)
    if written is not None:
        return written
    if "/" in target:
        return _port(target, options)
    name, port = _address(target)
    if not is_host(name) or not 1 <= port <= 65535 or ("." not in target and ":" not in target):
        raise known(options.control, options.settings).complaint(target)
    return TcpBus(id=target, host=name, port=port, timeout_s=options.timeout_s or 1.0)


def opened(bus: Bus) -> DirectWire:
    """Open that wire for us alone. Raises ComplaintError with the reason where it cannot be."""
    try:
        return DirectTcp(bus) if isinstance(bus, TcpBus) and bus.framing == "tcp" else DirectLine(bus)
    except LinkError as fault:
        raise complaint_of(bus, fault) from fault


def complaint_of(bus: Bus, fault: LinkError) -> ComplaintError:
    """What to say of a wire that cannot be opened, or was lost."""
    if isinstance(bus, TcpBus):
        code = "E2624" if "refused" in str(fault) else "E2631" if str(fault) in _NAMELESS else "E2606"
        return ComplaintError(code, host=bus.host, port=bus.port, reason=fault)
    if "permission" in str(fault):
        from agent.commission.access import complaint

        return complaint(bus.port)
    if "in use" in str(fault):
        from agent.commission.holders import holders, said

        return ComplaintError("E2603", 75, port=bus.port, who=said(holders(Path(bus.port))))
    if "not a serial port" in str(fault):
        return ComplaintError("E2622", 2, port=bus.port)
    return ComplaintError("E2605", port=bus.port, reason=fault)


def silence_of(wire: Wire, target: str, unit: int, reason: str, said: str) -> ComplaintError:
    """What to say of a unit that is away, by its wire: one that is down, a connection that stands, or a line."""
    line = wire.line if isinstance(wire, AgentsBus) else asdict(wire)
    if reason == "link_down" and "host" in line:
        return ComplaintError("E2606", host=line["host"], port=line["port"], reason=said)
    if reason == "link_down":
        return ComplaintError("E2605", port=line["port"], reason=said)
    code = "E2625" if line["framing"] == "tcp" else "E2612"
    return ComplaintError(code, target=target, unit=unit, reason=said)


def _agent(control: Path) -> Remote | None:
    """The running agent; None where none runs."""
    try:
        return Remote(control)
    except PermissionError as fault:
        raise ComplaintError("E2602", 77, socket=control, user=os.environ.get("USER", "NAME")) from fault
    except OSError:
        return None


def _held(agent: Remote, target: str) -> AgentsBus | None:
    """The bus of the agent that `target` names: by its id, its port under whatever name, or its address."""
    status = agent.ask("status")
    for line in status["buses"]:
        if target == line["id"] or _same_wire(target, line):
            on_it = [device for device in status["devices"] if device["bus"] == line["id"]]
            return AgentsBus(agent, line["id"], line, on_it)
    return None


def _same_wire(target: str, line: dict[str, Any]) -> bool:
    if "host" not in line:
        return "/" in target and os.path.realpath(target) == os.path.realpath(line["port"])
    return _address(target) == (line["host"], line["port"])


def _address(target: str) -> tuple[str, int]:
    """Host and port; an empty host where `target` is no such thing."""
    written = _HOST.fullmatch(target)
    return (written["v6"] or written["host"], int(written["port"] or MODBUS_PORT)) if written else ("", 0)


def _has_boards(settings: Settings | None, bus: str) -> bool:
    return settings is not None and any(board.bus == bus for board in settings.boards)


def _of_settings(target: str, file: Path) -> Bus | None:
    """The bus of that id in the settings, or the listened one of that port, also where the agent does not run."""
    settings = config.check(file).settings if file.exists() else None
    for bus in settings.buses if settings else ():
        if bus.id != target and not _same_wire(target, asdict(bus)):
            continue
        if not listens(bus) and _has_boards(settings, bus.id):
            raise ComplaintError("E2536", 75, bus=bus.id)
        if bus.id == target or listens(bus):
            return bus
    return None


def _port(port: str, options: Options) -> SerialBus:
    if not Path(port).exists():
        raise ComplaintError("E2630", 66, port=port)
    return SerialBus(
        id=port,
        port=port,
        baud=options.baud,
        parity=options.parity,
        stop_bits=2 if options.stop_bits == 2 else 1,
        timeout_s=options.timeout_s or 0.5,
    )
