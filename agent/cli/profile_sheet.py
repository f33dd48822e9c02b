"""One device profile as people read it, as machines read it, and as TOML to paste into a site."""

from __future__ import annotations

from collections.abc import Iterator

from agent.commission.reference import written
from config import messages
from config.device_settings import REGISTERS, Point
from config.faults import columns
from config.messages import Language
from config.notation import BIT_AREAS, Notation
from config.profiles import Profile

_LONGEST_ID = 32


def sheet(profile: Profile, lang: Language) -> str:
    """All that is known of the model: settings, points, names, hints, and what to paste."""
    kind, trust = messages.word(f"kind_{profile.kind}", lang), messages.word(f"trust_{profile.trust}", lang)
    blocks = [
        f"{profile.name}: " + messages.word("comma", lang).join((f"{profile.maker} {profile.model}", kind, trust)),
        "\n".join(_settings(profile, lang)),
        table([_point(point, lang) for point in profile.points.values()]),
        _headed("profile_names", table(list(_names(profile.notation))), lang),
        _headed("profile_hints", "\n".join(f"- {hint}" for hint in hints(profile, lang)), lang),
        _headed("profile_paste", snippet(profile), lang),
    ]
    return "\n\n".join(block for block in blocks if block)


def hints(profile: Profile, lang: Language) -> tuple[str, ...]:
    """What people who wire it must know, in their language."""
    return profile.hints_zh if lang == "zh" else profile.hints_en


def as_json(profile: Profile, lang: Language) -> dict[str, object]:
    """The same for machines."""
    return {
        "name": profile.name,
        "maker": profile.maker,
        "model": profile.model,
        "kind": profile.kind,
        "trust": profile.trust,
        "source": profile.source,
        "transports": profile.transports,
        "serial": {"baud": profile.baud, "parity": profile.parity, "stop_bits": profile.stop_bits},
        "default_unit": profile.default_unit,
        "max_read_registers": profile.max_read_registers,
        "points": {name: _point_as_json(point) for name, point in profile.points.items()},
        "notation": [
            {"from": one.start, "to": one.end, "area": one.area, "address": one.address, "type": one.type}
            for one in profile.notation
        ],
        "hints": hints(profile, lang),
        "toml": snippet(profile),
    }


def snippet(profile: Profile) -> str:
    """A bus and a device of this model as a site declares them; it passes the check as it stands."""
    device = profile.name[:_LONGEST_ID].strip("-")
    rows = [*_bus(profile), "", f"[device.{device}]", 'bus = "bus-1"', f'profile = "{profile.name}"']
    rows.append(f"unit = {profile.default_unit}")
    if profile.notation and not profile.points:
        rows += ["", f"[device.{device}.point.inducted]", *_counter(profile.notation)]
    return "\n".join(rows)


def table(rows: list[tuple[str, ...]]) -> str:
    """`rows` with their columns one below the other; full-width characters take two places."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell + " " * (wide - columns(cell)) for cell, wide in zip(row, widths, strict=True)) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _headed(word: str, block: str, lang: Language) -> str:
    return f"{messages.word(word, lang)}\n{block}" if block else ""


def _settings(profile: Profile, lang: Language) -> Iterator[str]:
    serial = {"baud": profile.baud, "parity": profile.parity, "stop_bits": profile.stop_bits}
    rows = [("profile_source", profile.source)]
    if "tcp" in profile.transports:
        rows.append(("profile_tcp", messages.word("profile_tcp_line", lang)))
    if "rtu" in profile.transports:
        rows.append(("profile_serial", messages.word("profile_serial_line", lang, **serial)))
    limits = {"unit": profile.default_unit, "registers": profile.max_read_registers}
    rows.append(("profile_unit", messages.word("profile_unit_line", lang, **limits)))
    yield table([(messages.word(word, lang), said) for word, said in rows])


def _point(point: Point, lang: Language) -> tuple[str, ...]:
    place = {"area": point.area, "address": point.address, "reference": written(point.area, point.address)}
    order = f" {point.word_order}" if REGISTERS[point.type] > 1 else ""
    words = {"counter": "profile_wraps", "gauge": "profile_gauge", "bit": "profile_bit"}
    meaning = messages.word(words[point.kind], lang, modulus=point.modulus)
    scale = f" × {point.scale:g}" if point.scale != 1 else ""
    where = messages.word("profile_address", lang, **place)
    return f"  {point.name}", where, point.type + order, meaning, f"{scale} {point.unit}".strip()


def _names(notation: Notation) -> Iterator[tuple[str, ...]]:
    for one in notation:
        radix = "" if one.radix == 10 else f"radix {one.radix}"
        order = f" {one.word_order}" if one.area not in BIT_AREAS else ""
        yield f"  {one}", f"{one.area} {one.address}", one.type + order, radix


def _point_as_json(point: Point) -> dict[str, object]:
    return {
        "area": point.area,
        "address": point.address,
        "ref": written(point.area, point.address),
        "type": point.type,
        "word_order": point.word_order,
        "kind": point.kind,
        "modulus": point.modulus,
        "scale": point.scale,
        "unit": point.unit,
    }


def _bus(profile: Profile) -> list[str]:
    if "tcp" in profile.transports:
        return ["[bus.bus-1]", 'tcp = "192.168.1.10:502"']
    serial = [f"baud = {profile.baud}", f'parity = "{profile.parity}"', f"stop_bits = {profile.stop_bits}"]
    return ["[bus.bus-1]", 'serial = "/dev/serial/by-path/…"', *serial]


def _counter(notation: Notation) -> list[str]:
    """A counter by the first name of the PLC's largest range of registers."""
    largest = max((one for one in notation if one.area not in BIT_AREAS), key=lambda one: one.last - one.first)
    return [f'ref = "{largest.start}"', 'type = "u32"', 'kind = "counter"', 'unit = "parcels"']
