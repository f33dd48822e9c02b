"""A unit that was found, and TOML for all that were: it passes the check as it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.commission.line_settings import LineSetting
from agent.commission.matching import UNKNOWN, Match
from config import messages
from config.messages import Language
from drivers.identity import NOBODY, Identity


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """`setting` is None where the line has no such thing, or it is the agent's. `reason`: `answers` or a refusal."""

    unit: int
    setting: LineSetting | None
    reason: str
    identity: Identity = NOBODY
    match: Match = UNKNOWN


def common(found: Sequence[FoundUnit]) -> LineSetting | None:
    """The setting that most units have, of several the first found."""
    counted = Counter(one.setting for one in found)
    return max(counted, key=lambda setting: counted[setting], default=None)


def toml(where: str, found: Sequence[FoundUnit], lang: Language, *, bus: str | None = None) -> str:
    """The bus at `where` (a port or host:port) and its devices; only devices where the bus has its settings already.

    A line has one setting: units with another must be set to it first, and are written as comments. These are in
    `lang`.
    """
    setting = common(found)
    rows = [] if bus else list(_bus(where, setting))
    for one in found:
        block = list(_device(where, one, bus or "bus-1", lang))
        if one.setting != setting:
            other = messages.word("probe_other_setting", lang, unit=one.unit, own=one.setting, common=setting)
            rows += ["", f"# {other}"]
            block = [f"# {row}".rstrip() for row in block]
        rows += ["", *block]
    return "\n".join(rows).strip() + "\n"


def _bus(where: str, setting: LineSetting | None) -> Iterator[str]:
    yield "[bus.bus-1]"
    if setting is None:
        yield f'tcp = "{where}"'
        return
    yield f'serial = "{where}"'
    if setting.framing != "rtu":
        yield f'framing = "{setting.framing}"'
        yield f"data_bits = {setting.data_bits}"
    yield from (f"baud = {setting.baud}", f'parity = "{setting.parity}"', f"stop_bits = {setting.stop_bits}")


def _device(where: str, one: FoundUnit, bus: str, lang: Language) -> Iterator[str]:
    identity = _comment(str(one.identity))
    said = f"   # {messages.word('probe_says', lang, identity=identity)}" if identity else ""
    yield f"[device.unit-{one.unit}]{said}"
    yield f'bus = "{bus}"'
    yield f"unit = {one.unit}"
    if one.match.profile:
        yield f'profile = "{one.match.profile}"'
        return
    if one.match.others:
        yield f"# {messages.word('probe_could_be', lang, names=', '.join(one.match.others))}"
    refused = f"   # {messages.word('probe_no_address', lang)}" if one.reason.startswith("exception") else ""
    yield f'point.first = {{ area = "holding", address = 0, type = "u16" }}{refused}'
    yield f"# {messages.word('probe_find', lang, command=f'hubpulse read {where} {one.unit} 40001 --expect')}"


def _comment(text: str) -> str:
    """What a stranger says of itself, fit to stand in a comment."""
    return "".join(one for one in text if one.isprintable())[:80]
