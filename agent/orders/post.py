"""The command post: hears what is ordered, obeys or refuses it, answers each once, and leaves a trail of it all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.load.instant import Instant
from agent.load.periods import local_day
from agent.orders import seal
from agent.orders.audit import Mark, Trail
from agent.orders.book import Book, Turn
from agent.orders.entry import Entry
from agent.orders.order import (
    KINDS,
    Deed,
    Fields,
    Kind,
    ModeOrder,
    Order,
    PlanOrder,
    RefusedError,
    number_of,
    understood,
)
from agent.orders.seal import Verifier
from agent.orders.steer import Steer
from config.load_settings import Mode, Season

SETTINGS = "settings"
"""By whom the mode is that nobody ordered."""

REFUSALS_AN_HOUR = 20
"""So many refusals of an hour have entries of their own; those beyond are one entry with their number."""

Told = Mapping[str, object]
Act = Callable[[Deed, str], str]
"""Does what is ordered, under a name that is the same when it is ordered again, and says why not, "" where it did."""


class Command(Protocol):
    """A command as it came from the broker: `fault` says why its payload has no fields."""

    @property
    def name(self) -> str: ...

    @property
    def fields(self) -> Fields: ...

    @property
    def retained(self) -> bool: ...

    @property
    def fault(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom this site obeys: `site` is PROV/CITY/SITE, `lines` are what a plan may name."""

    site: str
    lines: Collection[str] = ()
    key: Verifier | None = None
    signed_only: bool = False
    trust_rtc: bool = False
    season: Season | None = None


