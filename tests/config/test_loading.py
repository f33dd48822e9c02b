"""From files to settings: parts, profiles, limits, and that nothing but a fault ever comes out of a bad file."""

from __future__ import annotations

import builtins
import dataclasses
import os
import re
import socket
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from site_text import SITE, changed

import config
from config import messages, profiles
from config.bus_settings import SerialBus, TcpBus
from config.device_settings import CounterRef, Device, Point
from config.line_settings import Line
from config.load_settings import Floor, Thresholds
from config.order_settings import Commands
from config.site_settings import Level, Site
from config.uplink_settings import Bureau, Spool, Tls

EXAMPLE = Path(config.__file__).parent / "example.toml"


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "hubpulse.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def codes(path: Path, **places: Path) -> list[str]:
    return [fault.code for fault in config.check(path, **places).faults]  # type: ignore[arg-type]


def test_every_setting_arrives_where_it_belongs(main: Path) -> None:
    site = config.load(main)
    assert site.site == Site("gz-baiyun", "广州白云分拨中心", "Guangzhou Baiyun hub", "44", "4401", "hub")
    tls = Tls(Path("/etc/hubpulse/tls/ca.pem"), None, None)
    assert site.bureau == Bureau("mqtt.example.org", 8883, tls, "gz-baiyun", None, "bureau-password", 60.0)
    assert site.spool == Spool(Path("/var/lib/hubpulse/spool"), 256 * 2**20)
    sorter = SerialBus("sorter", "/dev/serial/by-path/port0", 19200, "none", 1, 0.5)
    assert site.buses == (sorter, TcpBus("eyes", "192.168.10.21", 502, 1.0))
    delivered = Point("delivered", "counter", "holding", 102, "u32", "ABCD", 2**32, 20.0, 1.0, "", None, None)
    assert site.devices[0].points[1] == delivered
    assert site.devices[0].points[2] == dataclasses.replace(
        delivered, name="speed", kind="gauge", area="input", address=7, type="u16", modulus=None
    )
    assert (site.devices[0].period_s, site.devices[0].max_read_registers, site.devices[0].profile) == (0.5, 125, None)
    assert site.lines == (
        Line("north", "北线", "North line", (CounterRef("plc-a", "inducted"),), (CounterRef("plc-a", "delivered"),), (),
             (CounterRef("eye-1", "rejected"),), 20000.0, 5000),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "modulus"),
    [('type = "u16"', 2**16), ('type = "i32"', 2**32), ('type = "u64"', 2**64), ('type = "bcd16"', 10**4),
     ('type = "bcd32"', 10**8), ('type = "u32"\nmodulus = 1000000', 10**6)],
)  # fmt: skip
def test_a_counter_wraps_where_its_type_ends_unless_told(written: str, modulus: int) -> None:
    report = config.check_text("x", changed('address = 100\ntype = "u32"', f"address = 50\n{written}").encode())
    assert report.settings is not None
    assert report.settings.devices[0].points[0].modulus == modulus


@pytest.mark.parametrize(
    ("reference", "area", "address"),
    [("00001", "coil", 0), ("10017", "discrete", 16), ("30017", "input", 16), ("465536", "holding", 65535)],
)
def test_a_reference_is_an_area_and_an_address_from_zero(reference: str, area: str, address: int) -> None:
    text = changed(
        'area = "input"\naddress = 7\ntype = "u16"',
        f'ref = "{reference}"\n' + ("" if area in ("coil", "discrete") else 'type = "u16"'),
    )
    report = config.check_text("x", text.encode())
    assert report.settings is not None
    assert (report.settings.devices[0].points[2].area, report.settings.devices[0].points[2].address) == (area, address)


def test_without_tls_the_broker_is_on_this_machine_and_the_port_1883() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        text = changed('host = "mqtt.example.org"', f'host = "{host}"\ntls = false')
        report = config.check_text("x", text.encode())
        assert report.settings is not None
        assert (report.settings.bureau.tls, report.settings.bureau.port) == (None, 1883)


def test_the_digest_changes_with_every_setting_and_with_nothing_else() -> None:
    def digest(text: str) -> str:
        report = config.check_text("x", text.encode())
        assert report.settings is not None
        return report.settings.digest

    same = {digest(SITE), digest(SITE + "\n# a comment\n"), digest(changed("baud = 19200", "baud    = 19_200"))}
    assert len(same) == 1
    assert re.fullmatch("[0-9a-f]{8}", same.pop())
    assert digest(SITE) != digest(changed("period_s = 0.5", "period_s = 0.6"))


# several files


