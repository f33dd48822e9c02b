"""What a technician is told of a connection: in words, as the settings to paste, and as one object for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields

from agent.scans.counting import CHUTES, LANES
from agent.trial.findings import Findings, way_of
from config import messages
from config.messages import Language
from config.scanner_settings import ScannerDial, ScannerListen, ScannerWire
from drivers.scan_guess import Guess
from drivers.scanner import PRESETS, Framing

_NAMES = {0x02: "STX", 0x03: "ETX", 0x09: "TAB", 0x0A: "LF", 0x0D: "CR"}
_MARKS = ("terminator", "start", "separator", "joiner", "fields", "aim")
_TEXTS = ("no_read", "heartbeat", "multi")


def nearest(guessed: Guess) -> str:
    """The preset of which the least must be changed; of equals the one that knows most of the texts that came."""

    def distance(name: str) -> tuple[int, int]:
        preset = PRESETS[name]
        marks = sum(getattr(preset, mark) != getattr(guessed, mark) for mark in _MARKS)
        return marks, sum(len(_unknown(preset, guessed, kind)) for kind in _TEXTS)

    return min(PRESETS, key=distance)


def to_paste(wire: ScannerWire, guessed: Guess | None) -> str:
    """The table of the settings that reads this connection; only what its preset does not say stands there."""
    rows = [*_wire(wire)]
    if guessed is not None:
        name = nearest(guessed)
        preset = PRESETS[name]
        rows.append(("preset", name))
        rows += [(mark, getattr(guessed, mark)) for mark in _MARKS if getattr(preset, mark) != getattr(guessed, mark)]
        for kind in _TEXTS:
            if fresh := _unknown(preset, guessed, kind):
                rows.append((kind, (*getattr(preset, kind), *fresh)))
        way = way_of(guessed)
        rows += [
            (key, most)
            for key, most, usual in (("lanes", way.lane, LANES), ("chutes", way.chute, CHUTES))
            if most > usual
        ]
    return "\n".join(f"{key} = {_toml(value)}" for key, value in rows)


def as_json(where: str, seconds: float, found: Findings, paste: str) -> dict[str, object]:
    """All of it for a program; codes are hidden here too."""
    framing = found.framing
    return {
        "connection": where,
        "seconds": round(seconds, 1),
        "bytes": found.octets,
        "lines": found.counts.total(),
        "reads": found.reads,
        "reads_per_s": round(found.reads / seconds, 2) if seconds else None,
        "counts": dict(found.counts),
        "rejects": {reason: asdict(reject) for reason, reject in found.rejects.items()},
        "framing": _framing_as_json(framing) if framing else None,
        "fields_too_many": None if framing else found.fields_too_many,
        "guessed": found.guess is not None,
        "preset": nearest(found.guess) if found.guess else None,
        "trust": PRESETS[nearest(found.guess)].trust if found.guess else None,
        "toml": paste,
    }


def in_words(found: Findings, seconds: float, lang: Language) -> Iterator[tuple[str, str]]:
    """Title and text, row by row."""
    if found.framing is None:
        return
    comma = messages.word("comma", lang)
    yield messages.word("scan_test_framing", lang), comma.join(_described(found.framing, found.guess, lang))
    yield "", _origin(found.guess, lang)
    counts = [f"{messages.word(f'scan_{column}', lang)} {count}" for column, count in found.counts.most_common()]
    lines, rate = found.counts.total(), f"{found.counts.total() / max(seconds, 0.1):.1f}"
    yield messages.word("scan_test_lines", lang), messages.word("scan_test_rate", lang, lines=lines, rate=rate)
    yield "", comma.join(counts)
    title = messages.word("scan_test_rejects", lang)
    for reason, reject in found.rejects.items():
        yield title, f"{messages.word(f'scan_{reason}', lang)} × {reject.count}: {reject.example}"
        title = ""


def _described(framing: Framing, guessed: Guess | None, lang: Language) -> Iterator[str]:
    yield f"{_marks(framing.start)} … {_marks(framing.terminator)}".strip()
    if framing.separator:
        yield f"{messages.word('scan_test_separator', lang)} {_marks(framing.separator)}: {' '.join(framing.fields)}"
    if framing.joiner:
        yield f"{messages.word('scan_test_joiner', lang)} {_marks(framing.joiner)}"
    if framing.aim:
        yield messages.word("scan_test_aim", lang)
    if texts := [text for kind in _TEXTS for text in getattr(guessed or framing, kind)]:
        yield f"{messages.word('scan_test_texts', lang)} {' '.join(json.dumps(text) for text in texts)}"


def _origin(guessed: Guess | None, lang: Language) -> str:
    if guessed is None:
        return messages.word("scan_test_from_settings", lang)
    name = nearest(guessed)
    trust = messages.word(f"trust_{PRESETS[name].trust}", lang)
    return messages.word("scan_test_guessed", lang, lines=guessed.lines, preset=name, trust=trust)


def _marks(octets: bytes) -> str:
    return " ".join(_NAMES.get(one) or f'"{chr(one)}"' for one in octets)


def _wire(wire: ScannerWire) -> Iterator[tuple[str, object]]:
    if isinstance(wire, ScannerDial | ScannerListen):
        host = f"[{wire.host}]" if ":" in wire.host else wire.host
        yield "tcp" if isinstance(wire, ScannerDial) else "listen", f"{host}:{wire.port}"
        return
    yield "serial", wire.port
    yield "baud", wire.baud
    if wire.parity != "none":
        yield "parity", wire.parity
    if wire.stop_bits != 1:
        yield "stop_bits", wire.stop_bits


def _unknown(preset: Framing, guessed: Guess, kind: str) -> tuple[str, ...]:
    """Texts that came and that the preset does not know."""
    known = {text.upper() for text in getattr(preset, kind)}
    return tuple(text for text in getattr(guessed, kind) if text.upper() not in known)


def _framing_as_json(framing: Framing) -> dict[str, object]:
    values = {field.name: getattr(framing, field.name) for field in fields(framing)}
    return {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in values.items()}


def _toml(value: object) -> str:
    """JSON's texts, numbers, booleans and lists are TOML's too."""
    return json.dumps(value.decode("latin-1") if isinstance(value, bytes) else value)