class CommandPost:
    """Lives in the beat. What is done at once is done by whoever calls: see `Act`."""

    def __init__(self, rules: Rules, trail: Trail | None, warn: Callable[..., None]) -> None:
        self._rules = rules
        self._trail = trail
        self._warn = warn
        self._book = Book(trust_rtc=rules.trust_rtc)
        self._answers: list[Told] = []
        self._refused: dict[Kind, str] = {}
        self._refusals: list[float] = []
        self._untold = 0
        self._ended_by = SETTINGS
        self.steer = Steer()

    @property
    def mark(self) -> Mark | None:
        """The newest entry of the trail."""
        return self._trail.mark if self._trail else None

    def hear(self, commands: Sequence[Command], now: Instant, act: Act) -> None:
        """Take what came, each of a known kind; each is answered, but for the very same one that comes again."""
        for command in commands:
            kind = KINDS[command.name]
            try:
                self._hear(kind, command, now, act)
            except RefusedError as refusal:
                self._refuse(kind, command, refusal, now)

    def _hear(self, kind: Kind, command: Command, now: Instant, act: Act) -> None:
        if command.fault:
            raise RefusedError("malformed", command.fault)
        fields, rules = command.fields, self._rules
        seal.demand(rules.key, rules.site, kind, fields, required=rules.signed_only)
        seq, digest = number_of(fields), seal.digest(fields)
        if self._book.is_repeat(kind, seq, digest):
            return
        order = self._known(understood(kind, fields))
        self._book.note(kind, seq, digest)
        turn = self._book.take(kind, seq, order, now)
        if isinstance(order, Deed) and (reason := act(order, f"bureau-{seq}")):
            raise RefusedError("impossible", reason)
        self._told(turn, now)

    def order_here(self, kind: Kind, fields: Fields, now: Instant) -> Told:
        """Obey somebody on this machine. Raises RefusedError."""
        try:
            turn = self._book.take_here(kind, self._known(understood(kind, fields)), now)
        except RefusedError as refusal:
            self._write("refused", now, cmd=kind, source="site", by=str(fields.get("by")), reason=refusal.reason)
            raise
        self._told(turn, now)
        return self._answers[-1]

    def _known(self, order: Order) -> Order:
        if isinstance(order, PlanOrder) and order.line and order.line not in self._rules.lines:
            raise RefusedError("unknown_line", f"there are: {', '.join(self._rules.lines)}")
        return order

    def advance(self, now: Instant) -> None:
        """What begins or ends at `now`; `steer` is what is in force then."""
        for turn in self._book.advance(now):
            if isinstance(turn, Turn):
                self._told(turn, now)
            else:
                self._answer(*turn, now)
        before, self.steer = self.steer, self._steer(now)
        if self.steer.mode != "normal" or self.steer.to_ms is not None:
            self._ended_by = SETTINGS
        if before.mode != self.steer.mode:
            self._write("mode", now, before=before.mode, after=self.steer.mode, by=self.steer.by)

    def _steer(self, now: Instant) -> Steer:
        ruling, planned = self._book.ruling("mode", now), self._book.ruling("plan", now)
        mode, plan = ruling.order if ruling else None, planned.order if planned else None
        if not isinstance(mode, ModeOrder):
            usual = self._mode_of_the_season(self._book.known(now).least_ms)
            mode = ModeOrder(self._ended_by if usual == "normal" else SETTINGS, usual)
        if not isinstance(plan, PlanOrder):
            plan = None
        return Steer(
            mode=mode.mode,
            suspended=mode.reason if mode.mode == "suspended" else "",
            plan=plan.plan_id if plan else "",
            line=plan.line if plan else "",
            capacity_pph=plan.capacity_pph if plan else None,
            exercise=mode.exercise or bool(plan and plan.exercise),
            by=mode.by,
            from_ms=ruling.from_ms if ruling else None,
            to_ms=mode.to_ms,
            plan_from_ms=planned.from_ms if planned else None,
            plan_to_ms=plan.to_ms if plan else None,
        )

    def _mode_of_the_season(self, at_ms: int) -> Mode:
        season = self._rules.season
        if season is None:
            return "normal"
        day = local_day(at_ms / 1000)
        return season.mode if season.first_day <= day <= season.last_day else "normal"

    def _told(self, turn: Turn, now: Instant) -> None:
        entry = turn.entry
        if isinstance(entry.order, ModeOrder) and entry.order.is_end:
            self._ended_by = entry.order.by
        mark = self._write(
            turn.outcome, now, cmd=entry.kind, cmd_seq=entry.seq, source=entry.source, **entry.order.form()
        )
        self._say(entry, now, mark, outcome=turn.outcome, **self._foretold(turn))

    def _foretold(self, turn: Turn) -> dict[str, object]:
        """Of what comes near its end: when, in how many minutes, and what is in force then."""
        to_ms = turn.entry.order.to_ms
        if turn.outcome != "ends" or to_ms is None:
            return {}
        if turn.entry.kind == "plan":
            then = turn.then.plan_id if isinstance(turn.then, PlanOrder) else None
        else:
            then = turn.then.mode if isinstance(turn.then, ModeOrder) else self._mode_of_the_season(to_ms)
        return {"to": to_ms, "left_min": turn.left_ms // 60_000, "then": then}

    def _answer(self, entry: Entry, refusal: RefusedError, now: Instant) -> None:
        named = {"cmd": entry.kind, "cmd_seq": entry.seq, "source": entry.source, "by": entry.order.by}
        mark = self._write("refused", now, **named, reason=refusal.reason, detail=refusal.detail)
        self._say(entry, now, mark, outcome="refused", reason=refusal.reason, detail=refusal.detail or None)

    def _say(self, entry: Entry, now: Instant, mark: Mark | None, **what: object) -> None:
        said = {"cmd": entry.kind, "cmd_seq": entry.seq, "source": entry.source, "by": entry.order.by, **what}
        self._answers.append(said | _audited(mark))

    def _refuse(self, kind: Kind, command: Command, refusal: RefusedError, now: Instant) -> None:
        """Say why; the very same refused again, as at each connection where it is retained, is said once."""
        digest = seal.digest(command.fields) + command.fault
        if command.retained and self._refused.get(kind) == digest:
            return
        self._refused[kind] = digest
        seq, by = command.fields.get("seq"), command.fields.get("by")
        named = {"cmd": kind, "cmd_seq": seq if type(seq) is int and 0 < seq < 2**53 else None, "source": "bureau"}
        said = named | {"by": by[:64] if isinstance(by, str) and by.isprintable() else None, "reason": refusal.reason}
        mark = self._write_refusal(now, **said, detail=refusal.detail or None)
        self._answers.append(said | {"outcome": "refused", "detail": refusal.detail or None} | _audited(mark))

    def _write_refusal(self, now: Instant, **fields: object) -> Mark | None:
        self._refusals = [at_s for at_s in self._refusals if now.boot_s - at_s < 3600.0]
        if len(self._refusals) >= REFUSALS_AN_HOUR:
            self._untold += 1
            return None
        self._refusals.append(now.boot_s)
        if self._untold:
            self._write("refused_more", now, number=self._untold)
            self._untold = 0
        return self._write("refused", now, **fields)

    def note(self, what: str, now: Instant, **fields: object) -> Mark | None:
        """Leave a trail of something else that somebody may ask for one day."""
        return self._write(what, now, **fields)

    def _write(self, what: str, now: Instant, **fields: object) -> Mark | None:
        if self._trail is None:
            return None
        try:
            return self._trail.write(what, now, **fields)
        except OSError as error:
            self._warn("audit_unwritten", what=what, reason=error.strerror or error)
            return None

    def waiting(self) -> list[Told]:
        """Orders that wait for the time: of which kind, what they order, and who gave them."""
        return [{"kind": one.kind, "by": one.order.by, **_ordered(one.order)} for one in self._book.waiting]

    def take_answers(self) -> list[Told]:
        """What is to be said on `cmd/ack`, oldest first."""
        answers, self._answers = self._answers, []
        return answers

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able."""
        kept = self._book.kept()
        return kept | ({"audit": list(self.mark)} if self.mark and self.mark.n else {})

    def restore(self, kept: Mapping[str, object], now: Instant) -> None:
        """Go on from `kept()` of an earlier run; ValueError for anything else."""
        match kept.get("audit"):
            case [int(had), str(newest)] if self.mark and self.mark.n <= had and self.mark != (had, newest):
                self._warn("audit_shortened", had=had, has=self.mark.n)
                self._write("audit_shortened", now, had=had, hash=newest)
        self._book.restore({name: value for name, value in kept.items() if name != "audit"})
        self.steer = self._steer(now)


def trail_in(folder: Path, warn: Callable[..., None]) -> Trail | None:
    """The trail in that folder; None, with a warning, where it cannot be read: counting does not depend on it."""
    try:
        return Trail(folder)
    except OSError as error:
        warn("audit_unreadable", reason=error.strerror or error)
        return None


def _ordered(order: Order) -> dict[str, object]:
    match order:
        case ModeOrder(mode=mode):
            return {"mode": mode}
        case PlanOrder(plan_id=plan):
            return {"plan": plan}
    return {}


def _audited(mark: Mark | None) -> dict[str, object]:
    return {} if mark is None else {"audit": mark.n, "audit_hash": mark.told}
