"""Every fault an operator can make: located, explained in both languages, and alone."""

from __future__ import annotations

import string

import pytest
from site_text import SITE, changed

import config
from config import messages
from config.faults import Ledger, Source, columns, drawing
from config.lint import lint
from config.meant import near_id

COUTER = 'type = "u32"\nkind = "couter"\n\n[device.plc-a.point.delivered]'
"""A mistyped kind of what a line counts by."""

ONE_FAULT = [
    ("E2101", 'id = "gz-baiyun"', "id = “gz-baiyun”", "“gz-baiyun”"),
    ("E2101", 'id = "gz-baiyun"', 'id = "gz-baiyun”', '"gz-baiyun”'),
    ("E2101", 'id = "gz-baiyun"', "id　＝　‘gz-baiyun’", "　＝　‘gz-baiyun’"),
    ("E2101", "baud = 19200", "baud ＝ １９２００", "＝ １９２００"),
    ("E2101", "[bus.sorter]", "［bus．sorter］", "［bus．sorter］"),
    ("E2102", "unit = 1", "unit = 00017", "00017"),
    ("E2102", 'city = "4401"', "city = 04401", "04401"),
    ("E2103", 'name_zh = "北线"', '名称 = "北线"', "名称"),
    ("E2103", "capacity_pph = 20000", '"产能" = 20000', '"产能"'),
    ("E2104", "baud = 19200", "baud = 19.200.1", "19.200.1"),
    ("E2105", 'host = "mqtt.example.org"', 'host = "mqtt.example.org', '"mqtt.example.org'),
    ("E2106", "baud = 19200", "baud: 19200", "baud: 19200"),
    ("E2107", "baud = 19200", "baud = " + "[" * 30, "["),
    ("E2108", "baud = 19200", "baud = 19200\nbaud = 9600", "baud"),
    ("E2109", "baud = 19200", "parity = even", "even"),
    ("E2120", "baud = 19200", "rs485 = True", "True"),
    ("E2110", 'reject = ["eye-1.rejected"]', 'reject = ["eye-1.rejected"', "["),
    ("E2111", "baud = 19200", "baud = 19200 bps", "bps"),
    ("E2112", "baud = 19200", "= 19200", "= 19200"),
    ("E2113", "baud = 19200", "baud =", ""),
    ("E2114", "baud = 19200", "baud = \x0719200", "\x07"),
    ("E2115", 'reject = ["eye-1.rejected"]', 'reject = ["eye-1.rejected" "plc-a.inducted"]', '"'),
    ("E2117", "baud = 19200", '外号 = "x"', "外号"),
    ("E2201", "baud = 19200", "boud = 19200", "boud"),
    ("E2201", "capacity_pph", "capacity", "capacity"),
    ("E2201", "[line.north]", "[lines.north]", "lines"),
    ("E2202", "baud = 19200", "colour = 1", "colour"),
    ("E2203", 'province = "44"', "province = 44", "44"),
    ("E2203", "baud = 19200", 'baud = "19200"', '"19200"'),
    ("E2203", "unit = 1", "unit = 1.0", "1.0"),
    ("E2203", "unit = 1", "unit = true", "true"),
    ("E2203", 'reject = ["eye-1.rejected"]', 'reject = "eye-1.rejected"', '"eye-1.rejected"'),
    ("E2203", 'reject = ["eye-1.rejected"]', "reject = [1]", "1"),
    ("E2203", 'host = "mqtt.example.org"', 'host = "127.0.0.1"\ntls = "no"', '"no"'),
    ("E2203", 'point.rejected = { area = "input", address = 16, type = "u32", kind = "counter" }', "point = 3", "3"),
    ("E2204", "period_s = 0.5", "period_ms = 500", "period_ms"),
    ("E2204", "capacity_pph = 20000", "capacity_per_min = 300", "capacity_per_min"),
    ("E2228", "baud = 19200", "baud = 19201", "19201"),
    ("E2205", 'level = "hub"', 'level = "Hub"', '"Hub"'),
    ("E2205", 'area = "input"\naddress = 7', 'area = "inputs"\naddress = 7', '"inputs"'),
    ("E2206", "capacity_pph = 20000\n", "", "line.north"),
    ("E2206", "unit = 1\nperiod_s", "period_s", "device.plc-a"),
    ("E2207", "[line.north]", "[line.North_1]", "North_1"),
    ("E2207", "[line.north]", "[line.北线]", "北线"),
    ("E2207", "[line.north]", "[line.北线1]", "北线1"),
    ("E2207", "[line.north]", '[line."a/b+#"]', '"a/b+#"'),
    ("E2208", "period_s = 0.5", 'period_s = "500ms"', '"500ms"'),
    ("E2209", 'name_zh = "北线"', 'name_zh = "北\\u0000线"', '"北\\u0000线"'),
    ("E2209", 'username = "gz-baiyun"', 'username = " "', '" "'),
    ("E2210", "period_s = 0.5", "period_s = 0", "0"),
    ("E2210", "period_s = 0.5", "period_s = nan", "nan"),
    ("E2210", "unit = 1", "unit = 248", "248"),
    ("E2210", "[bus.eyes]", "[spool]\nmax_mb = 1\n[bus.eyes]", "1"),
    ("E2210", "unit = 1", f"unit = {10**400}", str(10**400)),
    ("E2211", 'tcp = "192.168.10.21"', 'tcp = "192.168.10.21:70000"', '"192.168.10.21:70000"'),
    ("E2211", 'tcp = "192.168.10.21"', 'tcp = "192.168.10.300"', '"192.168.10.300"'),
    ("E2211", 'host = "mqtt.example.org"', 'host = "mqtts://mqtt.example.org"', '"mqtts://mqtt.example.org"'),
    ("E2212", 'ca_file = "/etc/hubpulse/tls/ca.pem"', 'ca_file = "ca.pem"', '"ca.pem"'),
    ("E2214", "ca_file", 'cert_file = "/c.pem"\nca_file', '"/c.pem"'),
    ("E2214", 'username = "gz-baiyun"\n', "", '"bureau-password"'),
    ("E2215", "baud = 19200", 'tcp = "10.0.0.1"', '"10.0.0.1"'),
    ("E2215", 'ref = "40103"', 'ref = "40103"\naddress = 102', '"40103"'),
    ("E2215", "password_credential", 'password_file = "/p"\npassword_credential', '"bureau-password"'),
    ("E2216", 'tcp = "192.168.10.21"', 'tcp = "192.168.10.21"\nbaud = 9600', "baud"),
    ("E2217", 'id = "gz-baiyun"', 'id = "gz/baiyun"', '"gz/baiyun"'),
    ("E2218", 'province = "44"\ncity = "4401"', 'province = "99"\ncity = "9901"', '"99"'),
    ("E2219", 'city = "4401"', 'city = "440100"', '"440100"'),
    ("E2220", 'city = "4401"', 'city = "1201"', '"1201"'),
    ("E2221", 'tcp = "192.168.10.21"\n', "", "bus.eyes"),
    ("E2222", "password_credential", 'password = "hunter2"\npassword_credential', "password"),
    ("E2205", 'type = "u32"\nkind = "counter"\n\n[device.plc-a.point.delivered]', COUTER, '"couter"'),
    ("E2301", 'bus = "sorter"', 'bus = "sortre"', '"sortre"'),
    ("E2302", '"plc-a.inducted"', '"plc-b.inducted"', '"plc-b.inducted"'),
    ("E2303", '"plc-a.inducted"', '"plc-a"', '"plc-a"'),
    ("E2304", '"plc-a.inducted"', '"plc-a.induct"', '"plc-a.induct"'),
    ("E2305", "period_s = 0.5", 'profile = "autonics-ct7"', '"autonics-ct7"'),
    (
        "E2306",
        "[bus.eyes]",
        '[bus.two]\nserial = "/dev/serial/by-path/port0"\n[bus.eyes]',
        '"/dev/serial/by-path/port0"',
    ),
    ("E2306", "[bus.eyes]", '[bus.two]\ntcp = "192.168.10.21:502"\n[bus.eyes]', '"192.168.10.21"'),
    ("E2307", '"plc-a.inducted"', '"plc-a.speed"', '"plc-a.speed"'),
    ("E2308", '["eye-1.rejected"]', '["plc-a.inducted"]', '"plc-a.inducted"'),
    ("E2309", 'ref = "40103"', 'ref = "40102"', '"40102"'),
    ("E2311", 'host = "mqtt.example.org"', 'host = "mqtt.example.org"\ntls = false', "false"),
    ("E2312", 'ref = "40103"', 'ref = "40103"\narea = "input"', '"40103"'),
    ("E2313", 'ref = "40103"', 'ref = "103"', '"103"'),
    ("E2313", 'ref = "40103"', 'ref = "40000"', '"40000"'),
    ("E2314", 'type = "u16"', 'type = "bit"', '"bit"'),
    ("E2314", 'area = "input"\naddress = 7\ntype = "u16"', 'area = "coil"\naddress = 7\nkind = "counter"', '"counter"'),
    ("E2315", "address = 100", "address = 65535", "65535"),
    ("E2316", 'type = "u16"', 'type = "f32"\nkind = "counter"', '"counter"'),
    ("E2317", "period_s = 0.5", "max_read_registers = 1", "1"),
    ("E2318", "unit = 1\npoint.rejected", 'unit = 1\nprofile = "autonics-ct6"\npoint.rejected', '"eyes"'),
    ("E2319", "address = 7", "address = 7\nlow = 5\nhigh = 4", "5"),
    ("E2320", "address = 7", "address = 7\nmodulus = 1000", "1000"),
    ("E2321", "address = 7", "address = 7\nscale = 0", "0"),
    ("E2322", "address = 100", "address = 100\nmodulus = 10", "0.5"),
    (
        "E2323",
        'point.rejected = { area = "input", address = 16, type = "u32", kind = "counter" }\n',
        "",
        "device.eye-1",
    ),
    (
        "E2324",
        'induct = ["plc-a.inducted"]\ndischarge = ["plc-a.delivered"]\nreject = ["eye-1.rejected"]',
        "induct = []",
        "[]",
    ),
    ("E2701", "buffer_parcels = 5000", "buffer_parcels = 5000\n[thresholds.normal]\nbusy = 96", "96"),
    ("E2701", "buffer_parcels = 5000", "buffer_parcels = 5000\n[thresholds.peak]\noverflow_leave = 115", "115"),
    ("E2702", "[line.north]", '[shift.a]\nfrom = "8:00"\nto = "16:00"\n[line.north]', '"8:00"'),
    ("E2703", "[line.north]", '[season]\nfrom = "2026-11-01"\nto = "2026-11-31"\n[line.north]', '"2026-11-31"'),
    (
        "E2704",
        "[line.north]",
        '[wave.night]\nfrom = "18:00"\nto = "23:00"\nclear_by = "22:00"\n[line.north]',
        '"22:00"',
    ),
    ("E2705", "[line.north]", '[season]\nfrom = "2026-11-02"\nto = "2026-11-01"\n[line.north]', '"2026-11-01"'),
    ("E2706", 'discharge = ["plc-a.delivered"]', 'energy = ["plc-a.delivered"]', '["plc-a.delivered"]'),
    ("E2707", "buffer_parcels = 5000", "buffer_parcels = 5000\ninduct_counts_passes = true", "true"),
    (
        "E2708",
        'discharge = ["plc-a.delivered"]\nreject = ["eye-1.rejected"]',
        'energy = ["plc-a.delivered", "eye-1.rejected"]',
        '["plc-a.delivered", "eye-1.rejected"]',
    ),
    ("E2210", "capacity_pph = 20000", "capacity_pph = 0", "0"),
    (
        "E2308",
        "[line.north]",
        '[floor]\nunload = ["eye-1.rejected"]\nload = ["eye-1.rejected"]\n[line.north]',
        '"eye-1.rejected"',
    ),
    ("E2325", '[device.eye-1]\nbus = "eyes"', '[device.eye-1]\nbus = "sorter"', "1"),
]


