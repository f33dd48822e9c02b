"""The helm: who steers the site now, the bureau or somebody on the machine, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent import log
from agent.load.conditions import Conditions
from agent.load.instant import Instant
from agent.local_orders import Asked, LocalOrders
from agent.orders import seal
from agent.orders.order import KINDS, RefusedError
from agent.orders.post import Command, CommandPost, Rules, Steer, trail_in
from agent.orders.seal import KeyFormError, Verifier
from agent.uplink import reports
from agent.uplink.contract import Head, Message, compact
from agent.uplink.credentials import CredentialError, secret_of
from config.order_settings import Commands
from config.settings import Settings

Rebase = Callable[[int, str, str], str]
"""Takes a stock-take over (parcels, by whom, its name) and says why not, "" where it did."""


class Helm:
    """Lives in the beat, but for `here`, where others hand their orders over."""

    def __init__(self, settings: Settings, post: CommandPost) -> None:
        self._settings = settings
        self._post = post
        self.here = LocalOrders()

    @property
    def steer(self) -> Steer:
        """What is in force."""
        return self._post.steer

    def conditions(self, line: str = "") -> Conditions:
        """How `line` is judged; "" is the site."""
        return self.steer.conditions(line)

    def begin(self, now: Instant, past: Mapping[str, object]) -> None:
        """Go on as an earlier run left it, under settings that may be others."""
        try:
            self._post.restore(past, now)
        except ValueError as error:
            log.warn("orders_forgotten", reason=error)
            self._post.note("orders_forgotten", now, reason=str(error))
        self._post.note("start", now, cfg=self._settings.digest)
        self._post.advance(now)

    def advance(self, now: Instant, commands: Sequence[Command], rebase: Rebase) -> bool:
        """Obey what came; True when something else is in force now."""
        before = self.steer
        self._post.hear(commands, now, rebase)
        self._post.advance(now)
        if before != self.steer:
            log.event("steered", mode=self.steer.mode, plan=self.steer.plan or None, by=self.steer.by)
        return before != self.steer

    def obey(self, asked: Asked, now: Instant) -> None:
        """Obey somebody on this machine."""
        try:
            kind = KINDS.get(asked.kind)
            if kind is None or kind == "baseline":
                raise RefusedError("unknown", f"no order: {asked.kind}")
            asked.answer = self._post.order_here(kind, asked.fields, now)
        except RefusedError as refusal:
            asked.refused = refusal

    def answers(self, head: Callable[[], Head]) -> list[Message]:
        """What became of the orders."""
        return [reports.acknowledgement(head(), answer) for answer in self._post.take_answers()]

    def changed(self, head: Head, before: Steer) -> Message:
        """The event that something else is in force."""
        now = self.steer
        told = {"event": "mode", "before": before.mode, "after": now.mode, "plan_before": before.plan or None}
        return Message("event", compact({**head.fields(), **told, "by": now.by}))

    def health(self) -> dict[str, object]:
        """The newest entry of the audit trail, so that the bureau has it where nobody here can change it."""
        mark = self._post.mark
        return {} if mark is None else {"audit": {"n": mark.n, "hash": mark.hash[:16]}}

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able."""
        return self._post.kept()


def at_the_helm(settings: Settings) -> Helm:
    """The helm of this site. Raises CredentialError where a key is named that cannot be used."""
    site = settings.site
    rules = Rules(
        site=f"{site.province}/{site.city}/{site.id}",
        lines=tuple(line.id for line in settings.lines),
        key=bureau_key(settings.commands),
        signed_only=settings.commands.require_signature,
        trust_rtc=settings.commands.trust_rtc,
        season=settings.load.season,
    )
    return Helm(settings, CommandPost(rules, trail_in(settings.spool.directory, log.warn), log.warn))


def bureau_key(commands: Commands) -> Verifier | None:
    """The key by which the bureau is known; None where none is named. Raises CredentialError."""
    if not commands.has_key:
        return None
    try:
        return seal.verifier(commands.algorithm, secret_of(commands.key_file, commands.key_credential))
    except KeyFormError as fault:
        raise CredentialError(f"{commands.key_file or commands.key_credential}: {fault}") from fault
    except ImportError as missing:
        raise CredentialError("ed25519 needs one more library: pip install 'hubpulse[ed25519]'") from missing
