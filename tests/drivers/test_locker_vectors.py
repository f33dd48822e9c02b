"""Published frames of every locker board, queries and replies, each with its source; the wrong ones are refused."""

from __future__ import annotations

import pytest
from locker_vectors import ACTUATION_OF_OTHERS, FORBIDDEN, OTHER_QUERIES, QUERIES, octets

from drivers import DeviceError, FrameError
from drivers.lockers import Language, language, names


def every_language() -> list[Language]:
    return [language(name) for name in names()]


@pytest.mark.parametrize(("name", "board", "query", "source"), QUERIES)
def test_a_published_query_is_what_we_send_and_passes_the_guard(name: str, board: int, query: str, source: str) -> None:
    spoken = language(name)
    assert octets(query) in {ask.request(0) for ask in spoken.asks(board, spoken.channels)}
    assert spoken.allows(octets(query)), source


@pytest.mark.parametrize(("name", "board", "query", "source"), OTHER_QUERIES)
def test_a_published_query_that_we_do_not_send_is_known(name: str, board: int, query: str, source: str) -> None:
    said = language(name).describe(octets(query))
    assert said is not None, source
    assert (said.kind, said.board) == ("query", board)
    assert not language(name).allows(octets(query))


@pytest.mark.parametrize(("name", "frame", "kind", "source"), FORBIDDEN)
def test_what_moves_or_sets_anything_is_known_for_what_it_is_and_no_guard_lets_it_pass(
    name: str, frame: str, kind: str, source: str
) -> None:
    said = language(name).describe(octets(frame))
    assert said is not None, source
    assert said.kind == kind
    assert not any(spoken.allows(octets(frame)) for spoken in every_language())


@pytest.mark.parametrize(("frame", "what"), ACTUATION_OF_OTHERS)
def test_no_guard_lets_pass_what_moves_boards_that_we_do_not_speak_to(frame: str, what: str) -> None:
    assert not any(spoken.allows(octets(frame)) for spoken in every_language()), what


@pytest.mark.parametrize("order", ["OPENLOCK=1,3", "CLOSELOCK=1,3", "REBOOT=1", "OPENALLLOCKS=1"])
def test_no_ascii_order_passes_with_a_right_checksum(order: str) -> None:
    from drivers.lockers import yt_ascii

    frame = yt_ascii._framed(f"YT+{order}".encode())
    assert yt_ascii.describe(frame) is not None
    assert not any(spoken.allows(frame) for spoken in every_language())


def test_the_ascii_query_carries_its_checksum_as_four_digits() -> None:
    (ask,) = language("yt_ascii").asks(1, 24)
    assert ask.request(0) == b"YT+GETALLLOCKSSTATUS=1*F723\r\n"


@pytest.mark.parametrize("order", ["OPENLOCK=1,3", "CLOSELOCK=1,3"])
def test_an_ascii_order_of_a_host_names_board_and_lock(order: str) -> None:
    from drivers.lockers import yt_ascii

    said = yt_ascii.describe(yt_ascii._framed(f"YT+{order}".encode()))
    assert said is not None
    assert (said.kind, said.board, said.channels) == ("open", 1, (3,))


# --- replies ---


def heard(name: str, board: int, channels: int, reply: str | bytes) -> dict[str, bool | float | None]:
    """What the ask that takes this reply makes of it; FrameError of the last ask when none does."""
    buffer = bytearray(octets(reply) if isinstance(reply, str) else reply)
    wrong = FrameError("none")
    for ask in language(name).asks(board, channels):
        try:
            batch = ask.answer(buffer, 0, 0.0)
        except FrameError as fault:
            wrong = fault
            continue
        assert batch is not None
        assert not buffer
        return dict(zip(ask.points, batch.values, strict=True))
    raise wrong


def true(seen: dict[str, bool | float | None]) -> set[str]:
    return {name for name, value in seen.items() if value}


def test_cu16_hooks_and_infrared_stand_lowest_lock_first() -> None:
    seen = heard("kerong_cu16", 0, 16, "02 00 35 81 02 01 80 03 3E")
    assert true(seen) == {"door.1", "door.8", "door.10", "item.1", "item.16"}


def test_cu48b_hooks_and_infrared_stand_lowest_lock_first() -> None:
    for lock, total in (("30", "6D"), ("00", "3D")):
        seen = heard("kerong_cu48b", 0, 48, f"02 00 {lock} 75 01 00 00 00 00 80 02 00 00 00 00 40 03 {total}")
        assert true(seen) == {"door.1", "door.48", "item.2", "item.47"}


def test_the_8a80_status_has_its_highest_channels_first() -> None:
    seen = heard("lock24_8a80", 1, 24, "80 01 80 02 01 33 31")
    assert true(seen) == {"door.1", "door.10", "door.24"}
    assert true(heard("lock32_8a80", 1, 32, "80 01 80 00 02 01 33 31")) == {"door.1", "door.10", "door.32"}


def test_the_8a80_status_of_one_channel_is_understood_when_a_host_asks_for_it() -> None:
    for frame, closed in (("80 01 01 11 91", True), ("80 01 01 00 80", False)):
        said = language("lock24_8a80").describe(octets(frame))
        assert said is not None
        assert (said.kind, said.points, said.values) == ("status", ("door.1",), (closed,))