def test_parts_in_conf_d_are_read_by_name_and_belong_to_the_same_site(main: Path) -> None:
    start = SITE.index("[line.north]")
    main.write_text(SITE[:start], encoding="utf-8")
    folder = main.parent / "conf.d"
    folder.mkdir()
    (folder / "lines.toml").write_text(SITE[start:], encoding="utf-8")
    (folder / "notes.txt").write_text("= not looked at")
    (folder / ".lines.toml.swp").write_text("= not looked at")
    assert config.load(main).lines[0].id == "north"
    assert config.load(main, conf_d=main.parent / "none").lines == ()


def test_what_two_files_say_is_told_with_both_places(main: Path) -> None:
    folder = main.parent / "conf.d"
    folder.mkdir()
    part = folder / "more.toml"
    part.write_text('[line.north]\ninduct = []\n[site]\nid = "other"\n', encoding="utf-8")
    faults = config.check(main).faults
    assert [(fault.code, fault.file, fault.line) for fault in faults] == [
        ("E2310", str(part), 1),
        ("E2310", str(part), 4),
    ]
    assert f"{main}:48:7" in faults[0].text("en").seen


def test_faults_of_all_files_come_in_one_run(main: Path) -> None:
    folder = main.parent / "conf.d"
    folder.mkdir()
    (folder / "a.toml").write_bytes(b"[bus.third]\ntcp = 5\n")
    (folder / "b.toml").write_bytes("[bus.北]\n".encode("gbk"))
    main.write_text(changed("unit = 1", "unit = 0"), encoding="utf-8")
    assert codes(main) == ["E2210", "E2203", "E2221", "E2012", "E2207"]


# profiles


def test_everything_that_is_missing_is_named_in_one_run(main: Path) -> None:
    main.write_text("[site]\n")
    seen = [fault.text("en").seen for fault in config.check(main).faults]
    for key in ("id", "province", "city", "level"):
        assert f'"{key}" is missing in [site]' in seen
    main.write_text("")
    assert [fault.text("en").seen for fault in config.check(main).faults] == [
        "the table [site] is missing",
        "the table [bureau] is missing",
    ]


def test_every_rank_of_a_site_is_taken_and_one_that_is_none_is_refused(main: Path) -> None:
    for level in get_args(Level):
        main.write_text(SITE.replace('level = "hub"', f'level = "{level}"'))
        assert config.load(main).site.level == level
        assert messages.word(f"level_{level}", "en") != messages.word(f"level_{level}", "zh")
    main.write_text(SITE.replace('level = "hub"', 'level = "provincial_hub"'))
    (fault,) = config.check(main).faults
    assert "province_hub" in fault.text("en").action


def test_neighbours_are_named_as_in_topics_and_a_bad_one_is_shown_where_it_stands(main: Path) -> None:
    def named(more: str, level: str = "hub") -> None:
        main.write_text(SITE.replace('level = "hub"', f'level = "{level}"\n{more}'))

    named('carrier = "zto"\nupstream = ["gz-tianhe", "43/4301/cs-yuhua"]\nvalid_until = "2026-12-01"', "temporary")
    site = config.load(main).site
    assert (site.carrier, site.valid_until) == ("zto", "2026-12-01")
    assert (site.upstream, site.downstream) == (("44/4401/gz-tianhe", "43/4301/cs-yuhua"), ())
    for bad, code in {
        'upstream = ["GZ/#"]': "E2224",
        'downstream = ["43/4401/cs"]': "E2224",
        'downstream = ["gz-baiyun"]': "E2227",
        'upstream = ["a", "44/4401/a"]': "E2227",
        'carrier = "顺丰"': "E2225",
        'valid_until = "2026-12-01"': "E2226",
    }.items():
        named(bad)
        (fault,) = config.check(main).faults
        assert (fault.code, fault.line) == (code, 8), bad
    named('valid_until = "2026-02-30"', "temporary")
    assert codes(main) == ["E2703"]


def test_every_packaged_profile_is_in_order() -> None:
    assert {"advantech-adam-6051", "moxa-iologik-e1210"} <= set(profiles.names())
    for name in profiles.names():
        profile = profiles.load(name)
        assert profile.points or profile.notation
        assert profile.source and profile.hints_en and len(profile.hints_en) == len(profile.hints_zh)


