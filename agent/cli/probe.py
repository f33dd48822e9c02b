"""Find out who is on a line: listen first, then ask unit by unit at each speed and parity. It only reads.

  hubpulse probe /dev/ttyUSB0                 units 1 to 16, every usual setting
  hubpulse probe /dev/ttyUSB0 --all --baud 9600,19200
  hubpulse probe 192.168.1.10                 the units behind a Modbus TCP address
  hubpulse probe sorter                       a bus of the running agent, with its own settings, between its polls

Nothing is sent where another master speaks: you are told who, and can listen instead. Whoever refuses a read is there
too. What is found is named where a profile fits, and printed as TOML; --write puts that into a new file.
Ctrl-C ends it with what was found until then. Lines of locker boards are never probed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path

from agent.bus.link import LinkError
from agent.cli.commissioning import add_wire_options, complain, options_of
from agent.cli.probe_sheet import Outcome, Teller, as_json, conclusion
from agent.cli.quantities import duration, whole
from agent.cli.speech import chosen_language, say, spoken
from agent.clock import boot_seconds
from agent.commission import ComplaintError
from agent.commission.found import FoundUnit, toml
from agent.commission.line_settings import BAUDS, LineSetting, in_order
from agent.commission.overhearing import LISTEN_S, Speakers, listen_first
from agent.commission.probing import TIMEOUT_S, AgentsProbe, LineProbe, Probe, Setting, TcpProbe, everybody_answers
from agent.commission.sweep import Pace, Step, Sweep
from agent.commission.wires import AgentsBus, Wire, complaint_of, named
from config import messages
from config.bus_settings import Bus, SerialBus, TcpBus
from config.messages import Language
from config.profiles import BAUDS as USABLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="PORT|HOST[:PORT]|BUS", help="a serial port, a host, a bus of the settings")
    parser.add_argument("--all", action="store_true", help="after units 1 to 16 all the others too; takes long")
    parser.add_argument("--baud", type=_bauds, default=BAUDS, metavar="LIST", help="only these speeds: 9600,19200")
    parser.add_argument("--until", type=whole(1, 255), metavar="N", help="end when so many are found")
    parser.add_argument(
        "--listen", type=_listening, default=LISTEN_S, metavar="TIME", help="before all (3s, at least 1s)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the TOML into a new file")
    add_wire_options(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    try:
        if args.write is not None and args.write.exists():
            raise ComplaintError("E2611", 73, file=args.write)
        wire = named(args.target, options_of(args))
        with closing(wire) if isinstance(wire, AgentsBus) else nullcontext():
            return _Run(args, lang, wire).run()
    except ComplaintError as complaint:
        return complain("probe", complaint, lang, as_json=args.json)


class _Run:
    """One run of the verb."""

    def __init__(self, args: argparse.Namespace, lang: Language, wire: Wire) -> None:
        self._args, self._wire = args, wire
        self._lang: Language = lang
        self._tell = Teller(lang, quiet=args.json)
        self._garbled: list[Step[Setting]] = []
        self._steps = 0

    def run(self) -> int:
        """Listen, ask, conclude. Raises ComplaintError."""
        interrupted, found = False, list[FoundUnit]()
        try:
            probe = self._probe()
            sweep = probe.sweep(everybody=self._args.all)
            try:
                self._sweep(probe, sweep)
                found += (probe.about(step) for step in sweep.found.values())
            except KeyboardInterrupt:
                interrupted = True
                asked = {one.unit for one in found}
                found += (FoundUnit(s.unit, s.setting, s.reason) for s in sweep.found.values() if s.unit not in asked)
        except LinkError as fault:
            raise self._lost(fault) from fault
        finally:
            self._tell.end()
        self._conclude(found, interrupted=interrupted)
        return 130 if interrupted else 0 if found or self._polled() else 1

    def _probe(self) -> Probe:
        """How the wire is asked, after listening where it is a line. Raises ComplaintError where others speak."""
        if isinstance(self._wire, AgentsBus):
            return AgentsProbe(self._wire)
        if isinstance(self._wire, SerialBus):
            settings = self._settings(self._wire)
            timeout_s = self._args.timeout or TIMEOUT_S
            speeds = dict[int, SerialBus]()
            for setting in settings:
                speeds.setdefault(setting.baud, setting.bus(self._wire.port, timeout_s))
            self._listen(tuple(speeds.values()))
            return LineProbe(self._wire.port, settings, timeout_s)
        if self._wire.framing != "tcp":
            self._listen([self._wire])
        return TcpProbe(self._wire)

    def _settings(self, bus: SerialBus) -> list[LineSetting]:
        """What to try: of a bus of the settings its own first."""
        usual = list(in_order(self._args.baud))
        own = [LineSetting.of(bus)] if bus.id != bus.port else []
        return own + [setting for setting in usual if setting not in own]

    def _listen(self, buses: Sequence[Bus]) -> None:
        self._tell.listening(self._args.target, self._args.listen)
        heard = listen_first(buses, self._args.listen)
        if heard.somebody:
            raise ComplaintError("E2607", 75, port=self._args.target, who=_who(heard, self._tell))

    def _sweep(self, probe: Probe, sweep: Sweep[Setting]) -> None:
        pace = Pace(self._args.timeout or probe.timeout_s, boot_seconds())
        for step in sweep.run(probe.at):
            self._steps += 1
            if step.garbled:
                self._garbled.append(step)
            self._tell.step(step, self._steps, pace.left_s(step, boot_seconds()))
            if everybody_answers(sweep, self._steps):
                sweep.found = dict([next(iter(sweep.found.items()))])
                self._tell.one_for_all()
                return
            if len(sweep.found) == self._args.until:
                return

    def _conclude(self, found: list[FoundUnit], *, interrupted: bool) -> None:
        held = self._wire.id if isinstance(self._wire, AgentsBus) else None
        pasted = toml(_written(self._args.target, self._wire), found, self._lang, bus=held) if found else ""
        garbled = [step for step in self._garbled if step.unit not in {one.unit for one in found}]
        over_tcp = not isinstance(self._wire, AgentsBus) and self._wire.framing == "tcp"
        outcome = Outcome(self._args.target, found, garbled, pasted, self._steps, interrupted, self._polled(), over_tcp)
        say(as_json(outcome) if self._args.json else conclusion(outcome, self._lang))
        if self._args.write is not None and found:
            self._write(pasted)

    def _polled(self) -> tuple[int, ...]:
        return self._wire.polled() if isinstance(self._wire, AgentsBus) else ()

    def _write(self, pasted: str) -> None:
        try:
            with self._args.write.open("x", encoding="utf-8") as file:
                file.write(pasted)
        except FileExistsError as fault:
            raise ComplaintError("E2611", 73, file=self._args.write) from fault
        except OSError as fault:
            raise ComplaintError("E2619", 73, file=self._args.write, reason=fault.strerror) from fault
        self._tell.wrote(self._args.write)

    def _lost(self, fault: LinkError) -> ComplaintError:
        if isinstance(self._wire, AgentsBus):
            return ComplaintError("E2614", bus=self._wire.id, reason=fault)
        return complaint_of(self._wire, fault)


def _who(heard: Speakers, tell: Teller) -> str:
    units = [f"{unit} (FC {', '.join(map(str, sorted(heard.functions[unit])))})" for unit in sorted(heard.functions)]
    return tell.speakers("; ".join(units), heard)


def _written(target: str, wire: Wire) -> str:
    """As the settings take it: a port by its full path, also where a bus or a path from here was named."""
    if isinstance(wire, AgentsBus):
        return target
    return str(Path(wire.port).absolute()) if isinstance(wire, SerialBus) else _address(wire)


def _address(bus: TcpBus) -> str:
    return f"[{bus.host}]:{bus.port}" if ":" in bus.host else f"{bus.host}:{bus.port}"


def _listening(text: str) -> float:
    return max(duration(text), 1.0)


def _bauds(text: str) -> tuple[int, ...]:
    bauds = {str(baud): baud for baud in USABLE}
    words = [word.strip() for word in text.split(",")]
    if not bauds.keys() >= set(words):
        raise argparse.ArgumentTypeError(messages.word("typed_no_bauds", spoken(), text=text, bauds=", ".join(bauds)))
    return tuple(dict.fromkeys(bauds[word] for word in words))