@pytest.mark.fault("G1", "G4", "M3")
@pytest.mark.parametrize(("code", "old", "new", "under"), ONE_FAULT)
def test_one_mistake_is_one_fault_with_the_caret_under_it(code: str, old: str, new: str, under: str) -> None:
    text = changed(old, new)
    report = config.check_text("site.toml", text.encode())
    assert [fault.code for fault in report.faults] == [code], [fault.render("en") for fault in report.faults]
    (fault,) = report.faults
    line = text.split("\n")[fault.line - 1]
    assert line[fault.column - 1 : fault.end_column - 1] == under
    assert_told_in_both_languages(fault)


def assert_told_in_both_languages(fault: config.Fault) -> None:
    for lang in messages.LANGUAGES:
        said = fault.render(lang)
        assert said.startswith(fault.place) and fault.code in said.split("\n")[0]
        assert "{" not in fault.text(lang).seen.replace(fault.source, "") or "{" in fault.source
    assert any("\u4e00" <= one <= "\u9fff" for one in fault.text("zh").seen)


def test_the_untouched_site_has_no_fault() -> None:
    assert config.check_text("site.toml", SITE.encode()).faults == ()


@pytest.mark.fault("G1")
def test_six_mistakes_of_six_kinds_are_six_located_faults_in_one_run() -> None:
    text = SITE
    for old, new in [
        ('id = "gz-baiyun"', "id = “gz-baiyun”"),
        ("baud = 19200", "boud = 19200"),
        ("buffer_parcels = 5000", "buffer_parcels = -5"),
        ("period_s = 0.5", "period_ms = 500"),
        ('bus = "eyes"', 'bus = "sorter"'),
        ('name_zh = "北线"', '名称 = "北线"'),
    ]:
        text = text.replace(old, new)
    faults = config.check_text("site.toml", text.encode()).faults
    assert [(fault.code, fault.line) for fault in faults] == [
        ("E2101", 2), ("E2201", 17), ("E2204", 25), ("E2325", 45), ("E2103", 49), ("E2210", 55),
    ]  # fmt: skip
    for fault in faults:
        assert_told_in_both_languages(fault)


