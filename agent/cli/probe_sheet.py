"""How a probe is told: its progress with the time left, then who was found, what is odd, and TOML to paste."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.cli.commissioning import reason_in_words
from agent.cli.profile_sheet import table
from agent.commission.found import FoundUnit
from agent.commission.overhearing import Speakers
from agent.commission.probing import Setting
from agent.commission.sweep import Step
from config import messages
from config.bus_settings import SerialBus
from config.faults import columns
from config.messages import Language

_MOST_GARBLED = 6


class Teller:
    """Progress on standard error: one line that changes on a terminal, a line for each find and setting elsewhere."""

    def __init__(self, lang: Language, *, quiet: bool) -> None:
        self._lang: Language = lang
        self._quiet = quiet
        self._live = sys.stderr.isatty() and not quiet
        self._shown = 0
        self._setting: str | None = None
        self._found = 0

    def listening(self, where: str, seconds: float) -> None:
        """It begins with silence on our side."""
        self._say(messages.word("probe_listening", self._lang, where=where, seconds=f"{seconds:g}"))

    def step(self, step: Step[Setting], done: int, left_s: float) -> None:
        """One unit was asked."""
        setting = str(step.setting or "")
        if step.present:
            self._found += 1
            said = reason_in_words(step.reason, self._lang)
            self._say(messages.word("probe_unit", self._lang, unit=step.unit, setting=setting, reason=said))
        left = messages.word("probe_left", self._lang, time=_time(left_s, self._lang), asks=step.left)
        percent = f"{done / (done + step.left):.0%}"
        line = f"{setting}  {step.unit}  {percent}  {left}  ✓ {self._found}".strip()
        if self._live:
            self._overwrite(line)
        elif setting != self._setting:
            self._setting = setting
            self._say(line)

    def one_for_all(self) -> None:
        """Every number was answered."""
        self._say(messages.word("probe_any_number", self._lang))

    def speakers(self, units: str, heard: Speakers) -> str:
        """Who was heard, in words."""
        if not heard.frames:
            return messages.word("probe_noise", self._lang, octets=heard.octets)
        bus = heard.bus
        setting = bus.baud if isinstance(bus, SerialBus) else "–"
        return messages.word("probe_speakers", self._lang, units=units, frames=heard.frames, setting=setting)

    def wrote(self, file: Path) -> None:
        """The TOML stands in a file."""
        self._say(messages.word("wrote", self._lang, file=file))

    def end(self) -> None:
        """Nothing more changes."""
        if self._live:
            self._overwrite("")

    def _say(self, line: str) -> None:
        if self._quiet:
            return
        if self._live:
            self._overwrite("")
        print(_printable(line), file=sys.stderr, flush=True)

    def _overwrite(self, line: str) -> None:
        width = columns(line)
        print("\r" + _printable(line) + " " * (self._shown - width) + "\r", end="", file=sys.stderr, flush=True)
        self._shown = width


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe of `where` brought: `steps` is how often somebody was asked, `pasted` the TOML of what was found.

    `polled` are units that the agent reads already, and that were left alone; `over_tcp`: Modbus TCP was spoken.
    """

    where: str
    found: Sequence[FoundUnit]
    garbled: Sequence[Step[Setting]]
    pasted: str
    steps: int
    interrupted: bool
    polled: Sequence[int] = ()
    over_tcp: bool = False


def conclusion(outcome: Outcome, lang: Language) -> str:
    """What came out, for people."""
    found, garbled = outcome.found, outcome.garbled
    polled = ", ".join(map(str, outcome.polled))
    headline = "probe_found_besides" if polled else "probe_found"
    blocks = [messages.word(headline, lang, count=len(found), where=outcome.where, polled=polled)]
    if found:
        blocks.append(table([tuple(_row(one, lang)) for one in found]))
    blocks += _doubts(garbled, lang)
    if not found and not polled and not garbled and not outcome.interrupted:
        blocks.append(messages.word("probe_nothing_tcp" if outcome.over_tcp else "probe_nothing", lang))
    if outcome.pasted:
        blocks += [messages.word("probe_paste", lang), outcome.pasted.rstrip()]
    return "\n\n".join(blocks)


def as_json(outcome: Outcome) -> str:
    """The same for machines."""
    said = {
        "target": outcome.where,
        "asked": outcome.steps,
        "interrupted": outcome.interrupted,
        "polled": list(outcome.polled),
        "found": [_unit_as_json(one) for one in outcome.found],
        "garbled": [
            {"unit": one.unit, "setting": _setting(one.setting), "reason": one.reason} for one in outcome.garbled
        ],
        "toml": outcome.pasted,
    }
    return json.dumps(said, ensure_ascii=False)


def _unit_as_json(one: FoundUnit) -> dict[str, object]:
    names = ("vendor", "product", "revision", "server_id")
    return {
        "unit": one.unit,
        "setting": _setting(one.setting),
        "reason": one.reason,
        "identity": {name: getattr(one.identity, name) for name in names},
        "profile": one.match.profile,
        "profiles": one.match.others,
    }


def _setting(setting: Setting) -> dict[str, object] | None:
    if setting is None:
        return None
    return {
        "baud": setting.baud,
        "data_bits": setting.data_bits,
        "parity": setting.parity,
        "stop_bits": setting.stop_bits,
        "framing": setting.framing,
    }


def _row(one: FoundUnit, lang: Language) -> Iterator[str]:
    yield f"  {one.unit}"
    yield str(one.setting or "")
    yield reason_in_words(one.reason, lang)
    yield messages.printable(str(one.identity))
    if one.match.profile:
        yield one.match.profile
    else:
        names = ", ".join(one.match.others)
        yield messages.word("probe_could_be", lang, names=names) if names else ""


def _doubts(garbled: Sequence[Step[Setting]], lang: Language) -> Iterator[str]:
    if garbled:
        places = [f"{one.unit} ({one.setting or ''} {one.reason})" for one in garbled[:_MOST_GARBLED]]
        yield messages.word("probe_garbled", lang, units=", ".join(places), count=len(garbled))


def _time(seconds: float, lang: Language) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return messages.word("probe_minutes" if minutes else "probe_seconds", lang, minutes=minutes, seconds=rest)


def _printable(line: str) -> str:
    encoding = sys.stderr.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)
