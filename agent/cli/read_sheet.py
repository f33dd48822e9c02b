"""What was read, as people and machines read it: raw registers, every meaning side by side, TOML to paste."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.cli.commissioning import reason_in_words
from agent.cli.profile_sheet import table
from agent.commission.attempts import Attempts
from agent.commission.reference import written
from config import messages
from config.device_settings import Area
from config.messages import Language
from config.notation import BIT_AREAS
from drivers import Value
from drivers.decodings import ORDERS, TYPES, Counting, Reading, decodings
from drivers.expected import Found
from drivers.modbus_frames import Read

_MOST_FOUND = 8
_INTEGERS = ("u16", "u32", "u64", "bcd16", "bcd32")
_DIGITS = {"f32": 7, "f64": 15}


def tried(made: Attempts, lang: Language) -> Iterator[str]:
    """What was refused on the way, and what that most likely tells where something near was answered."""
    for read, reason in made.refused:
        asked = f"{_place(read.area, read.address)} × {read.quantity}"
        yield asked + messages.word("colon", lang) + reason_in_words(reason, lang)
    if made.refused and made.read is not None:
        wanted, got = made.refused[0][0], made.read
        if got.area != wanted.area:
            yield messages.word("read_sister", lang, wanted=wanted.area, got=got.area)
        elif got.address != wanted.address:
            step, reference = got.address - wanted.address, written(got.area, got.address)
            yield messages.word(
                "read_shifted", lang, step=f"{step:+d}", place=f"{got.area}:{got.address}", ref=reference
            )


def sheet(made: Attempts, lang: Language) -> list[str]:
    """The read that was answered, with everything it can mean."""
    read = made.read
    assert read is not None
    head = messages.word("read_head", lang, unit=read.unit, place=_place(read.area, read.address), count=read.quantity)
    if read.area in BIT_AREAS:
        return [head, *_bits(read, made.values)]
    numbers = [int(value) for value in made.values]
    return [head, "  " + " ".join(f"{number:04X}" for number in numbers), "", _meanings(numbers), "", *_binary(numbers)]


def as_json(made: Attempts) -> dict[str, object]:
    """The same for machines."""
    read = made.read
    assert read is not None
    said: dict[str, object] = {
        "unit": read.unit,
        "area": read.area,
        "address": read.address,
        "ref": written(read.area, read.address),
        "refused": [
            {"area": one.area, "address": one.address, "quantity": one.quantity, "reason": reason}
            for one, reason in made.refused
        ],
    }
    if read.area in BIT_AREAS:
        return said | {"bits": [bool(value) for value in made.values]}
    numbers = [int(value) for value in made.values]
    meant = decodings(numbers)
    return said | {
        "registers": [f"{number:04X}" for number in numbers],
        "decodings": [
            {"type": reading.type, "word_order": reading.word_order, "value": value} for reading, value in meant.items()
        ],
    }


def found_in_words(text: str, found: Sequence[Found], near: int, lang: Language) -> Iterator[str]:
    """Where the number was found, best first, and the best one as TOML."""
    yield messages.word("read_found", lang, number=text, count=len(found))
    rows: list[tuple[str, ...]] = [
        (
            "  " + _place(one.area, one.address),
            f"{one.address - near:+d}" if one.address != near else "",
            str(one.reading),
            f"× {one.scale:g}" if one.scale != 1 else "",
            f"= {shown(one.reading, one.value)}",
        )
        for one in found[:_MOST_FOUND]
    ]
    yield table(rows)
    if len(found) > 1:
        yield messages.word("read_several", lang)
    yield ""
    yield messages.word("read_paste", lang)
    yield toml(found[0])


def found_as_json(one: Found) -> dict[str, object]:
    """One place and way to read it."""
    return {
        "area": one.area,
        "address": one.address,
        "ref": written(one.area, one.address),
        "type": one.reading.type,
        "word_order": one.reading.word_order,
        "scale": one.scale,
        "value": one.value,
        "toml": toml(one),
    }


def toml(found: Found) -> str:
    """The point as it stands in the settings; a plain whole number is taken for a counter."""
    keys = [f'area = "{found.area}"', f"address = {found.address}", f'type = "{found.reading.type}"']
    if found.reading.word_order != "ABCD":
        keys.append(f'word_order = "{found.reading.word_order}"')
    if found.scale != 1:
        keys.append(f"scale = {found.scale:g}")
    elif found.reading.type in _INTEGERS:
        keys.append('kind = "counter"')
    return f"point.found = {{ {', '.join(keys)} }}   # {written(found.area, found.address)}"


def moment(made: Attempts, counting: Counting) -> str:
    """One read of --watch in a line: the usual readings, those marked that rise by small steps."""
    if made.read is not None and made.read.area in BIT_AREAS:
        return "  ".join(_bits(made.read, made.values))
    meant = decodings([int(value) for value in made.values])
    counting.watch(meant)
    likely = counting.likely()
    shown_ones = likely or tuple(one for one in meant if one.word_order in ("ABCD", "CDAB") and one.type in _INTEGERS)
    mark = "▲ " if likely else ""
    return "  ".join(f"{mark}{one} {shown(one, meant[one])}" for one in shown_ones if one in meant)


def verdict(made: Attempts, counting: Counting, lang: Language) -> str:
    """What --watch found to count."""
    likely = counting.likely()
    if not likely:
        return messages.word("read_nothing_counts", lang)
    return messages.word("read_counts", lang, readings=", ".join(map(str, likely)))


def shown(reading: Reading, value: Value | None) -> str:
    """A number with as many digits as its type holds."""
    if value is None:
        return "–"
    return f"{value:.{_DIGITS[reading.type]}g}" if reading.type in _DIGITS else str(value)


def _meanings(numbers: Sequence[int]) -> str:
    meant = decodings(numbers)
    rows: list[tuple[str, ...]] = [("", *ORDERS)]
    for one in TYPES:
        cells = [Reading(one, order) for order in ORDERS]
        if any(cell in meant for cell in cells):
            rows.append((f"  {one}", *(shown(cell, meant[cell]) if cell in meant else "" for cell in cells)))
    return table(rows)


def _binary(numbers: Sequence[int]) -> Iterator[str]:
    for at, number in enumerate(numbers):
        digits = f"{number:016b}"
        yield f"  +{at}  " + " ".join(digits[start : start + 4] for start in range(0, 16, 4))


def _bits(read: Read, values: Sequence[Value]) -> Iterator[str]:
    for start in range(0, len(values), 8):
        row = " ".join("1" if value else "0" for value in values[start : start + 8])
        yield f"  {read.address + start:>5}  {row}"


def _place(area: Area, address: int) -> str:
    return f"{area} {address} ({written(area, address)})"