@pytest.mark.parametrize(
    ("code", "raw"),
    [
        ("E2011", b"\xef\xbb\xbf" + SITE.encode()),
        ("E2012", SITE.encode("gb18030")),
        ("E2013", SITE.encode("utf-16")),
        ("E2013", SITE.encode("utf-16-le")),
        ("E2013", SITE.encode("utf-16-be")),
    ],
)
def test_another_encoding_is_one_fault_and_the_rest_of_the_file_is_checked_all_the_same(code: str, raw: bytes) -> None:
    assert [fault.code for fault in config.check_text("site.toml", raw).faults] == [code]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_faults_of_a_file_in_another_encoding_stand_where_they_stand(encoding: str) -> None:
    faults = config.check_text("site.toml", changed("unit = 1", "unit = 999").encode(encoding)).faults
    assert [(fault.code, fault.column) for fault in faults if fault.code == "E2210"] == [("E2210", 8)]
    assert len(faults) == 2


def test_windows_line_ends_are_no_fault() -> None:
    report = config.check_text("site.toml", SITE.replace("\n", "\r\n").encode())
    assert report.settings == config.check_text("site.toml", SITE.encode()).settings


@pytest.mark.fault("M10")
@pytest.mark.parametrize(
    "line",
    [
        'password = "hunter2"',
        "password ＝ “hunter2”",
        'password = "hunter2',
        "password = hunter2",
        'bureau_passwort = "hunter2"',
        'access_token = ["hunter2"]',
        "password = [1, hunter2]",
        "口令 = 'hunter2'",
        'x = {password = "hunter2" y}',
        'host = "mqtt://site:hunter2@example.org"',
    ],
)
def test_a_secret_is_refused_and_never_repeated(line: str) -> None:
    report = config.check_text("site.toml", changed('host = "mqtt.example.org"', line).encode())
    assert report.faults
    for fault in report.faults:
        assert "hunter2" not in fault.render("en") + fault.render("zh") + fault.source + str(dict(fault.parameters))