def test_wkly_replies_give_a_byte_a_door() -> None:
    assert heard("wkly", 0, 4, "57 4B 4C 59 0E 00 84 00 04 00 01 01 00 87") == {
        "door.1": False,
        "door.2": True,
        "door.3": True,
        "door.4": False,
    }
    failed = heard("wkly", 0, 4, "57 4B 4C 59 0E 00 84 00 04 00 FF 01 00 79")
    assert failed == {"door.1": False, "door.2": None, "door.3": True, "door.4": False}
    with pytest.raises(FrameError, match="garbage"):
        heard("wkly", 0, 4, "57 4B 4C 59 0E 00 84 00 04 00 FF 01 02 7B")


def test_wkly_tells_of_one_door_when_a_host_asks_and_of_a_change_unasked() -> None:
    spoken = language("wkly")
    one = spoken.describe(octets("57 4B 4C 59 0B 00 83 00 01 00 80"))
    assert one is not None
    assert (one.kind, one.points, one.values) == ("status", ("door.1",), (False,))
    buffer = bytearray(octets("57 4B 4C 59 0A 00 85 01 01 86 57"))
    report = spoken.report(buffer)
    assert report is not None
    assert (report.kind, report.board, report.points, report.values) == ("report", 0, ("door.1",), (True,))
    assert buffer == b"W"


@pytest.mark.parametrize(
    "frame",
    [
        "57 4B 4C 59 0B 00 83 00 01 00 82",  # XOR of what follows the length only, right for nine bytes by chance
        "57 4B 4C 59 0E 00 84 00 04 00 01 01 00 80",
    ],
)
def test_published_wkly_frames_with_the_checksum_of_a_comment_are_refused(frame: str) -> None:
    assert language("wkly").describe(octets(frame)) is None
    with pytest.raises(FrameError):
        heard("wkly", 0, 4, frame)


def test_a_wkly_board_that_refuses_is_no_status() -> None:
    (ask,) = language("wkly").asks(0, 4)
    with pytest.raises(DeviceError):
        ask.answer(bytearray(octets("57 4B 4C 59 0E 00 84 01 04 00 01 01 00 86")), 0, 0.0)


def test_qianming_says_open_doors_and_goods_in_two_replies() -> None:
    doors = heard("qianming_5a", 1, 10, "5A A2 00 01 00 0A 05 02 F4")
    assert {name for name, closed in doors.items() if not closed} == {"door.1", "door.3", "door.10"}
    assert true(heard("qianming_5a", 1, 10, "5A A5 00 01 00 0A 05 02 F3")) == {"item.1", "item.3", "item.10"}


def test_a_qianming_frame_that_seems_to_end_early_is_waited_for() -> None:
    whole = octets("5A A2 00 01 00 18 E1 07 00 07")  # its first seven bytes satisfy the checksum
    ask = language("qianming_5a").asks(1, 24)[0]
    shorter = octets("5A A2 00 01 00 18 E1")
    assert shorter == whole[:7]
    assert ask.answer(bytearray(shorter), 0, 0.0) is None
    batch = ask.answer(bytearray(whole), 0, 0.0)
    assert batch is not None
    assert [n for n, closed in enumerate(batch.values, 1) if not closed] == [1, 6, 7, 8, 9, 10, 11]


def test_winnsen_firmware_may_put_lock_or_status_first() -> None:
    for lock in (1, 2, 5):
        ask = language("winnsen").asks(0, 16)[lock - 1]
        for status, closed in ((0, True), (1, False), (2, None)):
            for pair in ((status, lock), (lock, status)):
                batch = ask.answer(bytearray((0x90, 7, 0x92, 0, *pair, 3)), 0, 0.0)
                assert batch is not None
                assert batch.values == (closed,)
        for pair in ((3, lock), (lock, 7), (lock + 3, 0), (0, 0)):
            with pytest.raises(FrameError):
                ask.answer(bytearray((0x90, 7, 0x92, 0, *pair, 3)), 0, 0.0)


def test_a_coil_is_a_closed_door() -> None:
    assert true(heard("cu48_modbus", 1, 48, "01 01 06 03 00 00 00 00 80 A1 3F")) == {"door.1", "door.2", "door.48"}


@pytest.mark.parametrize("number", ["", "1,"])
def test_an_ascii_status_may_name_its_board(number: str) -> None:
    from drivers.lockers import yt_ascii

    reply = yt_ascii._framed(f"+GETALLLOCKSSTATUS:{number}{','.join('01' * 12)}".encode())
    for form in (reply, reply[:-2]):
        seen = heard("yt_ascii", 1, 24, form)
        assert true(seen) == {f"door.{n}" for n in range(1, 25, 2)}


def test_an_ascii_error_is_a_refusal_of_the_board_it_names() -> None:
    from drivers.lockers import yt_ascii

    (ask,) = language("yt_ascii").asks(1, 24)
    with pytest.raises(DeviceError, match="BUSY"):
        ask.answer(bytearray(yt_ascii._framed(b"+ERROR:1,BUSY")), 0, 0.0)
    with pytest.raises(FrameError):
        ask.answer(bytearray(yt_ascii._framed(b"+ERROR:2,BUSY")), 0, 0.0)
