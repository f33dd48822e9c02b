"""Any bytes in the directory: the spool opens, returns nothing false, and counts what is gone."""

import errno
import struct
import zlib
from pathlib import Path
from random import Random

import pytest
from disk_model import ModelDisk
from fault_matrix import Figure
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spool_damage import filled, fuzzed
from spool_history import MAX_BYTES, SEGMENT_BYTES, Truth, open_spool, unbalanced

from agent.uplink.spool import Spool
from agent.uplink.spool.frame import (
    BARE_BYTES,
    MAX_BODY_BYTES,
    MAX_POSITION,
    Header,
    Marks,
    Stamp,
    decode_body,
    decode_header,
    encode,
    scan,
)
from agent.uplink.spool.segment import MAX_NUMBER, SegmentName
from fastpath.checksum import crc32c


def newest_file(disk: ModelDisk) -> bytearray:
    return disk.now.files[disk.now.names[max(disk.now.names)]]


def everything(spool: Spool) -> dict[int, bytes]:
    return dict(spool.read(0, 1 << 20, 1 << 30))


def judged(disk: ModelDisk, truth: Truth) -> Spool:
    """Open, and hold everything that is returned against the truth and the books."""
    spool = open_spool(disk)
    found = everything(spool)
    assert [at for at, message in found.items() if truth.contents[at] != message] == []
    assert unbalanced(spool, found) == []
    assert spool.state in {commit.state for commit in truth.commits}
    first = spool.commit([b"after"], b"")
    assert spool.read(first, 1, 9) == [(first, b"after")]
    return spool


@pytest.mark.fault("S7")
def test_a_flipped_bit_costs_at_most_its_own_frame_and_is_counted() -> None:
    disk, truth = filled(60)
    before = everything(open_spool(ModelDisk(disk.now)))
    last_commit = len(truth.contents) - truth.commits[-2].end
    random = Random(0)
    for _ in range(600):
        damaged = ModelDisk(disk.now)
        octets = damaged.now.files[random.choice(list(damaged.now.names.values()))]
        place = random.randrange(len(octets))
        octets[place] ^= 1 << random.randrange(8)
        spool = judged(damaged, truth)
        gone = len(before) - (spool.books().held - 1)
        assert gone <= 5
        uncounted = gone - spool.books().corrupt
        assert uncounted in (0, last_commit), "only a last frame whose header's first words are hit goes unseen"


def test_a_flip_in_the_last_header_is_seen_and_its_positions_are_not_given_out_again() -> None:
    disk, truth = filled(10)
    octets = newest_file(disk)
    tail = scan(bytes(octets), *_stamp_and_first(disk)).frames.offsets[-1]
    for place in range(tail + 28, tail + 64):
        if tail + 32 <= place < tail + 40:
            continue  # the position itself
        damaged = ModelDisk(disk.now)
        newest_file(damaged)[place] ^= 4
        spool = open_spool(damaged)
        lost = len(truth.contents) - truth.commits[-2].end
        assert (spool.next_position, spool.state) == (len(truth.contents), truth.commits[-2].state)
        assert spool.books().corrupt == lost


def _stamp_and_first(disk: ModelDisk) -> tuple[Stamp, int]:
    name = SegmentName.parse(max(disk.now.names))
    assert name is not None
    return name.stamp, name.first


@pytest.mark.parametrize("size", [64, 512, 4096])
@pytest.mark.fault("S7")
def test_a_zeroed_stretch_is_skipped_and_its_messages_are_counted(size: int) -> None:
    disk, truth = filled(60)
    for name, number in disk.now.names.items():
        for start in range(0, SEGMENT_BYTES, 512):
            damaged = ModelDisk(disk.now)
            octets = damaged.now.files[number]
            octets[start : start + size] = bytes(len(octets[start : start + size]))
            spool = judged(damaged, truth)
            if name != max(disk.now.names):
                assert spool.next_position == len(truth.contents) + 1


@pytest.mark.fault("S7")
def test_a_file_cut_short_anywhere_opens() -> None:
    disk, truth = filled(12)
    for length in range(0, len(newest_file(disk)), 37):
        damaged = ModelDisk(disk.now)
        del newest_file(damaged)[length:]
        judged(damaged, truth)