def test_a_line_that_cannot_be_read_makes_no_follow_up_fault_and_hides_no_other() -> None:
    text = changed('province = "44"', "province = 44x").replace("[line.north]", "[line.north").replace("19200", "19201")
    faults = config.check_text("site.toml", text.encode()).faults
    assert [fault.code for fault in faults] == ["E2104", "E2228", "E2110"]


def test_a_lost_header_makes_no_unknown_references() -> None:
    text = changed("[bus.sorter]", "[bus..sorter]").replace("[device.eye-1]", "[device.eye 1]")
    faults = config.check_text("site.toml", text.encode()).faults
    assert {fault.code for fault in faults} == {"E2112", "E2119"}


def test_a_missing_table_is_told_once() -> None:
    start = SITE.index("[bureau]")
    text = SITE[:start] + SITE[SITE.index("[bus.sorter]") :]
    assert [fault.code for fault in config.check_text("site.toml", text.encode()).faults] == ["E2213"]


@pytest.mark.parametrize(
    ("written", "repaired"),
    [
        ('a = ["x”， "y"]', 'a = ["x", "y"]'),
        ("a = [“x”，‘y’]", "a = [\"x\",'y']"),
        ('a = "已经“成对”的引号，全角"', 'a = "已经“成对”的引号，全角"'),
        ("# 注释，“全角”", "# 注释，“全角”"),
        ("a　＝　１２．５", "a = 12.5"),
        ('a = """\n，“\n"""', 'a = """\n，“\n"""'),
        ("a：1", "a=1"),
        ("a = −5；", "a = -5 "),
        ("a = 007\nb = [01, 0x07, 0.7, 07:30:00]", "a =   7\nb = [ 1, 0x07, 0.7, 07:30:00]"),
        ("a = -007.5", "a =   -7.5"),
    ],
)
def test_full_width_characters_and_leading_zeros_are_read_around_in_place(written: str, repaired: str) -> None:
    ledger = Ledger()
    assert lint(Source.of("x.toml", written), ledger) == repaired
    assert bool(ledger.faults) == (written != repaired)


