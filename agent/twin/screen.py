"""The demo's screen: tables for a terminal, one plain line for everything else, in English or Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from agent.fitting import FirstThatFits
from agent.twin.screen_words import WORDS
from agent.twin.show import CounterShow, LineShow, LockerShow, Moment, ScanShow
from config.line_settings import Line
from config.locker_settings import Locker
from config.messages import Language, quality
from config.messages import word as said_as
from config.settings import Settings
from fastpath.scans import BAD_NAMES

_PICTURE_COLUMNS = 104
_BAR_CELLS = 16
_FULL_INDEX = 100.0
_SCANS = ("new", "duplicate", "recirculated", "no_read", "multi", "heartbeat")
_FEW_SCANS = ("new", "duplicate", "no_read")
_LOCKER = {
    "door_open": "door_open",
    "opened": "door.opened",
    "delivered": "parcel.delivered",
    "collected": "parcel.collected",
    "occupied": "occupied",
}
_FEW_OF_LOCKER = ("door_open", "delivered", "occupied")
_BUSY, _OVERLOADED = 75.0, 100.0


@dataclass(frozen=True, slots=True)
class _AboveFoot:
    """`body` cut to the rows that `foot` leaves of the terminal."""

    body: RenderableType
    foot: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        free = options.update(height=None)
        foot = console.render_lines(self.foot, free, pad=False)
        body = console.render_lines(self.body, free, pad=False)
        for line in [*body[: max(0, console.height - len(foot))], *foot]:
            yield from line
            yield Segment.line()


class Screen:
    """Draws moments of the site `settings`; `commands` is where a reader can play with the twin."""

    def __init__(self, settings: Settings, lang: Language, broker: str, commands: str) -> None:
        self._site = settings.site
        self._lang: Language = lang
        self._words = WORDS[lang]
        self._broker = broker
        self._commands = commands

    def draw(self, now: Moment) -> RenderableType:
        """The whole screen."""
        return Group(self._body(now), *self._foot(now))

    def fitted(self, now: Moment) -> RenderableType:
        """As much of the screen as the terminal has rows for; its foot is always there."""
        return _AboveFoot(self._body(now), Group(*self._foot(now)))

    def _body(self, now: Moment) -> Group:
        name = self._site.name_zh if self._lang == "zh" else self._site.name_en
        head = Text.assemble((f" {name} ", "bold reverse"), f"  {now.at_s:5.1f} s   hubpulse demo")
        lines = FirstThatFits((self._lines(now), self._lines(now, narrow=True)))
        counters = FirstThatFits((self._counters(now), self._counters_narrow(now)))
        return Group(head, lines, counters, *self._scans(now), *self._lockers(now))

    def plain(self, now: Moment) -> str:
        """One line for a log: truth and bureau of each line's inductions and discharges."""
        parts = [f"{now.at_s:6.1f} s"]
        for one in now.lines:
            pairs = (f"{self._words[role]} {_pair(one, role)}" for role in ("induct", "discharge"))
            scans = [f"{self._words['scans']} {_scans_pair(one.scans)}"] if one.scans else []
            parts.append(f"{one.line.id}: {', '.join([*pairs, *scans])}")
        parts += [f"{one.locker.id}: {self._words['opened']} {_told_of(one, 'door.opened')}" for one in now.lockers]
        return "  |  ".join([*parts, self._uplink(now)])

    def _lines(self, now: Moment, *, narrow: bool = False) -> Table:
        fields = {"in": "in_pph"} if narrow else {"in": "in_pph", "out": "out_pph", "wip": "wip"}
        table = _table()
        table.add_column(self._words["line"])
        for word in fields:
            table.add_column(self._words[word], justify="right")
        for word in ("load", "trust"):
            table.add_column(self._words[word])
        for one in now.lines:
            told = one.telemetry
            figures = [_figure(told.get(field)) for field in fields.values()]
            load = _bar(told.get("load_index"), 0 if narrow else _BAR_CELLS)
            table.add_row(self._name(one), *figures, load, quality(str(told.get("q", "")), self._lang))
        return table

    def _counters(self, now: Moment) -> Table:
        table = _table()
        table.add_column(self._words["line"])
        table.add_column("")
        table.add_column(self._words["counter"], style="cyan")
        for word in ("shows", "truth", "bureau"):
            table.add_column(self._words[word], justify="right")
        table.add_column("")
        for one in now.lines:
            for number, seen in enumerate(one.counters):
                name = "" if number else self._name(one)
                figures = (f"{seen.shown:,}", f"{seen.truth:,}", _figure(seen.bureau))
                table.add_row(name, self._words[seen.role], seen.name, *figures, _same(seen))
        return table

    def _counters_narrow(self, now: Moment) -> Table:
        """Without roles and registers; a line's name stands above its counters."""
        table = _table()
        table.add_column(self._words["counter"])
        for word in ("truth", "bureau"):
            table.add_column(self._words[word], justify="right")
        table.add_column("")
        for one in now.lines:
            table.add_row(self._name(one))
            for seen in one.counters:
                table.add_row(Text(f"  {seen.name}", "cyan"), f"{seen.truth:,}", _figure(seen.bureau), _same(seen))
        return table

    def _scans(self, now: Moment) -> list[RenderableType]:
        """A cell is what was said, or what the bureau has of it where that is not the same."""
        seen = [(one, one.scans) for one in now.lines if one.scans is not None]
        return [FirstThatFits((self._scan_table(seen, _SCANS), self._scan_table(seen, _FEW_SCANS)))] if seen else []

    def _scan_table(self, seen: Sequence[tuple[LineShow, ScanShow]], names: Sequence[str]) -> Table:
        table = _table()
        for word in ("scans", *names, "bad"):
            table.add_column(self._words[word], justify="left" if word == "scans" else "right")
        table.add_column("")
        for one, scans in seen:
            pairs = [(scans.truth.get(name, 0), scans.bureau.get(name, 0)) for name in names]
            pairs.append((_bad(scans.truth), _bad(scans.bureau)))
            cells = [_figure(truth) if truth == bureau else f"{bureau:,} < {truth:,}" for truth, bureau in pairs]
            table.add_row(self._name(one), *cells, _same(scans))
        return table

    def _lockers(self, now: Moment) -> list[RenderableType]:
        """Like scans: a cell is the truth, or what the bureau has where that is not the same; a dash: no sensor."""
        few = {word: _LOCKER[word] for word in _FEW_OF_LOCKER}
        tables = self._locker_table(now, _LOCKER), self._locker_table(now, few)
        return [FirstThatFits(tables)] if now.lockers else []

    def _locker_table(self, now: Moment, names: Mapping[str, str]) -> Table:
        whole = names is _LOCKER
        table = _table()
        for word in ("lockers", *(["total"] if whole else []), *names, "free", *(["trust"] if whole else [])):
            table.add_column(self._words[word], justify="left" if word in {"lockers", "trust"} else "right")
        table.add_column("")
        for one in now.lockers:
            total = [_figure(one.truth["total"])] if whole else []
            cells = [_told_of(one, name) for name in names.values()]
            trust = [quality(str(one.telemetry.get("q", "")), self._lang)] if whole else []
            free = _figure(one.telemetry.get("free"))
            table.add_row(self._named(one.locker), *total, *cells, free, *trust, _same(one))
        return table

    def _foot(self, now: Moment) -> list[Text]:
        devices = Text(f" {self._words['devices']}  ")
        for device, online in now.devices.items():
            style = {True: "green", False: "bold red", None: "dim"}[online]
            devices.append("● " if online else "○ ", style).append(f"{device}  ")
        uplink = Text(f" {self._words['uplink']}  {self._uplink(now)}")
        spool = Text(f" {self._words['spool']}  {self._books(now)}")
        hint = Text(f" {self._words['hint'].format(commands=self._commands)}", "dim")
        return [
            Text(f" {self._words['floor']}  {self._floor(now)}"),
            devices,
            uplink,
            spool,
            Text(f" {self._words['legend']}", "dim"),
            hint,
        ]

    def _floor(self, now: Moment) -> str:
        level, told = now.floor
        state = said_as(f"state_{told.get('state', 'UNKNOWN')}", self._lang)
        return self._words["on_floor"].format(level=level, backlog=told.get("backlog", "…"), state=state)

    def _uplink(self, now: Moment) -> str:
        told = now.health.get("uplink", {})
        heard = self._words["messages"].format(messages=now.messages, duplicates=now.duplicates)
        state = self._words["connected" if told.get("connected", now.messages > 0) else "away"]
        protocol = f" MQTT {told['protocol']}" if told.get("protocol") else ""
        return f"{self._broker}{protocol} {state}{said_as('comma', self._lang)}{heard}"

    def _books(self, now: Moment) -> str:
        books = now.health.get("spool")
        if not books:
            return "…"
        hours = books.get("hours_left")
        room = "" if hours is None else self._words["room"].format(room=said_as("ready_hours", self._lang, hours=hours))
        return self._words["books"].format(**books) + room

    def _name(self, one: LineShow) -> str:
        return self._named(one.line)

    def _named(self, one: Line | Locker) -> str:
        return one.name_zh if self._lang == "zh" else one.name_en


