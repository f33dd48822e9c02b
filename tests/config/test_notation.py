"""A PLC's own names for its addresses: where they lie, what they default to, and every name that cannot be meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiled import modelled, site
from site_text import SITE

import config
from config import profiles
from config.device_settings import Point, ValueType, WordOrder

RANGES = [one for one in profiles.load("inovance-h3u").notation if one.prefix == "D"]

PROFILE = """\
[profile]
maker = "Site"
model = "Box"
trust = "experimental"
source = "measured"
transports = ["tcp"]
hints_en = []
hints_zh = []

[notation]
d = { from = "D0", to = "D99", area = "holding", address = 1000, word_order = "CDAB" }
sd = { from = "SD0", to = "SD9", area = "holding", address = 1200 }
c200 = { from = "C200", to = "C255", area = "holding", address = 0xF700, type = "u32" }
x = { from = "X0", to = "X17", area = "discrete", address = 16, radix = 8 }
w = { from = "W0", to = "W1F", area = "holding", address = 2000, radix = 16 }
db = { from = "DBW10", to = "DBW20", area = "holding", address = 3000, step = 0.5 }
"""


def own_point(profile: str, **keys: object) -> Point:
    device = modelled(profile, "tcp", {"own": keys})
    return next(point for point in device.points if point.name == "own")


@pytest.mark.parametrize(
    ("profile", "ref", "where"),
    [
        ("inovance-h3u", "D100", ("holding", 100, "u16", "CDAB")),
        ("inovance-h3u", "SD7", ("holding", 0x2407, "u16", "CDAB")),
        ("inovance-h3u", "R10", ("holding", 0x300A, "u16", "CDAB")),
        ("inovance-h3u", "C199", ("holding", 0xF4C7, "u16", "ABCD")),
        ("inovance-h3u", "C205", ("holding", 0xF70A, "u32", "CDAB")),  # the manual's own example
        ("inovance-h3u", "C255", ("holding", 0xF76E, "u32", "CDAB")),
        ("inovance-h5u", "X17", ("coil", 0xF80F, "bit", "ABCD")),
        ("inovance-h5u", "m5", ("coil", 5, "bit", "ABCD")),
        ("inovance-h5u", "40001", ("holding", 0, "u16", "ABCD")),
        ("mitsubishi-fx5u", "40001", ("holding", 0, "u16", "CDAB")),
        ("siemens-s7-1200", "DBW8", ("holding", 4, "u16", "ABCD")),
        ("siemens-s7-1200", "DBD8", ("holding", 4, "u32", "ABCD")),
    ],
)
def test_a_name_lies_where_the_makers_table_says(
    profile: str, ref: str, where: tuple[str, int, ValueType, WordOrder]
) -> None:
    known = ref == "40001" and profile != "mitsubishi-fx5u"
    made = own_point(profile, ref=ref, **({"type": "u16"} if known else {}))
    assert (made.area, made.address, made.type, made.word_order) == where


def test_a_point_may_say_its_type_and_order_itself() -> None:
    made = own_point("inovance-h5u", ref="D100", type="u64", word_order="ABCD", kind="counter")
    assert (made.type, made.word_order, made.modulus) == ("u64", "ABCD", 2**64)


def test_a_site_may_move_a_profiles_named_point_by_name_or_by_address() -> None:
    moved = modelled(
        "inovance-h3u", "tcp", {"c200": {"ref": "C210"}, "c201": {"address": 7, "area": "input", "type": "u16"}}
    )
    points = {point.name: point for point in moved.points}
    assert (points["c200"].address, points["c200"].kind) == (0xF714, "counter")
    assert (points["c201"].area, points["c201"].address) == ("input", 7)


@given(st.integers(0, 8511))
def test_every_number_of_a_range_has_an_address_of_its_own(number: int) -> None:
    (found,) = [one for one in RANGES if one.number(f"D{number}") is not None]
    assert found.place(number) == number


def codes(folder: Path, written: Mapping[str, object]) -> list[str]:
    keys = ", ".join(f"{key} = {value!r}" for key, value in written.items())
    text = SITE + f'[device.box]\nbus = "eyes"\nunit = 9\nprofile = "box"\npoint.own = {{ {keys} }}\n'
    return [fault.code for fault in config.check_text("x", text.encode(), [folder]).faults]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "box.toml").write_text(PROFILE)
    return tmp_path


@pytest.mark.parametrize("ref", ["D0", "D99", "SD9", "C200", "C255", "X17", "W1F", "w1f", "DBW10", "DBW20"])
def test_both_ends_of_a_range_are_in_it(folder: Path, ref: str) -> None:
    assert codes(folder, {"ref": ref}) == []


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ({"ref": "D100"}, "E2343"),
        ({"ref": "C199"}, "E2343"),
        ({"ref": "C256"}, "E2343"),
        ({"ref": "X18"}, "E2343"),
        ({"ref": "X20"}, "E2343"),
        ({"ref": "W20"}, "E2343"),
        ({"ref": "D-1"}, "E2343"),
        ({"ref": "D1_0"}, "E2343"),
        ({"ref": "D 1"}, "E2343"),
        ({"ref": "D"}, "E2343"),
        ({"ref": "D１"}, "E2343"),
        ({"ref": "D" + "9" * 100}, "E2343"),
        ({"ref": "Q1"}, "E2343"),
        ({"ref": "40000", "type": "u16"}, "E2343"),
        ({"ref": "C200", "type": "u16"}, "E2344"),
        ({"ref": "DBW11"}, "E2345"),
        ({"ref": "D99", "type": "u32"}, "E2347"),
        ({"ref": "C255", "type": "u64"}, "E2347"),
        ({"ref": "X1", "type": "u16"}, "E2314"),
        ({"ref": "D1", "area": "input"}, "E2348"),
        ({"ref": "D1", "address": 5}, "E2215"),
    ],
)
def test_a_name_that_cannot_be_meant_is_one_located_fault(
    folder: Path, written: Mapping[str, object], code: str
) -> None:
    assert codes(folder, written) == [code]


def test_the_fault_of_a_wrong_name_stands_under_it_and_says_what_is_known(folder: Path) -> None:
    text = SITE + '[device.box]\nbus = "eyes"\nunit = 9\nprofile = "box"\npoint.own = { ref = "C256" }\n'
    (fault,) = config.check_text("x", text.encode(), [folder]).faults
    assert fault.source[fault.column - 1 : fault.end_column - 1] == '"C256"'
    assert "C200–C255" in fault.text("en").cause and 'ref = "C255"' in fault.text("zh").action


def test_without_a_profile_nobody_knows_where_a_plcs_name_lies() -> None:
    text = SITE.replace('ref = "40103"', 'ref = "D100"')
    assert [fault.code for fault in config.check_text("x", text.encode()).faults] == ["E2346"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('to = "D99"', 'to = "E99"', "E2341"),
        ('from = "D0"', 'from = "D100"', "E2341"),
        ('from = "D0"', 'from = "d0"', "E2341"),
        ('to = "X17"', 'to = "X18"', "E2341"),
        ('from = "SD0", to = "SD9"', 'from = "D99", to = "D120"', "E2342"),
        ("address = 0xF700", "address = 0xFFF0", "E2315"),
        ("radix = 8", "radix = 7", "E2228"),
        ("step = 0.5", "step = 0.75", "E2228"),
        ('area = "discrete"', 'area = "discrete", type = "u16"', "E2314"),
        (", address = 2000", "", "E2206"),
        ("radix = 16", "radix = 16, letters = 1", "E2202"),
    ],
)
def test_a_range_that_cannot_be_meant_is_one_fault_of_the_profile(folder: Path, old: str, new: str, code: str) -> None:
    assert old in PROFILE
    (folder / "box.toml").write_text(PROFILE.replace(old, new, 1))
    report = config.check_text(
        "x", (SITE + '[device.box]\nbus = "eyes"\nunit = 9\nprofile = "box"\n').encode(), [folder]
    )
    assert [(fault.code, fault.file) for fault in report.faults] == [(code, str(folder / "box.toml"))]


@pytest.mark.parametrize("own", ['{ ref = "D100" }', '{ ref = "C200", kind = "counter" }', "{ max_rate_per_s = 5 }"])
def test_a_misspelt_profile_is_one_fault_and_its_points_are_not_judged_without_it(own: str) -> None:
    text = SITE.replace('induct = ["plc-a.inducted"]', 'induct = ["box.own"]')
    device = f'[device.box]\nbus = "eyes"\nunit = 9\nprofile = "inovance-h5"\npoint.own = {own}\n'
    report = config.check_text("x", device.encode() + text.encode())
    assert [fault.code for fault in report.faults] == ["E2305"]


def test_a_profile_of_names_alone_needs_points_of_the_site(folder: Path) -> None:
    assert [fault.code for fault in config.check_text("x", site("inovance-h5u", "tcp", {}).encode()).faults] == [
        "E2323"
    ]


def test_a_profile_has_points_or_names(folder: Path) -> None:
    (folder / "box.toml").write_text(PROFILE[: PROFILE.index("[notation]")])
    assert codes(folder, {"ref": "40001", "type": "u16"}) == ["E2221"]
