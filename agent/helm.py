"""The helm: who steers the site now, what its inputs say, which alarms stand, and what is told of all that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat

from agent import log
from agent.inputs.alarms import Alarm
from agent.inputs.site import SILENT_PERIODS, SiteInputs
from agent.load.conditions import Conditions
from agent.load.instant import Instant
from agent.local_orders import Asked, LocalOrders
from agent.orders import seal
from agent.orders.order import KINDS, AlarmOrder, BaselineOrder, Deed, RefusedError, alarm_order
from agent.orders.post import Command, CommandPost, Rules, trail_in
from agent.orders.seal import KeyFormError, Verifier
from agent.orders.steer import Steer
from agent.uplink import input_reports, reports
from agent.uplink.contract import Head, Json, Message, compact
from agent.uplink.credentials import CredentialError, secret_of
from config.order_settings import Commands
from config.settings import Settings

Rebase = Callable[[BaselineOrder, str], str]
"""Takes a stock-take over, under a name, and says why not, "" where it did."""

MAINS = "mains"


class Helm:
    """Lives in the beat, but for `here`, where others hand over what they want."""

    def __init__(self, settings: Settings, post: CommandPost, inputs: SiteInputs) -> None:
        self._settings = settings
        self._post = post
        self.inputs = inputs
        self.here = LocalOrders()

    @property
    def steer(self) -> Steer:
        """What is in force."""
        return self._post.steer

    def conditions(self, line: str = "") -> Conditions:
        """How `line` is judged; "" is the site, which stands when all its lines do."""
        if not line:
            return self.steer.conditions(run=self._any_runs())
        return self.steer.conditions(line, self.inputs.run(line), jammed=self.inputs.jammed(line))

    def _any_runs(self) -> bool | None:
        """Whether some line runs; None where no line is known to run and one is not known to stand."""
        runs = {self.inputs.run(line.id) for line in self._settings.lines}
        return True if True in runs else False if runs == {False} else None

    def begin(self, now: Instant, past: Mapping[str, object]) -> None:
        """Go on as an earlier run left it, under settings that may be others."""
        for name, restore in (("orders", self._restore_orders), ("inputs", self._restore_inputs)):
            try:
                restore(now, past)
            except ValueError as error:
                log.warn(f"{name}_forgotten", reason=error)
                self._post.note(f"{name}_forgotten", now, reason=str(error))
        self._post.note("start", now, cfg=self._settings.digest)
        self._post.advance(now)
        self.inputs.exercise = self.steer.exercise

    def _restore_orders(self, now: Instant, past: Mapping[str, object]) -> None:
        self._post.restore(_table(past.get("orders")), now)

    def _restore_inputs(self, now: Instant, past: Mapping[str, object]) -> None:
        if (kept := _table(past.get("inputs"))) and (at := past.get("at")):
            then = Instant.from_list(at)
            self.inputs.restore(kept, now.boot_s - then.boot_s - (now.since_s(then) or 0.0))

    def advance(self, now: Instant, commands: Sequence[Command], rebase: Rebase) -> bool:
        """Obey what came; True when something else is in force now."""
        before = self.steer
        known = [one for one in commands if one.name in KINDS]
        self._post.hear(known, now, lambda deed, name: self._do(deed, name, rebase))
        self._post.advance(now)
        self.inputs.exercise = self.steer.exercise
        self.inputs.advance(now)
        if before != self.steer:
            log.event("steered", mode=self.steer.mode, plan=self.steer.plan or None, by=self.steer.by)
        return before != self.steer

    def _do(self, deed: Deed, name: str, rebase: Rebase) -> str:
        if isinstance(deed, BaselineOrder):
            return rebase(deed, name)
        seen = self.inputs.acknowledge(deed.alarm, deed.by, deed.onset_ms)
        return "" if seen else "no alarm that waits to be acknowledged"

    def obey(self, asked: Asked, now: Instant) -> None:
        """Answer somebody on this machine."""
        try:
            asked.answer = self._obey(asked, now)
        except RefusedError as refusal:
            asked.refused = refusal

    def _obey(self, asked: Asked, now: Instant) -> Json:
        if asked.kind == "alarms":
            return self._alarms()
        if asked.kind == "acknowledge":
            seen = alarm_order(asked.fields)
            if not self.inputs.acknowledge(seen.alarm, seen.by, seen.onset_ms):
                raise self._unacknowledged(seen)
            self._post.note("acknowledged", now, source="site", **seen.form())
            return {"alarm": seen.alarm, "acked_by": seen.by}
        kind = KINDS.get(asked.kind)
        if kind not in {"mode", "plan"} or kind is None:
            raise RefusedError("unknown", f"no order: {asked.kind}")
        return self._post.order_here(kind, asked.fields, now)

    def _unacknowledged(self, order: AlarmOrder) -> RefusedError:
        """Why nobody can acknowledge that alarm now."""
        alarms = [*self.inputs.alarms.active.values(), *self.inputs.alarms.over]
        of_name = [one for one in alarms if one.id == order.alarm]
        if seen := [one.acked_by for one in of_name if order.onset_ms in {None, one.onset_ms}]:
            return RefusedError("acknowledged", seen[-1])
        if of_name:
            return RefusedError("other_onset", ", ".join(str(one.onset_ms) for one in of_name))
        return RefusedError("no_alarm", ", ".join(dict.fromkeys(one.id for one in alarms)))

    def _alarms(self) -> Json:
        """Every alarm, active and over, how every input stands, and what is in force."""
        alarms, steer = self.inputs.alarms, self.steer
        return {
            "active": [self._listed(one) for one in alarms.active.values()],
            "over": [self._listed(one) for one in alarms.over],
            "inputs": dict(self.inputs.states()),
            "mode": steer.mode,
            "to": steer.to_ms,
            "by": steer.by,
            "suspended": steer.suspended,
            "exercise": steer.exercise,
            "plan": steer.plan,
            "plan_to": steer.plan_to_ms,
            "waiting": self._post.waiting(),
        }

    def _listed(self, one: Alarm) -> Json:
        signal = self.inputs.signals.get(one.id)
        lines = {line.id: line for line in self._settings.lines}
        return input_reports.listed(one, signal.input if signal else None, lines)

    def note(self, what: str, now: Instant, **fields: object) -> None:
        """Leave on the trail what somebody on this machine did beside the orders."""
        self._post.note(what, now, **fields)

    def answers(self, head: Callable[[], Head]) -> list[Message]:
        """What became of the orders."""
        answers = self._post.take_answers()
        for one in answers:
            cmd, outcome, reason, detail = (one.get(name) for name in ("cmd", "outcome", "reason", "detail"))
            by, cmd_seq = one.get("by"), one.get("cmd_seq")
            log.event("order", cmd=cmd, outcome=outcome, reason=reason, detail=detail, by=by, cmd_seq=cmd_seq)
        return [reports.acknowledgement(head(), one) for one in answers]

    def news(self, head: Callable[[], Head], gasp: Callable[[], Message]) -> list[Message]:
        """What happened to inputs and alarms; that the mains are gone before all else."""
        heads: Iterator[Head] = (make() for make in repeat(head))
        news = self.inputs.take_news()
        told = [gasp() for one in news if one.input.kind == MAINS and one.stage == "began"]
        told += [input_reports.cleared(name) for name in self.inputs.gone]
        self.inputs.gone = []
        for one in news:
            if one.stage is not None:
                log.event("alarm", input=one.input.id, what=one.stage, line=one.input.line or None)
            told += input_reports.messages(heads, one, self.inputs.signals[one.input.id])
        return told

    def measured(self, head: Callable[[], Head]) -> list[Message]:
        """How the inputs that measure something stand."""
        measuring = [one for one in self.inputs.signals.values() if one.input.limit is not None]
        return [input_reports.input_state(head(), one) for one in measuring]

    def changed(self, head: Head, before: Steer) -> Message:
        """The event that something else is in force."""
        now = self.steer
        told = {"event": "mode", "before": before.mode, "after": now.mode, "plan_before": before.plan or None}
        return Message("event", compact({**head.fields(), **told, "by": now.by}))

    def summary(self) -> Json:
        """What the site's state says of alarms, where it has inputs, and until when what was ordered is in force."""
        alarms = self.inputs.alarms
        unknown = sum(state == "unknown" for state in self.inputs.states().values())
        told = {"alarms": len(alarms.active), "alarms_unacked": alarms.unacknowledged, "inputs_unknown": unknown}
        return self.steer.window() | (told if self.inputs.signals else {})

    def health(self) -> Json:
        """The newest entry of the audit trail, so that the bureau has it where nobody here can change it."""
        mark = self._post.mark
        return {} if mark is None else {"n": mark.n, "hash": mark.told}

    def kept(self, now: Instant) -> dict[str, object]:
        """What must outlive the process, JSON-able."""
        parts = {"orders": self._post.kept(), "inputs": self.inputs.kept()}
        kept: dict[str, object] = {name: part for name, part in parts.items() if part}
        return kept | ({"at": now.to_list()} if kept else {})


