"""One probe of one wire: who is asked in which order, how, and what those say who were found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace

from agent.commission import NoValueError, Reader
from agent.commission.direct import DirectLine
from agent.commission.found import FoundUnit
from agent.commission.line_settings import LineSetting
from agent.commission.matching import UNKNOWN, Match, match
from agent.commission.sweep import FIRST, REST, Asker, Step, Sweep
from agent.commission.wires import AgentsBus, opened
from config.bus_settings import Bus, TcpBus
from config.profiles import Transport
from drivers.identity import BASIC, NOBODY, SERVER_ID, Identity, IdentityAsk
from drivers.modbus_frames import Read

TIMEOUT_S = 0.15
"""Most devices answer within 0.1 s; a slow one is found with --timeout."""

_TCP_FIRST = (1, 255, 0, *FIRST[1:])
"""Some controllers want 255, some ignore the number altogether."""

_TCP_REST = (*REST, *range(248, 255))

_PATIENT_S = 0.3
Setting = LineSetting | None


@dataclass(slots=True)
class LineProbe:
    """A serial port that nobody holds, tried at every setting."""

    port: str
    settings: Sequence[LineSetting]
    timeout_s: float

    def sweep(self, *, everybody: bool) -> Sweep[Setting]:
        """The order in which the units are asked."""
        return Sweep(self.settings, FIRST, REST if everybody else ())

    @contextmanager
    def at(self, setting: Setting) -> Iterator[Asker]:
        """The line, set up so."""
        assert setting is not None
        with closing(DirectLine(setting.bus(self.port, self.timeout_s))) as line:
            yield lambda unit: _presence(line.read, unit)

    def about(self, step: Step[Setting]) -> FoundUnit:
        """What the unit found in that step is."""
        assert step.setting is not None
        return _about(step.setting.bus(self.port, max(self.timeout_s, _PATIENT_S)), step)


@dataclass(slots=True)
class TcpProbe:
    """A device or gateway over Modbus TCP, or a line behind a converter."""

    bus: TcpBus

    @property
    def timeout_s(self) -> float:
        """What a unit that is not there costs."""
        return self.bus.timeout_s

    def sweep(self, *, everybody: bool) -> Sweep[Setting]:
        """The order in which the units are asked."""
        first, rest = (_TCP_FIRST, _TCP_REST) if self.bus.framing == "tcp" else (FIRST, REST)
        return Sweep([None], first, rest if everybody else ())

    @contextmanager
    def at(self, setting: Setting) -> Iterator[Asker]:
        """The connection."""
        with closing(opened(self.bus)) as line:
            yield lambda unit: _presence(line.read, unit)

    def about(self, step: Step[Setting]) -> FoundUnit:
        """What the unit found in that step is."""
        return _about(self.bus, step)


@dataclass(slots=True)
class AgentsProbe:
    """A bus of the running agent, with its own settings and between its polls; whom it polls needs no asking."""

    bus: AgentsBus
    timeout_s: float = TIMEOUT_S

    def sweep(self, *, everybody: bool) -> Sweep[Setting]:
        """The order in which the units are asked."""
        polled = self.bus.polled()
        first = [unit for unit in FIRST if unit not in polled]
        return Sweep([None], first, [unit for unit in REST if unit not in polled] if everybody else ())

    @contextmanager
    def at(self, setting: Setting) -> Iterator[Asker]:
        """The agent, asked unit by unit."""
        yield self._ask

    def about(self, step: Step[Setting]) -> FoundUnit:
        """What the unit found in that step is; the agent sends nothing but reads, so nobody is asked for a name."""
        transport: Transport = "tcp" if self.bus.line.get("framing") == "tcp" else "rtu"
        return FoundUnit(step.unit, None, step.reason, NOBODY, _match(self.bus.read, step.unit, NOBODY, transport))

    def _ask(self, unit: int) -> str:
        try:
            return self.bus.probe(unit)[1]
        except NoValueError as fault:
            return fault.reason


Probe = LineProbe | TcpProbe | AgentsProbe


def everybody_answers(sweep: Sweep[Setting], steps: int) -> bool:
    """Whether each of several units answered: then it is one device that does not look at the number."""
    return steps >= 5 and len(sweep.found) == steps and all(step.setting is None for step in sweep.found.values())


def _presence(reader: Reader, unit: int) -> str:
    try:
        reader(Read(unit, "holding", 0, 1))
    except NoValueError as fault:
        return fault.reason
    return "answers"


def _about(bus: Bus, step: Step[Setting]) -> FoundUnit:
    identity = _identity(bus, step.unit)
    with closing(opened(bus)) as line:
        matched = _match(line.read, step.unit, identity, "tcp" if bus.framing == "tcp" else "rtu")
    return FoundUnit(step.unit, step.setting, step.reason, identity, matched)


def _match(reader: Reader, unit: int, identity: Identity, transport: Transport) -> Match:
    try:
        return match(reader, unit, identity, transport)
    except NoValueError:
        return UNKNOWN


def _identity(bus: Bus, unit: int) -> Identity:
    """What the unit says of itself. Many devices are silent to such questions: each has a conversation of its own."""
    said: list[Identity] = []
    for pdu in (BASIC, SERVER_ID) if bus.framing != "ascii" else ():
        with closing(opened(bus)) as line, suppress(NoValueError):
            line.ask(IdentityAsk(unit, pdu, line.framing, said.append))
    names = next((one for one in said if one.vendor or one.product), NOBODY)
    server_id = next((one.server_id for one in said if one.server_id), "")
    return replace(names, server_id=server_id)