def test_a_device_has_the_points_of_its_profile_and_overrides_them_key_by_key() -> None:
    device = '[device.eye-2]\nbus = "eyes"\nunit = 2\nprofile = "advantech-adam-6051"\n'
    report = config.check_text(
        "x", (SITE + device + "point.di0.max_rate_per_s = 5\npoint.di1.ref = '40101'\n").encode()
    )
    assert report.settings is not None
    made = report.settings.devices[2]
    points = {point.name: point for point in made.points}
    assert (points["di0"].max_rate_per_s, points["di0"].word_order, points["di0"].address) == (5.0, "CDAB", 0)
    assert (points["di1"].address, points["di1"].kind, points["di2"].address) == (100, "counter", 4)
    assert made.max_read_registers == 125
    assert [notice.code for notice in report.notices] == ["W2404"]


PROFILE = """\
[profile]
maker = "Site"
model = "Box"
trust = "verified"
source = "measured"
transports = ["tcp"]
hints_en = []
hints_zh = []
[point]
di0 = { area = "input", address = 0, type = "u32", kind = "counter" }
"""


def test_a_sites_own_profile_comes_before_the_packaged_one_and_says_so(main: Path) -> None:
    main.write_text(
        SITE + '[device.eye-2]\nbus = "eyes"\nunit = 2\nprofile = "advantech-adam-6051"\n', encoding="utf-8"
    )
    folder = main.parent / "profiles"
    folder.mkdir()
    (folder / "advantech-adam-6051.toml").write_text(PROFILE)
    report = config.check(main)
    assert report.settings is not None
    assert [point.name for point in report.settings.devices[2].points] == ["di0"]
    assert [notice.code for notice in report.notices] == ["W2401"]


def test_a_fault_of_a_profile_stands_in_the_profiles_file_once(main: Path, tmp_path: Path) -> None:
    uses = "".join(f'[device.box-{unit}]\nbus = "eyes"\nunit = {unit}\nprofile = "box"\n' for unit in (2, 3))
    main.write_text(SITE + uses, encoding="utf-8")
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "box.toml").write_text(PROFILE.replace('"u32"', '"u33"').replace('["tcp"]', '["tpc"]'))
    report = config.check(main, profile_dirs=[folder])
    assert [(fault.code, fault.file, fault.line) for fault in report.faults] == [
        ("E2205", str(folder / "box.toml"), 6),
        ("E2228", str(folder / "box.toml"), 10),
    ]


def test_a_profile_name_is_no_way_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text(PROFILE)
    (tmp_path / "profiles").mkdir()
    for name in ("../secret", str(tmp_path / "secret"), "", "a\0b", "x" * 300):
        with pytest.raises(config.ConfigError) as caught:
            profiles.load(name, [tmp_path / "profiles"])
        assert [fault.code for fault in caught.value.faults] == ["E2305"]


# what cannot be read


def test_a_missing_file_a_folder_and_a_pipe_are_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert codes(tmp_path / "none.toml") == ["E2001"]
    assert codes(tmp_path / "none.toml" / "below") == ["E2001"]
    assert codes(tmp_path) == ["E2004"]
    assert codes(tmp_path / "pipe") == ["E2004"]


def test_an_unreadable_part_makes_no_unknown_references(main: Path) -> None:
    folder = main.parent / "conf.d"
    folder.mkdir()
    (folder / "devices.toml").symlink_to("nowhere")
    main.write_text(SITE[: SITE.index("[device.eye-1]")] + SITE[SITE.index("[line.north]") :], encoding="utf-8")
    assert codes(main) == ["E2001"]


@pytest.mark.fault("G3")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"a = 1\n" * 200_000, "E2003"),
        (b"a = " + b"[" * 10_000 + b"]" * 10_000, "E2107"),
        (b"a = " + b"{a=" * 10_000, "E2107"),
        (b"a." * 10_000 + b"b = 1", "E2107"),
        (b"[" + b"a." * 10_000 + b"b]", "E2107"),
        (b"a = [\n" * 10_000, "E2116"),
        (b"a = [" + b"1," * 60_000 + b"]", "E2118"),
        (b"a = 1\n" * 1000, "E2116"),
        (b"a = " + b"9" * 5000, "E2104"),
        (b"\0" * 1000, "E2013"),
        (b"\xff\xfe\x00", "E2013"),
        (b"\x80\x81\xff\xff" * 100, "E2014"),
    ],
)
def test_what_is_too_large_too_deep_or_no_text_is_refused(raw: bytes, code: str) -> None:
    assert code in [fault.code for fault in config.check_text("x.toml", raw).faults]


@pytest.mark.fault("G3")
def test_a_file_of_fifty_megabytes_is_refused(main: Path) -> None:
    with main.open("ab") as opened:
        opened.truncate(50_000_000)
    assert codes(main) == ["E2003"]


def test_checking_opens_no_port_and_resolves_no_name(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"checking touched {arguments}")

    opened: list[str] = []
    whole = Path.open
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(Path, "open", lambda path, *arguments: (opened.append(str(path)), whole(path, *arguments))[1])
    config.load(main)
    assert opened == [str(main)]


