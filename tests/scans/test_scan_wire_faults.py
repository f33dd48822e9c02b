"""What a scanner's serial line brings that no scanner should say: it costs no memory, and no later read."""

from __future__ import annotations

import os
import random
import select
from pathlib import Path

import pytest
from fault_matrix import Figure
from ptys import Adapter
from scanners import Counted, counted, lines, serial
from traces import resident_bytes
from uplink_rig import eventually

from agent.scans import readers

FLAT_BYTES = 1_000_000
TEN_MB = 10_000_000
SPOILED = (
    (bytes(100_000) + b"\r\n", "overlong"),
    (bytes(200) + b"\r\n", "byte"),
    (bytes(one for one in random.Random(17).randbytes(400) if one not in b"\r\n") + b"\r\n", "byte"),
    ("包裹SF1234567890123\r\n".encode("gbk"), "byte"),
    ("SF1234567890123\r\n".encode("utf-16-le"), "byte"),  # its LF is the first byte of a line that follows
)


class Gun:
    """A scanner's end of a serial line."""

    def __init__(self, adapter: Adapter, line: Counted) -> None:
        self._adapter, self._line = adapter, line
        self._said = 0

    def say(self, octets: bytes) -> bool:
        """Say that, as fast as it is heard; True when all of it was."""
        left = memoryview(octets)
        while left:
            assert select.select([], [self._adapter.fd], [], 60)[1], "nobody listens any more"
            left = left[os.write(self._adapter.fd, left[:4096]) :]
        self._said += len(octets)
        return eventually(lambda: self._line.readers.states()["tunnel-1"].octets == self._said)


@pytest.mark.fault("B17")
def test_ten_megabytes_without_an_end_binary_nul_and_wrong_encodings_take_no_memory_and_no_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    monkeypatch.setattr(readers, "TICK_S", 0.001)  # else ten megabytes of a pseudo-terminal take half a minute
    adapter = Adapter(tmp_path / "gun")
    with counted(serial(str(adapter.link), max_bytes_per_s=10**8)) as line:
        assert line.links(True)
        gun = Gun(adapter, line)
        piece = b"7" * 500_000  # in pieces: ten megabytes in one would be our own memory that is measured
        assert gun.say(piece)
        before = resident_bytes()
        for _ in range(TEN_MB // len(piece)):
            assert gun.say(piece)
        assert gun.say(b"\r\n")
        for octets, _ in SPOILED:
            assert gun.say(octets)
        grown = max(0, resident_bytes() - before)
        assert gun.say(b"\r\n" + lines(0, 50))
        expected = {"overlong": 2, "byte": 4, "framing": 1}
        assert line.counts(new=50, **expected), line.counted()
    adapter.close()
    figure(resident_bytes_grown=grown, reads_after=50)
    assert grown < FLAT_BYTES


@pytest.mark.fault("B18")
def test_a_code_scanned_twice_in_a_moment_is_one_parcel_and_both_reads_are_kept(tmp_path: Path, figure: Figure) -> None:
    adapter = Adapter(tmp_path / "gun")
    with counted(serial(str(adapter.link))) as line:
        assert line.links(True)
        gun = Gun(adapter, line)
        assert gun.say(lines(7, 8))
        assert gun.say(lines(7, 8))
        assert line.counts(new=1, duplicate=1)
        load = line.load()
    adapter.close()
    figure(parcels=load.total, reads=load.total + load.duplicate)
    assert (load.total, load.duplicate) == (1, 1)
