"""Who owns each wire of a site: a thread for each line, also behind a converter, and one for all Modbus TCP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.bus import Owner
from agent.bus.heard_plan import Plan
from agent.bus.plans import DevicePlan
from agent.bus.schedule import Station
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from agent.capacity import listens
from config.bus_settings import Bus, SerialBus, TcpBus
from config.settings import Settings
from drivers import Ask, Listener
from drivers.wire import Wire

if TYPE_CHECKING:
    from agent.lockers.site import SiteLockers
    from drivers.board_line import BoardLine

Asking = tuple[Station, Sequence[Ask]]


def make_owners(settings: Settings, plans: Sequence[Plan], lockers: SiteLockers | None = None) -> tuple[Owner, ...]:
    """The owner of each wire, of Modbus devices as they are planned, and of lock boards."""
    asking: list[Asking] = [(one.device, tuple(one.asks.values())) for one in plans if isinstance(one, DevicePlan)]
    tcp = [bus for bus in settings.buses if isinstance(bus, TcpBus) and bus.framing == "tcp"]
    owners: list[Owner] = [TcpOwner(tcp, _on({bus.id for bus in tcp}, asking))] if tcp else []
    for bus in settings.buses:
        if lockers and bus.id in lockers.lines:
            owners.append(owner_of_boards(bus, lockers.lines[bus.id], _on({bus.id}, lockers.asking)))
        elif isinstance(bus, SerialBus) and listens(bus):
            owners.append(_listening(bus, [plan for plan in plans if plan.device.bus == bus.id]))
        elif bus not in tcp:
            owners.append(SerialOwner(bus, _on({bus.id}, asking)))
    return tuple(owners)


def _listening(bus: SerialBus, plans: Sequence[Plan]) -> Owner:
    """The owner of a line on which another master asks."""
    from drivers.modbus_listener import ModbusListener

    devices = [plan.device for plan in plans]
    asks = sum(len(plan.asks) for plan in plans)
    return _ears_on(bus, ModbusListener(devices, Wire.of(bus), bus.framing), [one.id for one in devices], asks)


def owner_of_boards(bus: Bus, line: BoardLine, asking: Sequence[Asking]) -> Owner:
    """The owner of a line with lock boards: nothing leaves but the status queries of their language."""
    if isinstance(bus, SerialBus) and listens(bus):
        from drivers.board_tap import BoardTap

        return _ears_on(bus, BoardTap(line), [board.id for board, _ in asking], sum(len(asks) for _, asks in asking))
    return SerialOwner(bus, asking, line.language.allows, line.unasked)


def _ears_on(bus: SerialBus, listener: Listener, devices: Sequence[str], asks: int) -> Owner:
    from agent.bus.listen_line import ListenOwner

    return ListenOwner(bus, listener, devices, asks)


def _on(buses: set[str], asking: Sequence[Asking]) -> list[Asking]:
    return [(device, questions) for device, questions in asking if device.bus in buses]
