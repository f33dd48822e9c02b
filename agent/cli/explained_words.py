"""What an explained frame says to people and machines: fields in words, checksum, values in every type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config import messages
from config.faults import columns
from config.messages import Language
from drivers import Value, lockers
from drivers.decodings import READINGS, Reading, decodings
from drivers.explain import Explained
from drivers.modbus_frames import EXCEPTIONS, REFUSED
from drivers.modbus_meaning import Field, bits, changes_something, fields, registers

_SHORT_REGISTERS = 8
_NAMED = frozenset({*range(1, 9), 11, 12, 15, 16, 17, *range(20, 25), 43})
_REFERENCE = {1: "0", 5: "0", 15: "0", 2: "1", 4: "3"}
_SHOWN_BYTES = 8

Row = tuple[str, str, str]


def exception_name(code: int, lang: Language) -> str:
    """What a refusal with this code means, in the words of the standard."""
    return messages.word(f"exception_{code if code in EXCEPTIONS else 'other'}", lang)


def function_name(function: int, lang: Language) -> str:
    """What a function does; a refusal is named after what it refuses."""
    known = function & ~REFUSED
    name = messages.word(f"fn_{known}" if known in _NAMED else "fn_other", lang)
    return messages.word("fn_refused", lang, what=name) if function & REFUSED else name


def blocks(found: Sequence[Explained], lang: Language) -> Iterator[list[str]]:
    """A block of lines for each frame."""
    for one in found:
        rows = list(_rows(one, lang))
        widths = [max((columns(row[place]) for row in rows), default=0) for place in (0, 1)]
        lines = [_heading(one, lang), *("  " + _padded(row, widths) for row in rows)]
        yield [*lines, *(f"  {line}" for line in _values(one, lang)), *_warnings(one, lang)]


def as_json(one: Explained) -> dict[str, object]:
    """The same for machines."""
    named = fields(one.pdu, request=one.part == "request")
    said: dict[str, object] = {
        "hex": one.octets.hex(),
        "framing": one.framing,
        "part": one.part,
        "unit": one.unit,
        "fields": [{"name": each.name, "hex": each.octets.hex(), "number": each.number} for each in named],
        "transaction": one.transaction,
        "checksum": {"ok": one.sound, "is": one.check.hex(), "should": one.should.hex()} if one.check else None,
        "changes": _changes(one),
        "registers": list(registers(one.pdu)) or None,
        "bits": list(bits(one.pdu)) or None,
    }
    if one.said is not None:
        doors = one.said.states
        said["locker"] = {"kind": one.said.kind, "name": one.said.name, "board": one.said.board, "doors": doors}
    words = registers(one.pdu)
    if 0 < len(words) <= _SHORT_REGISTERS:
        said["values"] = {str(reading): list(_each(reading, words)) for reading in _fitting(words)}
    return said


def _padded(row: Row, widths: Sequence[int]) -> str:
    padded = (text + " " * (width - columns(text)) for text, width in zip(row, widths, strict=False))
    return "  ".join([*padded, row[2]]).rstrip()


def _heading(one: Explained, lang: Language) -> str:
    if one.framing == "none":
        return messages.word("explain_garbage", lang, hex=octets_in_hex(one.octets))
    if one.said is not None:
        boards = lockers.language(one.framing).boards
        kind = messages.word(f"locker_{one.said.kind}", lang)
        return messages.word("explain_locker", lang, language=one.framing, boards=boards, kind=kind)
    part = messages.word(f"part_{one.part}", lang)
    return f"Modbus {one.framing.upper()} · {part} · {octets_in_hex(one.octets)}"


def _rows(one: Explained, lang: Language) -> Iterator[Row]:
    if one.said is not None:
        yield octets_in_hex(one.octets), messages.named("frame", one.said.name, lang), _board(one, lang)
    if one.unit is None:
        return
    if one.transaction is not None:
        yield octets_in_hex(one.octets[:2]), messages.word("field_transaction", lang), str(one.transaction)
    everyone = f" ({messages.word('all_units', lang)})" if one.unit == 0 and one.framing != "tcp" else ""
    yield f"{one.unit:02X}", messages.word("field_unit", lang), f"{one.unit}{everyone}"
    for each in fields(one.pdu, request=one.part == "request"):
        yield octets_in_hex(each.octets), messages.word(f"field_{each.name}", lang), _meaning(each, one, lang)
    if one.check:
        yield octets_in_hex(one.check), messages.word("field_check", lang), _verdict(one, lang)


def _board(one: Explained, lang: Language) -> str:
    assert one.said is not None
    board = "" if one.said.board is None else messages.word("locker_board", lang, board=one.said.board)
    states = (f"{name}={_state(value)}" for name, value in one.said.states.items())
    return " ".join([board, *states])


def _state(value: bool | None) -> str:
    return "?" if value is None else str(int(value))


def _verdict(one: Explained, lang: Language) -> str:
    if one.sound:
        return messages.word("check_right", lang)
    return messages.word("check_wrong", lang, should=octets_in_hex(one.should))


def _meaning(each: Field, one: Explained, lang: Language) -> str:
    number = each.number
    if number is None:
        return _text(each.octets)
    match each.name:
        case "function":
            return f"{number & ~REFUSED} {function_name(number, lang)}"
        case "exception":
            return f"{number} {exception_name(number, lang)}"
        case "address" | "write_address":
            return f"{number} (0x{number:04X}, {_reference(one.pdu[0], number)})"
        case "coil_value":
            return messages.word({0xFF00: "coil_on", 0: "coil_off"}.get(number, "coil_neither"), lang)
        case _:
            return str(number)


def _reference(function: int, address: int) -> str:
    """The address as manuals write it: counted from 1, the area before it, five digits or six."""
    digits = 4 if address < 9999 else 5
    return f"{_REFERENCE.get(function, '4')}{address + 1:0{digits}d}"


def _text(octets: bytes) -> str:
    """What of bytes is text."""
    shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in octets)
    return f'"{shown}"' if sum(octet.isalnum() for octet in shown) > 2 else ""


def _values(one: Explained, lang: Language) -> Iterator[str]:
    words, ones = registers(one.pdu), bits(one.pdu)
    if ones:
        yield messages.word("explain_bits", lang) + " " + " ".join(map(str, ones[: 8 * _SHOWN_BYTES]))
    if not 0 < len(words) <= _SHORT_REGISTERS:
        return
    yield messages.word("explain_values", lang)
    for reading in _fitting(words):
        yield f"  {reading!s:<11}" + "  ".join(_shown(value) for value in _each(reading, words))


def _shown(value: Value | None) -> str:
    return "–" if value is None else f"{value:.9g}" if isinstance(value, float) else str(value)


def _fitting(words: Sequence[int]) -> Iterator[Reading]:
    return (reading for reading in READINGS if reading.registers <= len(words))


def _each(reading: Reading, words: Sequence[int]) -> Iterator[Value | None]:
    """The values of one reading side by side."""
    width = reading.registers
    for at in range(0, len(words) - width + 1, width):
        yield decodings(words[at : at + width])[reading]


def _changes(one: Explained) -> bool:
    if one.said is not None:
        return one.said.kind == "open"
    return one.part != "reply" and one.framing != "none" and changes_something(one.pdu)


def _warnings(one: Explained, lang: Language) -> Iterator[str]:
    if _changes(one):
        yield messages.word("explain_opens" if one.said is not None else "explain_writes", lang)


def octets_in_hex(octets: bytes) -> str:
    """The bytes as two digits each."""
    return octets.hex(" ").upper()
