"""What `hubpulse watch` shows: a table for a terminal, a line a message for everything else, in English or Chinese."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.bureau.view import Heard, SiteView, View
from agent.fitting import FirstThatFits
from config.load_settings import MODES
from config.locker_settings import SIZES
from config.messages import Language, kind, named, quality, severity, state, word

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "site": "site",
        "line": "line",
        "in": "in",
        "in_pph": "in/h",
        "out": "out",
        "out_pph": "out/h",
        "wip": "on\nsorter",
        "load": "load\nindex",
        "state": "state",
        "trust": "quality",
        "age": "age",
        "locker": "locker",
        "free": "free",
        "sizes": "free s/m/l/xl",
        "occupied": "occupied",
        "faulty": "faulty",
        "unknown": "unknown",
        "overdue": "overdue",
        "door_open": "door\nopen",
        "ordered": "{site}: {mode}",
        "alarm": "{site}: {stands} {alarm} ({what})",
        "online": "online",
        "offline": "offline",
        "summary": "sites: {sites}, {messages} messages, {repeated} repeated, {missing} missing, {rejected} rejected",
        "waiting": "connected to {broker} (MQTT {version}); nothing heard yet",
    },
    "zh": {
        "site": "站点",
        "line": "分拣线",
        "in": "供件",
        "in_pph": "供件/时",
        "out": "落格",
        "out_pph": "落格/时",
        "wip": "在线\n件数",
        "load": "负荷\n指数",
        "state": "状态",
        "trust": "质量",
        "age": "已过",
        "locker": "快件箱",
        "free": "空闲",
        "sizes": "空闲 s/m/l/xl",
        "occupied": "占用",
        "faulty": "故障",
        "unknown": "未知",
        "overdue": "滞留",
        "door_open": "门开",
        "ordered": "{site}：{mode}",
        "alarm": "{site}：{stands} {alarm}（{what}）",
        "online": "在线",
        "offline": "离线",
        "summary": "{sites} 个站点，{messages} 条消息，重复 {repeated} 条，缺失 {missing} 条，拒收 {rejected} 条",
        "waiting": "已连接 {broker}（MQTT {version}），尚未收到消息",
    },
}
_FIGURES = ("in_total", "in_pph", "out_total", "out_pph", "wip", "load_index")
_NAMES = ("event", "input", "what", "before", "after", "cause", "cmd", "outcome", "reason", "suspended", "state", "q")
_LOCKER = ("free", "occupied", "faulty", "unknown", "overdue", "door_open")
_FEW = {"in": 1, "out": 3, "load": 6, "state": 7, "trust": 8}
_FEW_OF_LOCKER = {"free": 2, "occupied": 3, "overdue": 6, "trust": 8}
"""What is left of the rows on a phone, by the place of the cell."""
_LONGEST = 32


class Board:
    """Draws a view. `note` tells it when a message came, on the boot-time clock, so that age can be shown."""

    def __init__(self, lang: Language, broker: str, version: str) -> None:
        self._lang: Language = lang
        self._words = _WORDS[lang]
        self._broker = broker
        self._version = version
        self._heard_s: dict[tuple[str, str], float] = {}

    def note(self, heard: Heard, now_s: float) -> None:
        self._heard_s[heard.site, heard.tail] = now_s

    def table(self, view: View, now_s: float) -> RenderableType:
        """All sites and their lines at this moment."""
        if not view.sites:
            return Text(self._words["waiting"].format(broker=self._broker, version=self._version))
        wide = Group(self._lines(view, now_s), *self._lockers(view, now_s))
        told = Text("\n".join([*self._ordered(view), *self._alarms(view), self.summary(view)]))
        return Group(FirstThatFits((wide, self._narrow(view, now_s))), told)

    def _ordered(self, view: View) -> Iterator[str]:
        """The sites that do not work as usual."""
        for site in view.sites.values():
            mode = _word(site.latest.get("state", {}).get("mode", "normal"))
            if mode != "normal":
                said = [word(f"mode_{mode}", self._lang) if mode in MODES else mode]
                why, plan = (site.latest["state"].get(name) for name in ("suspended", "plan"))
                said += [named("suspended", _word(why), self._lang)] if why is not None else []
                said += [_word(plan)] if plan is not None else []
                yield self._words["ordered"].format(site=site.path, mode=" ".join(said))

    def _alarms(self, view: View) -> Iterator[str]:
        """The alarms that stand, everywhere."""
        for site in view.sites.values():
            for tail in sorted(one for one in site.latest if one.startswith("alarm/")):
                fields = site.latest[tail]
                said = [kind(_word(fields.get("as")), self._lang)]
                said += [_word(fields["line"])] if "line" in fields else []
                said.append(severity(_word(fields.get("severity")), self._lang))
                stands = word("alarm_unknown" if fields.get("q") == "stale" else "alarm_stands", self._lang)
                what = word("comma", self._lang).join(said)
                alarm = tail.removeprefix("alarm/")
                yield self._words["alarm"].format(site=site.path, stands=stands, alarm=alarm, what=what)

    def _narrow(self, view: View, now_s: float) -> RenderableType:
        """For a phone: each site below its name, with few columns."""
        parts: list[RenderableType] = []
        for site in view.sites.values():
            rows = list(self._rows(site, now_s))
            parts.append(Text(rows[0][0], "bold"))
            parts.append(self._few("line", _FEW, [row[1:] for row in rows if row[1]]))
            parts.append(self._few("locker", _FEW_OF_LOCKER, [row[1:] for row in self._locker_rows(site, now_s)]))
        return Group(*parts)

    def _few(self, first: str, columns: Mapping[str, int], rows: Sequence[Sequence[str]]) -> RenderableType:
        """Of each row, which begins with a name, the cells at those places; nothing where there is no row."""
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(self._words[first], overflow="fold")
        for name in columns:
            table.add_column(self._words[name], justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(row[at]) for at in (0, *columns.values())))
        return table if rows else Group()

    def _lines(self, view: View, now_s: float) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for name in ("site", "line"):
            table.add_column(self._words[name], overflow="fold")
        for name in ("in", "in_pph", "out", "out_pph", "wip", "load", "state", "trust", "age"):
            table.add_column(self._words[name], justify="right", no_wrap=True)
        for site in view.sites.values():
            for row in self._rows(site, now_s):
                table.add_row(*(Text(cell) for cell in row))
        return table

    def _rows(self, site: SiteView, now_s: float) -> Iterator[list[str]]:
        lines = _telemetry(site, "line")
        whole = site.latest.get("state", {})
        stands = state(_word(whole.get("state")), self._lang) if "state" in whole else ""
        name = f"{site.path.rpartition('/')[2]} {self._presence(site)} {stands}".rstrip()
        for number, (line, tail) in enumerate(lines):
            fields = site.latest[tail]
            figures = [_rounded(fields.get(key)) for key in _FIGURES]
            stands = state(_word(fields.get("state")), self._lang)
            yield [name if number == 0 else "", line, *figures, stands, *self._trust(site, tail, now_s)]
        if not lines:
            yield [name, *[""] * 10]

    def _lockers(self, view: View, now_s: float) -> Iterator[Table]:
        """A row for each locker, where there are any. What no sensor tells is a dash."""
        rows = [row for site in view.sites.values() for row in self._locker_rows(site, now_s)]
        if not rows:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for name in ("site", "locker"):
            table.add_column(self._words[name], overflow="fold")
        for name in ("sizes", *_LOCKER, "trust", "age"):
            table.add_column(self._words[name], justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        yield table

    def _locker_rows(self, site: SiteView, now_s: float) -> Iterator[list[str]]:
        for locker, tail in _telemetry(site, "locker"):
            fields = site.latest[tail]
            sizes = "/".join(_figure(fields.get(f"{size}_free")) for size in SIZES)
            figures = [_figure(fields.get(key)) for key in _LOCKER]
            yield [site.path.rpartition("/")[2], locker, sizes, *figures, *self._trust(site, tail, now_s)]

    def _trust(self, site: SiteView, tail: str, now_s: float) -> list[str]:
        age_s = now_s - self._heard_s.get((site.path, tail), now_s)
        return [quality(_word(site.latest[tail].get("q")), self._lang), f"{age_s:.0f} s"]

    def _presence(self, site: SiteView) -> str:
        return "" if site.online is None else self._words["online" if site.online else "offline"]

    def summary(self, view: View) -> str:
        """How complete it is: what came, came again, did not come, and was no agent's."""
        all_totals = [site.totals for site in view.sites.values()]
        return self._words["summary"].format(
            sites=len(view.sites),
            messages=sum(totals.messages for totals in all_totals),
            repeated=sum(totals.duplicates for totals in all_totals),
            missing=sum(site.missing for site in view.sites.values()),
            rejected=view.rejected,
        )

    def sentence(self, heard: Heard) -> str:
        """One message as one line of text."""
        if heard.tail == "status":
            return f"{heard.site} {self._words['online' if heard.fields.get('online') else 'offline']}"
        keys = _LOCKER if heard.tail.startswith("locker/") else _FIGURES
        shown = [f"{key}={_figure(heard.fields[key])}" for key in keys if key in heard.fields]
        trust = [f"{key}={_word(heard.fields[key])}" for key in _NAMES if key in heard.fields]
        return " ".join([heard.site, heard.tail, *shown, *trust, *(["hist"] if heard.fields.get("hist") else [])])


