"""Scanners on real sockets and serial lines: whatever happens to the connection, every line is counted once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ports import free_port
from ptys import Adapter
from scanners import Counted, a_scanner_that_listens, code, connect, counted, dialled, lines, listening, serial
from site_text import SITE
from traces import resident_bytes
from uplink_rig import eventually

from agent.__main__ import main
from agent.scans import UnsoundScannerError
from agent.scans.counting import source
from agent.scans.inlet import CHUNK_BYTES
from config.scanner_settings import ScanMarks


def test_lines_cut_anywhere_by_the_network_are_counted_whole() -> None:
    with a_scanner_that_listens() as door, counted(dialled(door.getsockname()[1])) as line:
        scanner, _ = door.accept()
        octets = lines(0, 40) + lines(0, 10) + b"NOREAD\r\n"
        with scanner:
            for at in range(0, len(octets), 7):
                scanner.sendall(octets[at : at + 7])
            assert line.counts(new=40, duplicate=10, no_read=1)


def test_a_scanner_that_went_away_is_connected_to_again_and_its_broken_line_is_one_cut() -> None:
    with a_scanner_that_listens() as door, counted(dialled(door.getsockname()[1])) as line:
        with door.accept()[0] as scanner:
            scanner.sendall(lines(0, 5) + code(5).encode())
            assert line.counts(new=5)
        assert line.links(True, False, True)
        with door.accept()[0] as scanner:
            scanner.sendall(b"\r\n" + lines(5, 8))
            assert line.counts(new=8, cut=1, empty=1)


def test_a_port_that_refuses_is_tried_until_it_is_there() -> None:
    port = free_port()
    with counted(dialled(port)) as line:
        assert line.links(False)
        assert line.readers.states()["tunnel-1"].reason == "connection refused"
        with a_scanner_that_listens(port) as door, door.accept()[0] as scanner:
            scanner.sendall(lines(0, 3))
            assert line.counts(new=3)


def test_a_scanner_connects_to_us_and_its_new_connection_takes_the_place_of_a_dead_one() -> None:
    port = free_port()
    with counted(listening(port)) as line:
        first = connect(port)
        first.sendall(lines(0, 2) + b"SF80")
        assert line.counts(new=2)
        with first, connect(port) as second:
            second.sendall(lines(2, 5))
            assert line.counts(new=5, cut=1)
            assert first.recv(1) == b""
        assert eventually(lambda: not line.readers.states()["tunnel-1"].up)
        with connect(port) as third:
            third.sendall(lines(5, 6))
            assert line.counts(new=6, cut=1)


def test_what_a_scanner_sent_before_it_connected_anew_is_counted_and_so_is_what_has_come_when_we_end() -> None:
    port = free_port()
    line = Counted(listening(port, max_bytes_per_s=1024))
    line.readers.start()
    try:
        with connect(port) as first:
            first.sendall(lines(0, 2000))
            assert eventually(lambda: line.readers.states()["tunnel-1"].slowed == 1)
            with connect(port) as second:
                second.sendall(lines(2000, 4000))
                assert line.counts(new=2000 + CHUNK_BYTES // 17)
    finally:
        line.readers.stop()
    line.scans.finish()
    assert line.counted() == {"new": 4000}


def test_a_port_of_ours_that_another_program_has_is_told_and_used_when_it_is_free() -> None:
    with a_scanner_that_listens() as other:
        port = other.getsockname()[1]
        with counted(listening(port)) as line:
            assert line.links(False)
            assert "in use" in line.readers.states()["tunnel-1"].reason
            other.close()
            with connect(port) as scanner:
                scanner.sendall(lines(0, 1))
                assert line.counts(new=1)


def test_a_serial_scanner_survives_that_its_adapter_is_pulled_and_comes_back_as_another(tmp_path: Path) -> None:
    adapter = Adapter(tmp_path / "gun")
    with counted(serial(str(adapter.link))) as line:
        assert line.links(True)
        os.write(adapter.fd, lines(0, 4) + b"SF8")
        assert line.counts(new=4)
        adapter.unplug()
        assert line.links(True, False)
        adapter.plug()
        assert line.links(True, False, True)
        os.write(adapter.fd, lines(4, 6))
        assert line.counts(new=6, cut=1)
    adapter.close()


@pytest.mark.fault("B17")
def test_a_line_without_end_is_one_bad_line_takes_no_memory_and_what_follows_is_counted() -> None:
    with a_scanner_that_listens() as door, counted(dialled(door.getsockname()[1], max_bytes_per_s=10**8)) as line:
        scanner, _ = door.accept()
        with scanner:
            scanner.sendall(b"7" * 1_000_000)
            assert eventually(lambda: line.readers.states()["tunnel-1"].octets == 1_000_000)
            before = resident_bytes()
            for _ in range(20):
                scanner.sendall(b"7" * 1_000_000)
            assert eventually(lambda: line.readers.states()["tunnel-1"].octets == 21_000_000)
            assert resident_bytes() - before < 4_000_000
            scanner.sendall(b"\r\n" + lines(0, 2))
            assert line.counts(new=2, overlong=1)


@pytest.mark.fault("B17")
def test_garbage_is_counted_by_reason_and_ends_nothing() -> None:
    garbage = b"\0\xff\r\n" + b"x\r\n" + "包裹SF1234567890123\r\n".encode("gbk") + b"\r\n" * 20
    with a_scanner_that_listens() as door, counted(dialled(door.getsockname()[1])) as line:
        scanner, _ = door.accept()
        with scanner:
            scanner.sendall(garbage + lines(0, 2))
            assert line.counts(new=2, byte=2, code=1, empty=20)


def test_a_burst_beyond_the_limit_is_late_and_nothing_of_it_is_lost() -> None:
    with a_scanner_that_listens() as door, counted(dialled(door.getsockname()[1], max_bytes_per_s=60_000)) as line:
        with door.accept()[0] as scanner:
            scanner.settimeout(60)
            scanner.sendall(lines(0, 8000))
            assert line.counts(new=8000)
        state = line.readers.states()["tunnel-1"]
    assert state.slowed > 1
    assert state.octets == len(lines(0, 8000))


def test_the_flood_of_one_scanner_takes_nothing_from_another() -> None:
    with a_scanner_that_listens() as one, a_scanner_that_listens() as other:
        flooded, calm = dialled(one.getsockname()[1], max_bytes_per_s=5000), dialled(other.getsockname()[1], id="calm")
        with counted(flooded, calm) as line, one.accept()[0] as flooding, other.accept()[0] as scanner:
            flooding.setblocking(False)
            flooding.send(b"\n" * 1_000_000)
            assert eventually(lambda: line.readers.states()["tunnel-1"].slowed > 0)
            scanner.sendall(lines(0, 100))
            assert eventually(lambda: line.counted().get("new") == 100)
            assert line.readers.states()["calm"].slowed == 0


def test_a_scanner_lost_in_the_middle_of_a_flood_is_let_go() -> None:
    with a_scanner_that_listens() as door, counted(dialled(door.getsockname()[1], max_bytes_per_s=50_000)) as line:
        with door.accept()[0] as scanner:
            scanner.sendall(lines(0, 6000))
            assert eventually(lambda: line.readers.states()["tunnel-1"].slowed > 0)
        with door.accept()[0] as scanner:
            assert line.counts(new=6000)
            scanner.sendall(lines(6000, 6001))
            assert line.counts(new=6001)


def test_marks_that_do_not_go_with_the_preset_are_refused_by_name() -> None:
    with pytest.raises(UnsoundScannerError, match="must differ") as refused:
        source(dialled(1, id="odd", marks=ScanMarks(separator=b";", joiner=b";")))
    assert refused.value.scanner == "odd"


def test_check_and_run_refuse_marks_that_do_not_go_with_the_preset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "hubpulse.toml"
    scanner = '[scanner.odd]\nline = "north"\ntcp = "127.0.0.1:2001"\npreset = "hikrobot"\n'
    site.write_text(SITE + scanner, encoding="utf-8")
    assert main(["check", str(site)]) == 0
    site.write_text(SITE + scanner + 'fields = ["lane", "code"]\n', encoding="utf-8")
    assert main(["check", str(site)]) == main(["run", str(site)]) == 78
    said = capsys.readouterr()
    assert "scanner odd cannot be read: several fields need a separator" in said.out
    assert "scanner odd" in said.err
