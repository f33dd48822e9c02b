"""Malformed MQTT, seeded: packets of every kind made by the standard, then spoilt, said to the product's connection.

A packet must be ignored (what follows it is heard) or end the connection: no exception, no acknowledgement of what was
never sent, no memory kept.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from impostor import CONNACK, Impostor, Meeting
from vitals import sample

from agent.uplink.dialect import Version
from agent.uplink.hearing import Acknowledged, Heard

TOPIC = "cmd/mode"
CANARY = b"\x30\x0d\x00\x08cmd/mode" + b"\x00hi"
CANARIES: dict[Version, bytes] = {"5": CANARY, "3.1.1": b"\x30\x0c\x00\x08cmd/mode" + b"hi"}
MOST_ON_ONE_CONNECTION = 50
WARM_SHARE = 0.1
"""After so much of a storm memory must no longer grow."""

_BYTE, _TWO, _FOUR, _VARIABLE, _TEXT, _PAIR = range(6)
_PROPERTIES = {
    **dict.fromkeys((1, 23, 25, 36, 37, 40, 41, 42), _BYTE),
    **dict.fromkeys((19, 33, 34, 35), _TWO),
    **dict.fromkeys((2, 17, 24, 39), _FOUR),
    11: _VARIABLE,
    **dict.fromkeys((3, 8, 9, 18, 21, 22, 26, 28, 31), _TEXT),
    38: _PAIR,
}
"""MQTT 5.0, table 2-4: identifier to type."""
_LENGTHS_THAT_LIE = (b"\x00", b"\x01", b"\x7f", b"\x80\x00", b"\xff\x7f", b"\xff\xff\xff\x7f", b"\xff" * 5, b"\x80" * 4)


@dataclass
class Storm:
    """What became of so many packets."""

    cases: int = 0
    ignored: int = 0
    ended: int = 0
    connections: int = 0
    crashes: int = 0
    untrue: int = 0
    grown_kb: int = 0
    first: str = ""


def storm(seed: int, cases: int, say: Callable[[int], None] = lambda _: None) -> Storm:
    """So many spoilt packets, many on one connection while it lasts."""
    random, found, warm_kb = Random(seed), Storm(), 0
    with Impostor() as impostor:
        while found.cases < cases:
            _one_connection(impostor, random, found, min(MOST_ON_ONE_CONNECTION, cases - found.cases))
            say(found.cases)
            if not warm_kb and found.cases >= WARM_SHARE * cases:
                warm_kb = sample(os.getpid()).resident_kb
    found.grown_kb = max(0, sample(os.getpid()).resident_kb - warm_kb)
    return found


def _one_connection(impostor: Impostor, random: Random, found: Storm, most: int) -> None:
    version: Version = random.choice(("5", "3.1.1"))
    with impostor.meeting(version, (TOPIC,)) as meeting:
        sent = meeting.connection.publish("state", b"1", retain=False)
        if random.random() < 0.8:
            meeting.say(CONNACK[version])
        found.connections += 1
        for _ in range(most):
            packet = spoilt(random, version)
            found.cases += 1
            try:
                is_ignored = _goes_on(meeting, packet, CANARIES[version])
            except Exception as crash:  # noqa: BLE001 - none is allowed
                found.crashes += 1
                found.first = found.first or f"{packet.hex()} ({version}): {crash!r}"
                return
            events = meeting.connection.events
            found.untrue += any(isinstance(one, Acknowledged) and one.packet != sent for one in events)
            if not is_ignored:
                found.ended += 1
                return
            found.ignored += 1
            events.clear()


def _goes_on(meeting: Meeting, packet: bytes, canary: bytes) -> bool:
    """Whether the connection hears what follows the packet; if not, it has ended when this returns."""
    meeting.say(packet)
    if not meeting.is_over:
        meeting.say(canary)
        if not meeting.is_over and Heard(TOPIC, b"hi", False) in meeting.connection.events:
            return True
        meeting.hang_up()
    return False


# --- packets ---


def spoilt(random: Random, version: Version) -> bytes:
    """A packet of a random kind, as the standard has it or spoilt in its flags, its length or its body."""
    kind = random.choice((2, 3, 3, 4, 4, 5, 6, 7, 9, 11, 13, 14, 15, random.randrange(16)))
    body = _body(random, version, kind)
    for _ in range(random.choice((0, 0, 1, 1, 3))):
        body = _spoil(random, body)
    flags = random.choice((0, 0, 2, random.randrange(16)))
    length = varint(len(body)) if random.random() < 0.85 else _untrue_length(random, len(body))
    return bytes([kind << 4 | flags]) + length + body


def _body(random: Random, version: Version, kind: int) -> bytes:
    code = bytes([random.choice((0, 0, 1, 16, 0x80, 0x87, 0x97, random.randrange(256)))])
    properties = _properties(random) if version == "5" else b""
    packet = struct.pack(">H", random.choice((1, 2, 0, random.randrange(65536))))
    if kind == 2:
        return bytes([random.choice((0, 1, random.randrange(256)))]) + code + properties
    if kind == 3:
        return _text(random) + (packet if random.random() < 0.5 else b"") + properties + random.randbytes(4)
    if kind in {4, 5, 6, 7}:
        return packet + random.choice((b"", code, code + properties))
    if kind in {9, 11}:
        return packet + properties + code * random.randrange(4)
    if kind in {14, 15}:
        return code + properties
    return random.randbytes(random.choice((0, 0, 2, 20)))


def _properties(random: Random) -> bytes:
    """Any properties, also ones that this packet must not have, twice, or of no known identifier."""
    inside = b"".join(_property(random) for _ in range(random.choice((0, 0, 1, 2, 4))))
    return (varint(len(inside)) if random.random() < 0.9 else _untrue_length(random, len(inside))) + inside


def _property(random: Random) -> bytes:
    identifier = random.choice((*_PROPERTIES, random.randrange(256)))
    value = {
        _BYTE: random.randbytes(1),
        _TWO: random.randbytes(2),
        _FOUR: random.randbytes(4),
        _VARIABLE: varint(random.randrange(1 << 28)),
        _TEXT: _text(random),
        _PAIR: _text(random) + _text(random),
    }[_PROPERTIES.get(identifier, _TEXT)]
    return varint(identifier) + value


def _text(random: Random) -> bytes:
    octets = random.choice((b"", TOPIC.encode(), b"a/#", b"\xff\xfe", b"\x00", "业务".encode(), random.randbytes(9)))
    length = len(octets) if random.random() < 0.9 else random.randrange(65536)
    return struct.pack(">H", length) + octets


def _spoil(random: Random, body: bytes) -> bytes:
    at = random.randrange(len(body) + 1)
    match random.randrange(5):
        case 0 if body:
            at %= len(body)
            return body[:at] + bytes([body[at] ^ 1 << random.randrange(8)]) + body[at + 1 :]
        case 1:
            return body[:at]
        case 2:
            return body[:at] + random.randbytes(random.randrange(1, 4)) + body[at:]
        case 3:
            return body[:at] + body[at + 1 :]
        case _:
            return body + body[:at]


def _untrue_length(random: Random, length: int) -> bytes:
    return random.choice((*_LENGTHS_THAT_LIE, varint(max(0, length - 1)), varint(length + 1), varint(length * 2)))


def varint(number: int) -> bytes:
    """MQTT 5.0, 1.5.5."""
    octets = bytearray()
    while True:
        number, low = divmod(number, 128)
        octets.append(low | (0x80 if number else 0))
        if not number:
            return bytes(octets)