def test_carets_stand_under_full_width_characters_tabs_and_the_middle_of_long_lines() -> None:
    assert drawing("\t名称 = 1", 2, 4) == ("\t名称 = 1", "\t^^^^")
    assert drawing("a = \x1b[31m", 5, 6) == ("a = ·[31m", "    ^")
    line, carets = drawing("北" * 300 + "X" + "y" * 300, 301, 302)
    assert len(line) < 130
    assert columns(line[: line.index("X")]) == carets.index("^")


def test_every_message_has_both_languages_and_the_same_places_in_both() -> None:
    def places(parts: messages.Text) -> set[str]:
        return {name for part in parts for _, name, _, _ in string.Formatter().parse(part) if name}

    assert len(messages.codes()) > 60
    for code in messages.codes():
        english, chinese = messages.template(code, "en"), messages.template(code, "zh")
        assert places(english) == places(chinese), code
        assert all((*english, *chinese)), code
        assert not any("\u4e00" <= one <= "\u9fff" for one in "".join(english)), code


def test_the_language_is_the_locales_but_english_where_chinese_cannot_be_shown() -> None:
    assert messages.language({"LANG": "zh_CN.UTF-8"}, "utf-8") == "zh"
    assert messages.language({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "UTF-8") == "zh"
    assert messages.language({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "utf-8") == "en"
    assert messages.language({"LANG": "zh_CN.UTF-8", "TERM": "linux"}, "utf-8") == "en"
    assert messages.language({"LANG": "zh_CN.GBK"}, "gbk") == "en"
    assert messages.language({}, None) == "en"


def test_one_register_under_two_names_is_one_counter_of_a_line() -> None:
    again = '[device.eye-1]\npoint.twice = { area = "input", address = 16, type = "u32", kind = "counter" }'
    text = SITE.replace("[device.eye-1]", again).replace('["eye-1.rejected"]', '["eye-1.rejected", "eye-1.twice"]')
    (fault,) = config.check_text("site.toml", text.encode()).faults
    assert (fault.code, fault.parameters["value"]) == ("E2308", "eye-1.twice")


def test_a_spool_that_cannot_hold_the_baselines_of_all_counters_is_refused_with_the_size_that_can() -> None:
    names = [f"c{n}" for n in range(300)]
    points = "".join(
        f'point.{name} = {{ area = "input", address = {100 + 2 * n}, type = "u32", kind = "counter" }}\n'
        for n, name in enumerate(names)
    )
    refs = ", ".join(f'"eye-1.{name}"' for name in ["rejected", *names])
    text = SITE.replace("[device.eye-1]\n", f"[device.eye-1]\n{points}").replace('"eye-1.rejected"', refs)
    (fault,) = config.check_text("site.toml", (text + "\n[spool]\nmax_mb = 2\n").encode()).faults
    assert (fault.code, fault.parameters["needed"]) == ("E2349", 3)
    assert config.check_text("site.toml", (text + "\n[spool]\nmax_mb = 3\n").encode()).settings


def test_the_least_spool_that_a_site_may_name_is_enough_for_a_small_one() -> None:
    assert config.check_text("site.toml", (SITE + "\n[spool]\nmax_mb = 2\n").encode()).settings


@pytest.mark.parametrize(("written", "meant"), [("E", "even"), ("n", "none"), ("O", "odd"), ("evne", "even")])
def test_a_parity_by_its_letter_is_read_as_the_one_it_stands_for(written: str, meant: str) -> None:
    text = SITE.replace("baud = 19200", f'baud = 19200\nparity = "{written}"')
    (fault,) = config.check_text("site.toml", text.encode()).faults
    assert fault.parameters["near"] == f'"{meant}"'


@pytest.mark.parametrize(
    ("right", "written", "meant"),
    [
        ('type = "u16"', 'type = "u16"\nword_order = "cdab"', '"CDAB"'),
        ('type = "u16"', 'type = "float"', '"f32"'),
        ('type = "u16"', 'type = "UINT16"', '"u16"'),
        ("baud = 19200", 'baud = 19200\nparity = "8E1"', '"even"'),
        ('level = "hub"', 'level = "Province-Hub"', '"province_hub"'),
        ('area = "input"\naddress = 7', 'area = "inputs"\naddress = 7', '"input"'),
        (
            "[line.north]",
            '[scanner.a]\nline = "north"\ntcp = "10.0.0.9:1"\npreset = "hikvision"\n[line.north]',
            '"hikrobot"',
        ),
    ],
)
def test_a_value_that_is_beyond_doubt_is_proposed(right: str, written: str, meant: str) -> None:
    (fault,) = config.check_text("site.toml", SITE.replace(right, written, 1).encode()).faults
    assert (fault.code, fault.parameters["near"]) == ("E2205", meant)


@pytest.mark.parametrize(
    ("right", "written"),
    [
        ('type = "u16"', 'type = "u16"\nword_order = "CBAD"'),
        ('type = "u16"', 'type = "u16"\nword_order = "CDBA"'),
        ('type = "u16"', 'type = "u23"'),
        ('type = "u16"', 'type = "u32be"'),
        ("baud = 19200", 'baud = 19200\nparity = "mark"'),
        ("baud = 19200", "baud = 19201"),
        ('level = "hub"', 'level = "市级"'),
        ('area = "input"\naddress = 7', 'area = "registers"\naddress = 7'),
    ],
)
def test_where_nobody_can_say_which_value_was_meant_none_is_proposed(right: str, written: str) -> None:
    (fault,) = config.check_text("site.toml", SITE.replace(right, written, 1).encode()).faults
    assert (fault.code, "near" in fault.parameters) == ("E2228", False)
    assert fault.text("en").action == "write one of them"


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("plc-a.indcuted", "inducted"),
        ("plc-a.in", "inducted, delivered, speed"),
        ("plc-b.inducted", "plc-a, eye-1"),
        ("eye1.rejected", "eye-1"),
        ("eye-2.rejected", "plc-a, eye-1"),
    ],
)
def test_another_counter_is_proposed_for_a_slip_only_and_never_for_another_number(written: str, near: str) -> None:
    (fault,) = config.check_text("site.toml", SITE.replace('"plc-a.inducted"', f'"{written}"').encode()).faults
    assert fault.parameters["near"] == near