# anything


@pytest.mark.fault("G1")
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_settings_or_faults(raw: bytes) -> None:
    assert_settings_or_faults(raw)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_any_edit_of_a_site_is_settings_or_faults(data: st.DataObject) -> None:
    raw = bytearray(SITE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.integers(0, 12)))
        raw[start:end] = data.draw(
            st.sampled_from([b"", b"\n", b'"', b"[", b"]", b"=", b".", b"9", b"\xef\xbc\x9d", b"\xff", b"{", b"#"])
        )
    assert_settings_or_faults(bytes(raw))


VALUES = [
    "-1",
    "0",
    "1e400",
    "nan",
    '""',
    '"\\u0000"',
    "[]",
    "{}",
    "[[1]]",
    "{a=1}",
    "1979-05-27",
    "true",
    "99999999999999999999",
    '"a.b"',
    '"/"',
]


@given(st.sampled_from(sorted(set(re.findall(r"(\w+) = ", SITE)))), st.sampled_from(VALUES))
@settings(max_examples=150, deadline=None)
def test_any_value_at_any_key_is_settings_or_faults(key: str, value: str) -> None:
    assert_settings_or_faults(
        re.sub(rf"(?m)^(\s*|.*[ {{]){key} = [^,\n}}]+", lambda found: f"{found[1]}{key} = {value}", SITE).encode()
    )


@pytest.mark.fault("G2")
def test_a_file_cut_off_at_any_byte_is_settings_or_faults(tmp_path: Path) -> None:
    (tmp_path / "advantech-adam-6051.toml").write_text(PROFILE)
    lines = (line.partition("   #")[0] for line in EXAMPLE.read_text("utf-8").split("\n"))
    raw = "\n".join(line for line in lines if line and not line.startswith("#")).encode()
    whole = config.check_text("x", raw, [tmp_path])
    assert whole.settings is not None
    for end in range(len(raw)):
        report = config.check_text("x", raw[:end], [tmp_path])
        assert (report.settings is None) == bool(report.faults)


def assert_settings_or_faults(raw: bytes) -> None:
    report = config.check_text("x.toml", raw)
    assert (report.settings is None) == bool(report.faults)
    for fault in (*report.faults, *report.notices):
        for lang in messages.LANGUAGES:
            assert fault.render(lang).isprintable() or "\n" in fault.render(lang)


# the example


def test_the_example_is_in_order_and_shows_every_default_as_it_is() -> None:
    text = EXAMPLE.read_text("utf-8")
    shown = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", text)
    assert shown.count("\n") == text.count("\n") and shown != text
    plain, with_defaults = (config.check_text("example.toml", one.encode()) for one in (text, shown))
    assert plain.faults == with_defaults.faults == ()
    assert plain.settings == with_defaults.settings


PARTS = (Site, Bureau, SerialBus, Device, Point, Line, Floor, Thresholds, Commands)


def test_the_example_names_every_key_there_is() -> None:
    keys = set(re.findall(r"(?m)^#? ?([a-z0-9_]+) = ", EXAMPLE.read_text("utf-8"))) | {"ref"}
    written = {
        *(field.name for made in PARTS for field in dataclasses.fields(made)),
        "cert_file", "key_file", "ca_file", "directory", "max_mb", "serial", "tcp",
    }  # fmt: skip
    assert written - keys <= {"points", "name", "kwh_per_count", "fingerprint"}


def test_what_is_worth_knowing_is_a_notice_and_no_fault() -> None:
    text = changed("/dev/serial/by-path/port0", "/dev/ttyUSB0").replace(
        "[bus.eyes]", '[bus.spare]\ntcp = "10.0.0.9"\n[bus.eyes]'
    )
    report = config.check_text("x", text[: text.index("[line.north]")].encode())
    assert report.settings is not None
    assert [notice.code for notice in report.notices] == ["W2402", "W2403", "W2405"]


def test_what_follows_from_a_fault_is_no_notice_beside_it() -> None:
    report = config.check_text("x", b"")
    assert [fault.code for fault in report.faults] == ["E2213", "E2213"]
    assert not report.notices


def test_a_file_or_folder_beyond_limits_or_rights_is_told(main: Path) -> None:
    folder = main.parent / "conf.d"
    folder.mkdir()
    for number in range(101):
        (folder / f"{number}.toml").touch()
    assert codes(main) == ["E2005"]
    (main.parent / "endless.toml").symlink_to("endless.toml")
    assert codes(main.parent / "endless.toml") == ["E2002"]
