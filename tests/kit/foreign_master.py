"""What another master and its devices say on an RTU line: exchanges of every function, for hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st
from modbus_oracle import framed

Draw = st.DrawFn


@dataclass(frozen=True)
class Exchange:
    """A question, the answer to it if any, and what a listener calls both."""

    request: bytes
    reply: bytes
    verdicts: tuple[str, ...]

    @property
    def octets(self) -> bytes:
        return self.request + self.reply


def _words(count: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=2 * count, max_size=2 * count)


def _number(value: int) -> bytes:
    return value.to_bytes(2, "big")


@st.composite
def _read(draw: Draw) -> tuple[bytes, bytes]:
    function = draw(st.sampled_from((1, 2, 3, 4)))
    count = draw(st.integers(1, 2000 if function <= 2 else 125))
    address = draw(st.integers(0, 0x10000 - count))
    length = (count + 7) // 8 if function <= 2 else 2 * count
    values = draw(st.binary(min_size=length, max_size=length))
    return bytes((function,)) + _number(address) + _number(count), bytes((function, length)) + values


@st.composite
def _write_one(draw: Draw) -> tuple[bytes, bytes]:
    function = draw(st.sampled_from((5, 6, 22)))
    value = (
        draw(st.sampled_from((b"\x00\x00", b"\xff\x00"))) if function == 5 else draw(_words(1 if function == 6 else 2))
    )
    pdu = bytes((function,)) + draw(_words(1)) + value
    return pdu, pdu


@st.composite
def _write_many(draw: Draw) -> tuple[bytes, bytes]:
    function = draw(st.sampled_from((15, 16)))
    count = draw(st.integers(1, 0x7B0 if function == 15 else 123))
    length = (count + 7) // 8 if function == 15 else 2 * count
    head = bytes((function,)) + draw(_words(1)) + _number(count)
    return head + bytes((length,)) + draw(st.binary(min_size=length, max_size=length)), head


@st.composite
def _read_write(draw: Draw) -> tuple[bytes, bytes]:
    count, wanted = draw(st.integers(1, 121)), draw(st.integers(1, 125))
    head = b"\x17" + draw(_words(1)) + _number(wanted) + draw(_words(1)) + _number(count)
    return head + bytes((2 * count,)) + draw(_words(count)), bytes((0x17, 2 * wanted)) + draw(_words(wanted))


@st.composite
def _identify(draw: Draw) -> tuple[bytes, bytes]:
    code = draw(st.sampled_from((1, 2, 3, 4)))
    texts = draw(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
    objects = b"".join(bytes((number, len(text))) + text for number, text in enumerate(texts))
    return bytes((0x2B, 0x0E, code, 0)), bytes((0x2B, 0x0E, code, 0x81, 0, 0, len(texts))) + objects


@st.composite
def _about_server(draw: Draw) -> tuple[bytes, bytes]:
    text = draw(st.binary(min_size=1, max_size=40))
    return b"\x11", bytes((0x11, len(text))) + text


MESSAGES = st.one_of(_read(), _write_one(), _write_many(), _read_write(), _identify(), _about_server())


@st.composite
def exchanges(draw: Draw) -> Exchange:
    """A question and its answer, an exception, silence, or a write to all.

    Silence only after what is not repeated by its answer: a write heard twice may be asked again, or answered.
    """
    request, reply = draw(MESSAGES)
    unit = draw(st.integers(1, 247))
    ends = ["reply", "exception", *(["unanswered"] if request != reply else []), *(["all"] if request[0] == 6 else [])]
    end = draw(st.sampled_from(ends))
    asked = framed("rtu", 0 if end == "all" else unit, request)
    if end == "all":
        return Exchange(asked, b"", ("broadcast",))
    if end == "unanswered":
        return Exchange(asked, b"", ("request", "unanswered"))
    if end == "exception":
        refused = bytes((request[0] | 0x80, draw(st.integers(1, 8))))
        return Exchange(asked, framed("rtu", unit, refused), ("request", "exception"))
    return Exchange(asked, framed("rtu", unit, reply), ("request", "reply"))


@st.composite
def pieces(draw: Draw, octets: bytes) -> list[bytes]:
    """The bytes, cut anyhow."""
    cuts = sorted(draw(st.sets(st.integers(0, len(octets)), max_size=40)))
    ends = [0, *cuts, len(octets)]
    return [octets[a:b] for a, b in pairwise(ends) if b > a]