def test_when_every_byte_is_destroyed_no_position_before_the_newest_segment_is_given_out_again() -> None:
    disk, _ = filled(60)
    newest = SegmentName.parse(max(disk.now.names))
    assert newest is not None
    for octets in disk.now.files.values():
        octets[:] = bytes(len(octets))
    spool = open_spool(disk)
    assert (spool.next_position, spool.books().corrupt, spool.books().residual) == (newest.first, newest.first, 0)
    assert spool.state == b""


def test_frames_of_the_files_earlier_life_are_never_taken_for_new_ones() -> None:
    disk, truth = filled(200)
    assert min(everything(open_spool(ModelDisk(disk.now)))) > 0, "no segment was recycled"
    for name, number in list(disk.now.names.items()):
        parsed = SegmentName.parse(name)
        assert parsed is not None
        for frame_offset in range(0, SEGMENT_BYTES, 64):
            header = decode_header(bytes(disk.now.files[number]), frame_offset, parsed.stamp)
            assert header is None or header.first >= parsed.first
    judged(disk, truth)


@pytest.mark.fault("S7", "S9")
def test_of_thousands_of_damaged_directories_none_refuses_and_none_tells_what_was_never_written(
    thorough: bool, figure: Figure
) -> None:
    found = dict(fuzzed(1, 10_000 if thorough else 600))
    refused = sum(one.kind == "refused" for faults in found.values() for one in faults)
    figure(directories=len(found), refusals_to_start=refused)
    assert {number: faults for number, faults in found.items() if faults} == {}


names = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40),
    st.builds(
        lambda number, first, salt: str(SegmentName(number, first, salt)),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**32 - 1),
    ),
)