def picture(screen: RenderableType) -> str:
    """The screen as SVG."""
    console = Console(record=True, width=_PICTURE_COLUMNS, file=StringIO(), force_terminal=True)
    console.print(screen)
    return console.export_svg(title="hubpulse demo")


def _table() -> Table:
    return Table(box=None, padding=(0, 1), header_style="bold dim")


def _same(seen: CounterShow | ScanShow | LockerShow) -> Text:
    """Whether the bureau has what is true, or it is still on its way."""
    return Text("=", "green") if seen.truth == seen.bureau else Text("…", "yellow")


def _pair(one: LineShow, role: str) -> str:
    seen = [counter for counter in one.counters if counter.role == role]
    truth, bureau = sum(counter.truth for counter in seen), sum(counter.bureau or 0 for counter in seen)
    return f"{truth}={bureau}" if truth == bureau else f"{truth}>{bureau}"


def _scans_pair(scans: ScanShow) -> str:
    truth, bureau = sum(scans.truth.values()), sum(scans.bureau.values())
    return f"{truth}={bureau}" if scans.truth == scans.bureau else f"{truth}>{bureau}"


def _told_of(one: LockerShow, name: str) -> str:
    truth, bureau = one.truth.get(name, 0), one.bureau.get(name, 0)
    if name not in one.truth and name not in one.bureau and name != "door.opened" and "occupied" not in one.truth:
        return "–"
    return _figure(truth) if truth == bureau else f"{bureau:,} < {truth:,}"


def _bad(counts: Mapping[str, int]) -> int:
    return sum(counts.get(name, 0) for name in BAD_NAMES)


def _figure(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "–"


def _bar(index: object, longest: int) -> Text:
    if not isinstance(index, int | float):
        return Text("–", "dim")
    cells = min(longest, round(longest * index / _FULL_INDEX))
    style = "green" if index < _BUSY else "yellow" if index < _OVERLOADED else "bold red"
    return Text.assemble(("━" * cells, style), ("─" * (longest - cells), "dim"), f" {index:.0f}")
