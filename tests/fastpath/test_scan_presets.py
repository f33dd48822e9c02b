"""What each maker's reader sends is understood with that maker's preset."""

from __future__ import annotations

import pytest

from drivers.scanner import CARRIERS, PRESETS, S10_CARRIER, Framing
from fastpath.scans import COLUMN_NAMES, ScanCounter

CODE, OTHER = b"SF1234567890123", b"YT1234567890123"
CASES = {
    "plain": (CODE + b"\r\nNoRead\r\n?\r\n", {"new": 1, "no_read": 2}),
    "sick": (
        b"\x02" + CODE + b"\x03\x02NoRead\x03\x02\x03\r\n\x02" + OTHER + b"\x03",
        {"new": 2, "no_read": 2, "framing": 1},
    ),
    "hikrobot": (CODE + b"\r\nNoRead\r\n" + CODE + b";" + OTHER + b"\r\n", {"new": 1, "no_read": 1, "multi": 1}),
    "keyence": (CODE + b"\rERROR\r" + CODE + b"," + OTHER + b"\r", {"new": 1, "no_read": 1, "multi": 1}),
    "cognex": (CODE + b"\r\n\r\n" + CODE + b"\r\n", {"new": 1, "no_read": 1, "duplicate": 1}),
    "datalogic": (CODE + b"\r\nNOREAD\r\n", {"new": 1, "no_read": 1}),
    "microscan": (
        CODE + b"\r\nNOREAD\r\nBADCODE\r\n" + CODE + b"," + OTHER + b"\r\n",
        {"new": 1, "no_read": 2, "multi": 1},
    ),
    "honeywell": (b"]C0" + CODE + b"\r" + CODE + b"\rNR\r", {"new": 1, "duplicate": 1, "no_read": 1}),
}


def counted(framing: Framing, octets: bytes) -> dict[str, int]:
    one = ScanCounter(lanes=1, chutes=0, key=bytes(32), carriers=CARRIERS, s10=S10_CARRIER)
    source = framing.listen(0)
    for at in range(0, len(octets), 5):
        one.feed(source, octets[at : at + 5], 1)
    assert one.finish()
    one.take()
    return {name: total for name, total in zip(COLUMN_NAMES, one.totals.tolist()[0], strict=True) if total}


@pytest.mark.parametrize("maker", PRESETS)
def test_the_lines_of_each_maker_are_read(maker: str) -> None:
    octets, expected = CASES[maker]
    assert counted(PRESETS[maker], octets) == expected


def test_every_preset_says_whose_it_is_and_where_it_is_written() -> None:
    assert all(one.maker and len(one.source) > 20 for one in PRESETS.values())


@pytest.mark.parametrize(
    ("code", "carrier"),
    [
        ("SF123456789012", "sf"),
        ("SF12345678901", "other"),
        ("SF1234567890123456", "other"),
        ("YT1234567890123", "yto"),
        ("JT0006968326954", "jt"),
        ("JDX123456789012", "jd"),
        ("JDVB12345678901", "jd"),
        ("JDVB12345678901-1-2-", "jd"),
        ("STO1234567890", "sto"),
        ("DPK12345678901", "deppon"),
        ("EB000717595HK", "ems"),
        ("EB000717594HK", "other"),
        ("77312345678901", "numeric"),
        ("9812345678901", "numeric"),
        ("sf123456789012", "other"),
    ],
)
def test_a_waybill_is_a_carriers_only_when_that_is_certain(code: str, carrier: str) -> None:
    one = ScanCounter(lanes=1, chutes=0, key=bytes(32), carriers=CARRIERS, s10=S10_CARRIER)
    one.feed(PRESETS["plain"].listen(0), code.encode() + b"\r\n", 1)
    one.finish()
    one.take()
    assert [name for name, count in zip(one.classes, one.carrier_totals.tolist()[0], strict=True) if count] == [carrier]
