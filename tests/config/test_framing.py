"""How a bus is spoken is read with its standard's defaults, and what cannot be meant is a located fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from site_text import SITE

import config
from config.bus_settings import BusTls, Rs485, SerialBus, TcpBus
from config.uplink_settings import Tls

TLS = '[bus.eyes.tls]\nca_file = "/etc/ca.pem"\n'


def told(serial: str = "", tcp: str = "") -> config.Report:
    """A site with these lines under its serial and its TCP bus."""
    text = SITE.replace("baud = 19200", f"baud = 19200\n{serial}")
    text = text.replace('tcp = "192.168.10.21"', f'tcp = "192.168.10.21"\n{tcp}')
    return config.check_text("site.toml", text.encode())


def serial(written: str) -> SerialBus:
    report = told(serial=written)
    assert report.settings, report.faults
    bus = report.settings.bus("sorter")
    assert isinstance(bus, SerialBus)
    return bus


def tcp(written: str) -> TcpBus:
    report = told(tcp=written)
    assert report.settings, report.faults
    bus = report.settings.bus("eyes")
    assert isinstance(bus, TcpBus)
    return bus


@pytest.mark.parametrize(
    ("written", "characters"),
    [
        ("", (8, "none", 1)),
        ('framing = "rtu"\nparity = "even"', (8, "even", 1)),
        ('framing = "ascii"', (7, "even", 1)),
        ('framing = "ascii"\nparity = "odd"', (7, "odd", 1)),
        ('framing = "ascii"\nparity = "none"', (7, "none", 2)),
        ('framing = "ascii"\ndata_bits = 8', (8, "none", 1)),
    ],
)
def test_the_characters_of_a_line_are_those_of_its_framing_unless_told(written: str, characters: object) -> None:
    report = told(serial=written)
    assert not [notice for notice in report.notices if notice.code == "W2421"]
    bus = serial(written)
    assert (bus.data_bits, bus.parity, bus.stop_bits) == characters


@pytest.mark.parametrize(
    ("written", "code", "under"),
    [
        ("data_bits = 7", "E2230", "7"),
        ('framing = "rtu"\ndata_bits = 7\nparity = "even"', "E2230", "7"),
        ('framing = "ascii"\nparity = "none"\nstop_bits = 1', "E2231", "1"),
        ("data_bits = 9", "E2228", "9"),
        ('framing = "tcp"', "E2232", '"tcp"'),
        ('framing = "RTU"', "E2205", '"RTU"'),
        ("rts_before_ms = 1", "E2214", "1"),
        ("rs485 = true\nrts_after_ms = 101", "E2210", "101"),
        ('tls = { ca_file = "/etc/ca.pem" }', "E2234", "tls"),
    ],
)
def test_what_cannot_be_spoken_on_a_line_is_one_fault(written: str, code: str, under: str) -> None:
    (fault,) = told(serial=written).faults
    assert (fault.code, fault.source[fault.column - 1 : fault.end_column - 1]) == (code, under)


@pytest.mark.parametrize("written", ['parity = "even"\nstop_bits = 2', "data_bits = 8\nstop_bits = 2"])
def test_ascii_characters_beyond_the_standard_are_a_notice_because_some_devices_have_them(written: str) -> None:
    report = told(serial=f'framing = "ascii"\n{written}')
    assert report.settings
    assert "W2421" in [notice.code for notice in report.notices]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("data_bits = 8", "E2216"),
        ("rs485 = true", "E2216"),
        (f'framing = "rtu"\n{TLS}', "E2233"),
        ('[bus.eyes.tls]\ncert_file = "/c"\nkey_file = "/k"', "E2206"),
        (TLS + 'cert_file = "/etc/c.pem"', "E2214"),
        (TLS + 'server_name = "no name"', "E2235"),
        (TLS + 'server_name = ".plc"', "E2235"),
        (TLS + "verify = false", "E2202"),
        ("tls = true", "E2203"),
    ],
)
def test_what_cannot_be_spoken_over_tcp_is_one_fault(written: str, code: str) -> None:
    assert [fault.code for fault in told(tcp=written).faults] == [code]


def test_the_kernel_turns_a_line_only_where_it_is_asked_to() -> None:
    assert serial("").rs485 is None
    assert serial("rs485 = false").rs485 is None
    assert serial("rs485 = true").rs485 == Rs485(0, 0)
    assert serial("rs485 = true\nrts_before_ms = 2\nrts_after_ms = 1").rs485 == Rs485(2, 1)


def test_a_converter_is_spoken_to_in_the_framing_of_its_line() -> None:
    assert tcp("").framing == "tcp"
    assert tcp('framing = "rtu"').framing == "rtu"
    assert tcp('framing = "ascii"').framing == "ascii"


def test_units_behind_a_converter_have_the_numbers_of_a_line() -> None:
    text = SITE.replace('tcp = "192.168.10.21"', 'tcp = "192.168.10.21"\nframing = "rtu"')
    text = text.replace('[device.eye-1]\nbus = "eyes"\nunit = 1', '[device.eye-1]\nbus = "eyes"\nunit = 255')
    assert [fault.code for fault in config.check_text("site.toml", text.encode()).faults] == ["E2210"]


def test_modbus_over_tls_has_a_port_of_its_own_and_the_host_is_whose_certificate_is_expected() -> None:
    assert tcp("").port == 502
    plain = tcp(TLS)
    assert (plain.port, plain.tls) == (802, BusTls(Tls(Path("/etc/ca.pem"), None, None), "192.168.10.21"))
    mutual = tcp(TLS + 'cert_file = "/c.pem"\nkey_file = "/k.pem"\nserver_name = "plc-7"')
    assert mutual.tls == BusTls(Tls(Path("/etc/ca.pem"), Path("/c.pem"), Path("/k.pem")), "plc-7")


PROOF = '[device.plc-a.fingerprint]\narea = "holding"\naddress = 100\ntype = "u32"\n'


def proved(written: str, of_device: str = "") -> config.Report:
    """A site with this table behind it, and these lines under its first device."""
    text = SITE.replace("period_s = 0.5\n", f"period_s = 0.5\n{of_device}") + f"\n{written}"
    return config.check_text("site.toml", text.encode())


def test_a_fingerprint_is_a_whole_number_at_a_register_or_learned() -> None:
    for written, expect in (
        ('expect = "learn"', None),
        ("expect = 240317", 240317),
        ("expect = 0xFFFFFFFF", 2**32 - 1),
    ):
        report = proved(PROOF + written)
        assert report.settings, report.faults
        proof = report.settings.devices[0].fingerprint
        assert proof and (proof.point.area, proof.point.address, proof.point.type) == ("holding", 100, "u32")
        assert proof.expect == expect
        assert report.settings.devices[1].fingerprint is None


@pytest.mark.parametrize(
    ("written", "code", "key"),
    [
        (PROOF, "E2206", "expect"),
        (PROOF + "expect = -1", "E2210", "expect"),
        (PROOF + "expect = 4294967296", "E2210", "expect"),
        (PROOF + 'expect = "learned"', "E2228", "expect"),
        (PROOF + "expect = 1.5", "E2203", "expect"),
        (PROOF.replace("u32", "f32") + "expect = 1", "E2236", "type"),
        (PROOF.replace('"holding"', '"coil"').replace('type = "u32"\n', "") + "expect = 1", "E2236", "area"),
        (PROOF + "expect = 1\nscale = 2", "E2202", "scale"),
        (PROOF.replace("address = 100", "address = 65535") + "expect = 1", "E2315", "address"),
    ],
)
def test_a_fingerprint_that_cannot_be_compared_is_one_fault(written: str, code: str, key: str) -> None:
    (fault,) = proved(written).faults
    assert (fault.code, fault.parameters.get("key", key)) == (code, key)


def test_a_fingerprint_outside_what_may_be_read_is_a_fault() -> None:
    readable = 'readable = { holding = ["100-103"], input = ["0-99"] }\n'
    assert proved(PROOF + "expect = 1", readable).settings
    (fault,) = proved(PROOF.replace("address = 100", "address = 104") + "expect = 1", readable).faults
    assert fault.code == "E2352"
    assert [fault.code for fault in proved("", "fingerprint = 5\n").faults] == ["E2203"]


def test_a_line_that_is_only_listened_to_is_asked_for_no_fingerprint_and_may_speak_ascii() -> None:
    text = (SITE + "\n" + PROOF + "expect = 1").replace("baud = 19200", 'baud = 19200\nrole = "listen"')
    assert [fault.code for fault in config.check_text("site.toml", text.encode()).faults] == ["E2237"]
    assert not told(serial='framing = "ascii"\nrole = "listen"').faults