def test_a_model_that_is_not_known_is_not_taken_for_the_one_with_the_next_number() -> None:
    text = SITE.replace("period_s = 0.5", 'profile = "autonics-ct7"')
    (fault,) = config.check_text("site.toml", text.encode()).faults
    assert fault.text("en").action.startswith("write one of them, or list the points")


@pytest.mark.parametrize(
    ("right", "written", "code", "action"),
    [
        ("address = 7", "address = 30008", "W2450", 'ref = "30008", or address = 7'),
        ("address = 100", "address = 40101", "W2450", 'ref = "40101", or address = 100'),
        ("address = 16, ", "address = 16, modulus = 4294967295, ", "W2451", "modulus = 4294967296"),
        ("address = 16, ", "address = 16, modulus = 999999, ", "W2451", "modulus = 1000000"),
        ('type = "u16"', 'type = "u16"\nword_order = "CDAB"', "W2452", 'type = "u32" where'),
    ],
)
def test_what_can_be_meant_and_mostly_is_not_is_worth_a_notice(
    right: str, written: str, code: str, action: str
) -> None:
    report = config.check_text("site.toml", SITE.replace(right, written, 1).encode())
    (notice,) = report.notices
    assert (report.settings is not None, notice.code) == (True, code)
    assert notice.text("en").action.startswith(action)


@pytest.mark.parametrize(
    ("name", "of", "meant"),
    [
        ("光电1", "device", "device-1"),
        ("北线", "line", "line-1"),
        ("North_1", "line", "north-1"),
        ("2号PLC", "device", "2-plc"),
    ],
)
def test_the_name_that_is_proposed_says_something(name: str, of: str, meant: str) -> None:
    assert near_id(name, of) == meant
