"""Read one place of one device and show everything that it can mean; find a number that the panel shows.

  hubpulse read sorter 1 40101                      a bus of the running agent, between its polls
  hubpulse read /dev/ttyUSB0 1 holding:100 --baud 19200
  hubpulse read 192.168.1.10 1 30001 --expect 1234.5
  hubpulse read sorter 1 D100 --profile inovance-h3u --watch

REF is 40101 (counted from 1), holding:100 or input:0x48 (the address in the frame, counted from 0), or a PLC's own
name with --profile. What is refused is tried one address lower and higher and in the sister area. It only reads.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from agent.bus.link import LinkError
from agent.cli import read_sheet
from agent.cli.commissioning import add_line_options, add_wire_options, complain, options_of, reason_in_words
from agent.cli.profiles import OWN_FOLDER
from agent.cli.quantities import duration, whole
from agent.cli.speech import chosen_language, say
from agent.clock import boot_seconds
from agent.commission import ComplaintError, NoValueError, Reader
from agent.commission.attempts import SISTER, Attempts, attempt, image
from agent.commission.reference import place, written
from agent.commission.wires import AgentsBus, Wire, named, opened, silence_of
from config import messages, profiles
from config.device_settings import Area
from config.faults import ConfigError
from config.messages import Language
from config.notation import BIT_AREAS, Notation
from drivers import Value
from drivers.decodings import Counting
from drivers.expected import WINDOW, Expected, search
from drivers.modbus_frames import Read

_NUMBERS, _BITS = 4, 16
_AWAY = ("timeout", "late", "echo", "link_down", "exception_10", "exception_11")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="BUS|PORT|HOST[:PORT]", help="a bus of the settings, a serial port, a host")
    parser.add_argument("unit", type=int, metavar="UNIT", help="the unit's number, 1 to 247 on a serial line")
    parser.add_argument("ref", metavar="REF", help="40101, holding:100, input:0x48, or D100 with --profile")
    parser.add_argument("--count", type=whole(1, 2000), metavar="N", help="registers (4) or bits (16)")
    parser.add_argument("--expect", metavar="NUMBER", help="what the panel shows: find where and how it stands there")
    parser.add_argument("--within", type=float, metavar="N", help="by how much it may differ (half its last digit)")
    parser.add_argument("--watch", action="store_true", help="read again and again; marks what counts by small steps")
    parser.add_argument("--every", type=duration, default=1.0, metavar="TIME", help="between two reads of --watch (1s)")
    parser.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="end --watch after 10s, 5m, 1h")
    parser.add_argument("--profile", metavar="NAME", help="the device model, for its own names of registers")
    parser.add_argument("--profiles", type=Path, default=OWN_FOLDER, metavar="DIR", help="default: %(default)s")
    add_line_options(parser)
    add_wire_options(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    try:
        wire = named(args.target, options_of(args))
        if isinstance(wire, AgentsBus):
            with closing(wire):
                return _Look(args, lang, wire, wire.read, _place(args, wire)).run()
        where = _place(args, wire)  # what is written wrong is told before a wire is touched
        with closing(opened(wire)) as line:
            return _Look(args, lang, wire, line.read, where).run()
    except ComplaintError as complaint:
        return complain("read", complaint, lang, as_json=args.json)


class _Look:
    """One run of the verb: a reader, and the place it was asked to look at."""

    def __init__(
        self, args: argparse.Namespace, lang: Language, wire: Wire, reader: Reader, where: tuple[Area, int]
    ) -> None:
        self._args, self._wire, self._reader = args, wire, reader
        self._lang: Language = lang
        self._area: Area = where[0]
        self._address = where[1]

    def run(self) -> int:
        """Look once, or again and again. Raises ComplaintError."""
        try:
            if self._args.expect is not None:
                return self._expect(self._args.expect)
            made = self._attempt()
            return self._watch(made) if self._args.watch else self._once(made)
        except NoValueError as fault:
            target, unit, said = self._args.target, self._args.unit, reason_in_words(fault.reason, self._lang)
            if fault.reason in _AWAY:
                raise silence_of(self._wire, target, unit, fault.reason, said) from fault
            raise ComplaintError("E2617", target=target, unit=unit, reason=said) from fault
        except LinkError as fault:
            raise ComplaintError("E2605", port=self._args.target, reason=fault) from fault

    def _attempt(self) -> Attempts:
        """What is there, or as near to it as the device lets read. Raises ComplaintError when it refuses all."""
        usual = _BITS if self._area in BIT_AREAS else _NUMBERS
        where = f"{self._area} {self._address} ({written(self._area, self._address)})"
        count = self._args.count or min(usual, 65536 - self._address)
        try:
            wanted = Read(self._args.unit, self._area, self._address, count)
        except ValueError:
            raise ComplaintError("E2623", 2, count=count, place=where) from None
        made = attempt(self._reader, wanted)
        if made.read is None:
            refusals = "; ".join(dict.fromkeys(reason_in_words(reason, self._lang) for _, reason in made.refused))
            raise ComplaintError("E2613", unit=self._args.unit, place=where, refusals=refusals)
        return made

    def _once(self, made: Attempts) -> int:
        if self._args.json:
            self._say_json(read_sheet.as_json(made))
        else:
            say("\n".join([*read_sheet.tried(made, self._lang), *read_sheet.sheet(made, self._lang)]))
        return 0

    def _expect(self, text: str) -> int:
        """Look for the number near the place, then in the sister area."""
        expected = self._expected(text)
        first, last = max(self._address - WINDOW, 0), min(self._address + WINDOW + 3, 65535)
        areas: tuple[Area, Area] = (self._area, SISTER[self._area])
        for area in areas:
            seen = image(self._reader, self._args.unit, area, first, last)
            found = search(area, self._address, {at: int(value) for at, value in seen.items()}, expected)
            if found and self._args.json:
                self._say_json({"expected": text, "found": [read_sheet.found_as_json(one) for one in found]})
            elif found:
                say("\n".join(read_sheet.found_in_words(text, found, self._address, self._lang)))
            if found:
                return 0
        raise ComplaintError("E2615", number=text, unit=self._args.unit, first=first, last=last)

    def _expected(self, text: str) -> Expected:
        if self._area in BIT_AREAS:
            raise ComplaintError("E2621", 2, place=self._args.ref)
        try:
            expected = Expected.written(text, self._args.within)
        except ValueError:
            raise ComplaintError("E2616", 2, text=text) from None
        if 0 < abs(expected.number) <= expected.within:
            raise ComplaintError("E2632", 2, text=text, within=f"{expected.within:g}")
        return expected

    def _watch(self, made: Attempts) -> int:
        """Read again and again until the time is over or Ctrl-C."""
        counting = Counting()
        if not self._args.json:
            say("\n".join([*read_sheet.tried(made, self._lang), messages.word("read_watching", self._lang)]))
        with suppress(KeyboardInterrupt):
            for values in self._again(made):
                made.values = values
                line = read_sheet.moment(made, counting)
                if not self._args.json:
                    say(line)
        if self._args.json:
            likely = [{"type": one.type, "word_order": one.word_order} for one in counting.likely()]
            self._say_json(read_sheet.as_json(made) | {"counts": likely})
        else:
            say(read_sheet.verdict(made, counting, self._lang))
        return 0

    def _again(self, made: Attempts) -> Iterator[Sequence[Value]]:
        """The values of the read, each time it is answered; a miss is said and the next is awaited."""
        assert made.read is not None
        until_s = boot_seconds() + (self._args.for_s or math.inf)
        yield made.values
        while boot_seconds() + self._args.every < until_s:
            time.sleep(self._args.every)
            try:
                yield self._reader(made.read)
            except NoValueError as fault:
                if not self._args.json:
                    say(reason_in_words(fault.reason, self._lang))

    def _say_json(self, said: dict[str, object]) -> None:
        say(json.dumps({"target": self._args.target} | said, ensure_ascii=False))


def _place(args: argparse.Namespace, wire: Wire) -> tuple[Area, int]:
    """Area and address of REF, by the names of the device's profile where it has one. Raises ComplaintError."""
    framing = wire.line.get("framing") if isinstance(wire, AgentsBus) else wire.framing
    low, high = (0, 255) if framing == "tcp" else (1, 247)
    if not low <= args.unit <= high:
        raise ComplaintError("E2620", 2, unit=args.unit, target=args.target, low=low, high=high)
    try:
        return place(args.ref, _notation(args, wire))
    except ValueError:
        raise ComplaintError("E2610", 2, ref=args.ref) from None


def _notation(args: argparse.Namespace, wire: Wire) -> Notation:
    polled = wire.devices if isinstance(wire, AgentsBus) else ()
    name = args.profile or next((one["profile"] for one in polled if one["unit"] == args.unit), None)
    if name is None:
        return ()
    try:
        return profiles.load(name, [args.profiles] if args.profiles.is_dir() else []).notation
    except ConfigError:
        raise ComplaintError("E2618", 66, profile=name) from None