@settings(max_examples=80, deadline=None)
@given(files=st.dictionaries(names, st.binary(max_size=3000), max_size=6), history=st.integers(0, 30))
@example(files={str(SegmentName(1, 1, 0)): b""}, history=12)
@example(files={str(SegmentName(7, MAX_POSITION - 1, 0)): b""}, history=0)
@example(files={str(SegmentName(MAX_NUMBER - 1, 7, 0)): b""}, history=0)
@example(files={str(SegmentName(MAX_NUMBER // 4 - 1, MAX_POSITION // 4 - 1, 0)): b""}, history=12)
@pytest.mark.fault("S9")
def test_it_opens_on_any_files(files: dict[str, bytes], history: int) -> None:
    disk, _ = filled(history)
    for name, content in files.items():
        if name not in disk.now.names:
            file = disk.create(name)
            file.write(content, 0)
    spool = open_spool(disk)
    assert spool.condition.place == "disk"
    assert unbalanced(spool, everything(spool)) == []
    first = spool.commit([b"after"], b"state")
    again = open_spool(disk)
    assert (again.state, again.read(first, 1, 9)) == (b"state", [(first, b"after")])


headers = st.builds(
    Header,
    st.just(b"HPSF"),
    st.sampled_from([1, 2]),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 255),
    st.integers(0, 65535),
    *(st.one_of(st.integers(0, 50), st.integers(0, 2**32 - 1)) for _ in range(3)),
    *(st.one_of(st.integers(0, 50), st.integers(0, 2**64 - 1)) for _ in range(4)),
    st.integers(0, 2**32 - 1),
    st.just(0),
)


@settings(max_examples=80, deadline=None)
@given(frames=st.lists(st.tuples(headers, st.binary(max_size=200), st.booleans()), max_size=8))
@pytest.mark.fault("M7")
def test_frames_made_by_someone_who_knows_the_salt_are_survived(frames: list[tuple[Header, bytes, bool]]) -> None:
    content = b""
    for header, body, is_sound in frames:
        body_crc = crc32c(body, 7) if is_sound else header.body_crc
        length = len(body) if is_sound else header.body_bytes
        head = struct.pack("<4sIBBHIIIQQQQI", *header._replace(body_crc=body_crc, body_bytes=length)[:-1])
        frame = head + struct.pack("<I", crc32c(head, 7)) + body
        content += frame.ljust(-(-len(frame) // 64) * 64, b"\0")
    disk = ModelDisk()
    disk.create(str(SegmentName(1, 0, 7))).write(content.ljust(SEGMENT_BYTES, b"\0"), 0)
    spool = open_spool(disk)
    assert unbalanced(spool, everything(spool)) == []
    first = spool.commit([b"after"], b"state")
    again = open_spool(disk)
    assert (again.state, again.read(first, 1, 9)) == (b"state", [(first, b"after")])


@pytest.mark.fault("M7")
def test_a_body_that_unpacks_without_end_is_refused_within_bounds() -> None:
    stamp = Stamp(1, 7)
    bomb = zlib.compress(bytes(8 * MAX_BODY_BYTES), 9)
    head = struct.pack("<4sIBBHIIIQQQQI", b"HPSF", 1, 1, 1, 0, 1, 0, len(bomb), 0, 0, 0, 0, crc32c(bomb, 7))
    disk = ModelDisk()
    content = head + struct.pack("<I", crc32c(head, 7)) + bomb
    disk.create(str(SegmentName(1, 0, 7))).write(content, 0)
    assert decode_header(content, 0, stamp) is not None
    spool = open_spool(disk)
    assert (everything(spool), spool.books().corrupt) == ({}, 1)


@pytest.mark.fault("S9", "P8")
def test_a_newer_formats_files_and_foreign_files_are_left_as_they_are(tmp_path: Path) -> None:
    foreign = {
        "v2-00000007-0000000000000009-00000001.segment": b"a later release wrote this",
        "README": b"who put this here",
        "v1-zz.segment": b"",
        "notes.tmp": b"not ours either",
        "sub": None,
    }
    for name, content in foreign.items():
        (tmp_path / name).mkdir() if content is None else (tmp_path / name).write_bytes(content)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_bytes(b"precious")
    (tmp_path / str(SegmentName(5, 0, 1))).symlink_to(outside)
    (tmp_path / str(SegmentName(6, 0, 1))).mkdir()
    spool = Spool.open(tmp_path, MAX_BYTES, segment_bytes=SEGMENT_BYTES)
    for _ in range(300):
        spool.commit([b"x" * 90], b"state")
    spool.close()
    assert spool.condition.place == "disk"
    assert all((tmp_path / name).read_bytes() == content for name, content in foreign.items() if content is not None)
    assert outside.read_bytes() == b"precious"


def test_evidence_of_damage_is_kept_but_bounded() -> None:
    disk, truth = filled(60)
    for number in disk.now.names.values():
        for start in range(0, SEGMENT_BYTES, 256):
            disk.now.files[number][start + 10] ^= 255
    judged(disk, truth)
    kept = {name: len(disk.now.files[number]) for name, number in disk.now.names.items() if name.startswith("damaged")}
    assert 0 < len(kept) <= 8
    assert sum(kept.values()) <= SEGMENT_BYTES
    spool = open_spool(disk)
    for _ in range(200):
        spool.commit([Random(0).randbytes(90)], b"state")
    assert disk.used_bytes() <= MAX_BYTES


@pytest.mark.fault("S9")
def test_a_segment_of_another_owner_is_set_aside() -> None:
    disk, _ = filled(60)
    newest = max(disk.now.names)

    def refuse(name: str, *, writable: bool = False, plain=disk.open) -> object:
        if name == newest:
            raise PermissionError(errno.EACCES, "Permission denied")
        return plain(name, writable=writable)

    disk.open = refuse  # type: ignore[method-assign, assignment]
    spool = open_spool(disk)
    assert spool.condition.place == "disk"
    assert f"{newest}.aside" in disk.now.names
    name = SegmentName.parse(newest)
    assert name is not None
    assert spool.next_position >= name.first


@given(
    messages=st.lists(st.binary(max_size=300), max_size=8),
    state=st.binary(max_size=300),
    first=st.integers(0, 2**62),
)
def test_a_frame_says_what_was_put_in(messages: list[bytes], state: bytes, first: int) -> None:
    stamp, marks = Stamp(3, 0xDEADBEEF), Marks(first // 2, first // 8, first // 16)
    frame = encode(stamp, first, marks, messages, state)
    header = decode_header(frame, 0, stamp)
    assert header is not None
    assert len(frame) % BARE_BYTES == 0
    assert (header.first, header.end, header.marks) == (first, first + len(messages), marks)
    assert decode_body(header, frame, stamp) == (state, messages)
    assert decode_header(frame, 0, Stamp(3, 1)) is None
    assert decode_header(frame, 0, Stamp(4, 0xDEADBEEF)) is None