def _telemetry(site: SiteView, kind: str) -> list[tuple[str, str]]:
    """The names and topics of a site's lines or lockers that have told figures."""
    tails = (tail.split("/") for tail in sorted(site.latest))
    return [(parts[1], "/".join(parts)) for parts in tails if parts[0] == kind and parts[-1] == "telemetry"]


def picture(view: View) -> dict[str, object]:
    """The view as one JSON object, for machines."""
    return {"sites": {path: _site(site) for path, site in view.sites.items()}, "rejected": view.rejected}


def _site(site: SiteView) -> dict[str, object]:
    totals = site.totals
    counted = {name: totals.counted(name) for name in totals.counters}
    return {
        "online": site.online,
        "sid": site.sid,
        "events": {name: totals.events(name) for name in totals.streams},
        "counters": {name: {"lo": one.lo, "hi": one.hi, "total": one.total} for name, one in counted.items()},
        "messages": totals.messages,
        "duplicates": totals.duplicates,
        "gaps": site.gaps,
        "missing": site.missing,
        "latest": site.latest,
    }


def _figure(value: object) -> str:
    """A number for people; what is none shows as a dash. Payloads are foreign: nothing else of them is printed."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _rounded(value: object) -> str:
    """A figure without decimals, for a column."""
    return _figure(round(value)) if isinstance(value, float) and isfinite(value) else _figure(value)


def _word(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) and value.isascii() and value.isprintable() else "–"