def at_the_helm(settings: Settings, now: Instant) -> Helm:
    """The helm of this site. Raises CredentialError where a key is named that cannot be used."""
    rules = Rules(
        site=settings.site.path,
        lines=tuple(line.id for line in settings.lines),
        key=bureau_key(settings.commands),
        signed_only=settings.commands.require_signature,
        trust_rtc=settings.commands.trust_rtc,
        season=settings.load.season,
    )
    post = CommandPost(rules, trail_in(settings.spool.directory, log.warn), log.warn)
    return Helm(settings, post, site_inputs(settings, now))


def site_inputs(settings: Settings, now: Instant) -> SiteInputs:
    """The inputs, each with the time for which its device may be silent."""
    timeout_s = {bus.id: bus.timeout_s for bus in settings.buses}
    patience_s = {one.id: SILENT_PERIODS * (one.period_s + timeout_s[one.bus]) for one in settings.devices}
    by_input = {one.id: patience_s[one.point.device] for one in settings.inputs}
    return SiteInputs(settings.inputs, by_input, now.boot_s)


def bureau_key(commands: Commands) -> Verifier | None:
    """The key by which the bureau is known; None where none is named. Raises CredentialError."""
    if not commands.has_key:
        return None
    try:
        return seal.verifier(commands.algorithm, secret_of(commands.key_file, commands.key_credential))
    except KeyFormError as fault:
        raise CredentialError(f"{commands.key_file or commands.key_credential}: {fault}") from fault
    except ImportError as missing:
        raise CredentialError("ed25519 needs one more library: pip install 'cryptography>=46'") from missing


def _table(written: object) -> Mapping[str, object]:
    return written if isinstance(written, dict) else {}
