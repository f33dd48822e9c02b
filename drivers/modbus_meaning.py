"""What a Modbus message says, field by field: requests, replies and refusals of every function in use.

Source: MODBUS Application Protocol V1.1b3, sections 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from drivers.modbus_frames import REFUSED
from drivers.modbus_shapes import WRITES

Layout = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its bytes and the number they make; None where they are no single number."""

    name: str
    octets: bytes
    number: int | None


def fields(pdu: bytes, *, request: bool) -> tuple[Field, ...]:
    """The fields of a message, from its function on; what no field is known for is `data`, what follows a count is
    `values`. A message cut short has the fields that are whole, and its rest.
    """
    return tuple(_fields(pdu, _layout(pdu[0], request=request))) if pdu else ()


def registers(pdu: bytes) -> tuple[int, ...]:
    """The register values that a reply brings, or none."""
    if len(pdu) < 2 or pdu[0] not in (3, 4, 23) or len(pdu) != 2 + pdu[1]:
        return ()
    return tuple(int.from_bytes(pdu[at : at + 2], "big") for at in range(2, len(pdu) - 1, 2))


def bits(pdu: bytes) -> tuple[int, ...]:
    """The bits that a reply brings, those that fill up its last byte too; or none."""
    if len(pdu) < 2 or pdu[0] not in (1, 2) or len(pdu) != 2 + pdu[1]:
        return ()
    return tuple(octet >> place & 1 for octet in pdu[2:] for place in range(8))


def changes_something(pdu: bytes) -> bool:
    """Whether a request with this message changes something in a device; a diagnostic may restart it."""
    return bool(pdu) and (pdu[0] in WRITES or pdu[0] == 8)


def _layout(function: int, *, request: bool) -> Layout:
    if function & REFUSED:
        return (("exception", 1),)
    return (_REQUESTS if request else _REPLIES).get(function, ())


def _fields(pdu: bytes, layout: Layout) -> Iterator[Field]:
    yield Field("function", pdu[:1], pdu[0])
    at = 1
    for name, length in layout:
        octets = pdu[at : at + length]
        if len(octets) < length:
            break
        yield Field(name, octets, int.from_bytes(octets, "big"))
        at += length
    if at < len(pdu):
        counted = bool(layout) and layout[-1][0] == "count" and pdu[0] not in (12, 17, 20, 21)
        yield Field("values" if counted else "data", pdu[at:], None)


_READ: Layout = (("address", 2), ("quantity", 2))
_WRITE: Layout = (*_READ, ("count", 1))
_COUNT: Layout = (("count", 1),)
_MASK: Layout = (("address", 2), ("and_mask", 2), ("or_mask", 2))
_MEI: Layout = (("mei_type", 1), ("id_code", 1))
_SHARED: Mapping[int, Layout] = MappingProxyType(
    {
        5: (("address", 2), ("coil_value", 2)),
        6: (("address", 2), ("value", 2)),
        8: (("subfunction", 2),),
        22: _MASK,
    }
)
_REQUESTS: Mapping[int, Layout] = MappingProxyType(
    {
        **_SHARED,
        **dict.fromkeys((1, 2, 3, 4), _READ),
        **dict.fromkeys((15, 16), _WRITE),
        **dict.fromkeys((20, 21), _COUNT),
        23: (*_READ, ("write_address", 2), ("write_quantity", 2), ("count", 1)),
        24: (("address", 2),),
        43: (*_MEI, ("object", 1)),
    }
)
_REPLIES: Mapping[int, Layout] = MappingProxyType(
    {
        **_SHARED,
        **dict.fromkeys((1, 2, 3, 4, 12, 17, 20, 21, 23), _COUNT),
        7: (("status", 1),),
        11: (("status", 2), ("events", 2)),
        **dict.fromkeys((15, 16), _READ),
        24: (("byte_count", 2), ("count", 2)),
        43: (*_MEI, ("conformity", 1), ("more", 1), ("next", 1), ("objects", 1)),
    }
)
