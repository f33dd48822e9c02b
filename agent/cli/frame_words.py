"""One frame of a line in one line for people, and as an object for machines."""

from __future__ import annotations

from agent.cli.explained_words import exception_name, function_name, octets_in_hex
from config import messages
from config.faults import columns
from config.messages import Language
from drivers.modbus_dialogue import Frame
from drivers.modbus_meaning import bits, fields, registers

_ASKING = frozenset({"request", "broadcast", "unanswered"})
_SHOWN = 16
_VERDICT_COLUMNS = 10
_FAULTY = frozenset({"exception", "unanswered", "orphan", "garbage"})
_RED, _YELLOW, _DIM, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def line(frame: Frame, began_s: float, lang: Language, *, color: bool) -> str:
    """Seconds since the beginning, silence before it, direction, unit, verdict, and what it says."""
    verdict = messages.word(f"verdict_{frame.verdict}", lang)
    padded = verdict + " " * max(_VERDICT_COLUMNS - columns(verdict), 0)
    arrow = "→" if frame.verdict in _ASKING else "←" if frame.unit is not None else " "
    unit = "" if frame.unit is None else str(frame.unit)
    gap = "" if frame.verdict == "unanswered" else f"{1000 * frame.gap_s:+.1f} ms"
    shown = f"{frame.at_s - began_s:9.3f} {gap:>12}  {arrow} {unit:>3}  {padded}  {sentence(frame, lang)}"
    paint = _RED if frame.verdict in _FAULTY else _YELLOW if frame.writes else _DIM if arrow == "→" else ""
    return f"{paint}{shown}{_PLAIN}" if color and paint else shown


def sentence(frame: Frame, lang: Language) -> str:
    """What the frame says."""
    if not frame.pdu:
        return f"{len(frame.octets)} B: {_hex(frame.octets)}"
    if frame.verdict in _ASKING:
        return _question(frame, lang)
    if frame.pdu[0] & 0x80 and len(frame.pdu) > 1:
        return f"{frame.pdu[1]} {exception_name(frame.pdu[1], lang)}"
    values = registers(frame.pdu) or bits(frame.pdu)
    if values:
        more = " …" if len(values) > _SHOWN else ""
        return " ".join(map(str, values[:_SHOWN])) + more
    return function_name(frame.pdu[0], lang) + messages.word("colon", lang) + _hex(frame.pdu[1:])


def as_json(frame: Frame, began_s: float) -> dict[str, object]:
    """The same for machines: times in seconds since the beginning and milliseconds."""
    asked = frame.request.pdu if frame.request else frame.pdu if frame.verdict in _ASKING else b""
    place = {each.name: each.number for each in fields(asked, request=True)} if asked else {}
    return {
        "at_s": round(frame.at_s - began_s, 4),
        "gap_ms": round(1000 * frame.gap_s, 1),
        "verdict": frame.verdict,
        "unit": frame.unit,
        "function": frame.pdu[0] if frame.pdu else None,
        "address": place.get("address"),
        "quantity": place.get("quantity"),
        "exception": frame.pdu[1] if frame.verdict == "exception" else None,
        "values": list(registers(frame.pdu) or bits(frame.pdu)) or None,
        "writes": frame.writes,
        "hex": frame.octets.hex(),
    }


def _question(frame: Frame, lang: Language) -> str:
    known = {each.name: each for each in fields(frame.pdu, request=True)}
    said = function_name(frame.pdu[0], lang)
    address, quantity = known.get("address"), known.get("quantity")
    if address is not None and address.number is not None:
        more = quantity.number - 1 if quantity is not None and quantity.number else 0
        said += f" {address.number}" + (f"-{address.number + more}" if more else "")
    written = next((known[name] for name in ("value", "coil_value", "values") if name in known), None)
    return f"{said} = {_hex(written.octets)}" if written is not None else said


def _hex(octets: bytes) -> str:
    return octets_in_hex(octets[:_SHOWN]) + (" …" if len(octets) > _SHOWN else "")
