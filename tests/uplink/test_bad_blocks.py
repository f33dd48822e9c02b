"""A medium that refuses: a bad block costs what was in it, after a while; a card that is away costs nothing."""

from __future__ import annotations

import errno
import gc
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from medium import PAGE_BYTES, Medium
from spool_history import Clock

from agent.uplink.contract import Message
from agent.uplink.lanes import Lanes
from agent.uplink.resend import LOST
from agent.uplink.spool import GOOD, Spool
from agent.uplink.spool.patience import LASTING_S, TRIES, Doubt

SEGMENT_BYTES = 32 << 10
MESSAGES = 450
MINUTE_S = 60.0
PATIENCE_MIN = max(TRIES, int(LASTING_S / MINUTE_S))
EVERY = list(range(1, MESSAGES + 1))


@pytest.fixture
def medium(monkeypatch: pytest.MonkeyPatch) -> Medium:
    medium = Medium()
    medium.put_under(monkeypatch)
    return medium


class Site:
    """A spool with the messages of an earlier run, in several segments; and the uplink of this run."""

    def __init__(self, folder: Path, *, acknowledged: bool) -> None:
        self.folder, self.clock, self.seq = folder, Clock(), 0
        self._random = Random(7)
        spool = self.opened()
        for seq in range(1, MESSAGES + 1):
            spool.commit([self.message("1-abcdef", seq).encode()], b"state")
        spool.acknowledge(MESSAGES if acknowledged else 0)
        spool.close()
        self._begin()

    def _begin(self) -> None:
        self.spool = self.opened()
        self.lanes = Lanes(self.spool, epoch="2-abcdef")

    def begin_anew(self) -> None:
        self.spool.close()
        self._begin()

    def opened(self) -> Spool:
        return Spool.open(self.folder, 64 * SEGMENT_BYTES, segment_bytes=SEGMENT_BYTES, clock=self.clock)

    def message(self, epoch: str, seq: int) -> Message:
        pad = self._random.randbytes(60).hex()
        return Message("state", json.dumps({"epoch": epoch, "seq": seq, "pad": pad}).encode())

    def segment(self, number: int) -> str:
        return sorted(path.name for path in self.folder.glob("*.segment"))[number]

    def ask(self) -> None:
        self.lanes.resends.ask({"epoch": "1-abcdef", "from": 1, "to": MESSAGES, "run": "2-abcdef"})

    def minute(self, most: int | None = None) -> list[int]:
        """A report is committed, and all is sent that can be, of the earlier run `most`; its numbers that were."""
        self.clock.now_s += MINUTE_S
        self.seq += 1
        self.spool.commit([self.message("2-abcdef", self.seq).encode()], b"state")
        return list(islice(self._late(), most))

    def _late(self) -> Iterator[int]:
        while (record := self.lanes.next_live(())) is not None:
            self.lanes.settle(record.position)
        while (record := self.lanes.next_late((), ())) is not None:
            self.lanes.settle(record.position)
            fields = json.loads(record.message.payload)
            if fields["epoch"] == "1-abcdef":
                yield fields["seq"]

    def numbers_gone(self) -> list[int]:
        answers = list(self.lanes.resends.answers)
        assert {reason for one in answers for *_, reason in one["gone"]} <= {LOST}  # type: ignore[attr-defined]
        return [seq for one in answers for a, b, _ in one["gone"] for seq in range(a, b + 1)]  # type: ignore[attr-defined]


@pytest.fixture
def site(tmp_path: Path, medium: Medium) -> Iterator[Site]:
    site = Site(tmp_path, acknowledged=True)
    site.ask()
    yield site
    assert site.spool.books().residual == 0
    site.spool.close()


def patient(site: Site, minutes: int) -> list[int]:
    """The numbers that come in so many minutes, in none of which anything is said to be gone."""
    came = []
    for _ in range(minutes):
        came += site.minute()
        assert not site.lanes.resends.answers
    return came


@pytest.mark.fault("N16")
def test_a_block_that_can_never_be_read_is_said_to_be_gone_after_minutes_and_all_else_comes(
    site: Site, medium: Medium
) -> None:
    medium.pages = {(site.segment(1), 3)}
    came = patient(site, PATIENCE_MIN) + site.minute()
    gone = site.numbers_gone()
    assert 2 <= len(gone) <= PAGE_BYTES // 100
    assert sorted({*came, *gone}) == EVERY
    assert not {*came} & {*gone}


@pytest.mark.fault("N16")
def test_a_segment_that_can_never_be_opened_is_said_to_be_gone_after_minutes_and_all_else_comes(
    site: Site, medium: Medium
) -> None:
    medium.closed = {site.segment(1): errno.EIO}
    came = patient(site, PATIENCE_MIN) + site.minute()
    gone = site.numbers_gone()
    assert len(gone) > 50
    assert gone == list(range(gone[0], gone[-1] + 1))
    assert sorted([*came, *gone]) == EVERY


@pytest.mark.fault("N16")
def test_a_card_that_is_away_for_an_hour_makes_the_request_wait_and_costs_nothing(site: Site, medium: Medium) -> None:
    """Its files are open, or known to the kernel: only reading and flushing say that it is not there."""
    medium.is_away = True
    came = patient(site, 60)
    medium.is_away = False
    came += [*site.minute(), *site.minute()]
    assert (sorted(came), site.numbers_gone()) == (EVERY, [])


def test_a_backlog_that_memory_pushed_out_while_the_card_was_away_comes_when_the_bureau_asks_for_it(
    tmp_path: Path, medium: Medium
) -> None:
    site = Site(tmp_path, acknowledged=False)
    medium.is_away = True
    while not site.spool.books().dropped:
        site.seq += 1
        site.spool.commit([site.message("2-abcdef", site.seq).encode()], b"state")
    medium.is_away = False
    patient(site, 2)
    site.ask()
    came = [*site.minute(), *site.minute()]
    assert (came, site.numbers_gone()) == (EVERY, [])
    site.spool.close()


def test_what_was_refused_before_the_card_took_nothing_more_counts_for_nothing(site: Site, medium: Medium) -> None:
    medium.closed = {site.segment(1): errno.EIO}
    patient(site, PATIENCE_MIN)
    medium.flushes = False
    patient(site, 1)
    medium.flushes = True
    patient(site, PATIENCE_MIN - 1)
    medium.closed = {}
    site.minute()
    assert site.numbers_gone() == []


def test_a_want_of_descriptors_costs_nothing_of_a_segment_that_holds_a_bad_block(site: Site, medium: Medium) -> None:
    medium.pages = {(site.segment(1), 3)}
    patient(site, PATIENCE_MIN)
    site.minute()
    gone = site.numbers_gone()
    site.lanes.resends.answers.clear()
    site.ask()
    medium.closed = {site.segment(1): errno.EMFILE}
    came = patient(site, 2)
    medium.closed = {}
    came += site.minute()
    assert (sorted(came), site.numbers_gone()) == (sorted({*EVERY} - {*gone}), gone)


def test_of_segments_that_were_refused_no_more_is_remembered_than_the_spool_holds(
    tmp_path: Path, medium: Medium
) -> None:
    held = 4
    spool = Spool.open(tmp_path, held * SEGMENT_BYTES, segment_bytes=SEGMENT_BYTES, clock=Clock())
    for number in range(10 * held):
        spool.commit([Random(number).randbytes(SEGMENT_BYTES // 3)], b"state")
        for path in tmp_path.glob("*.segment"):
            medium.closed[path.name] = errno.EIO
        assert spool.read(spool.next_position - 1, 1, 1 << 20) == []
    assert len([one for one in gc.get_objects() if isinstance(one, Doubt)]) <= held + 1
    spool.close()


@pytest.mark.parametrize("refusal", [errno.EIO, errno.EBADMSG])
def test_of_a_backlog_too_only_what_was_in_the_bad_block_is_lost_and_it_is_counted(
    tmp_path: Path, medium: Medium, refusal: int
) -> None:
    medium.refusal = refusal
    site = Site(tmp_path, acknowledged=False)
    medium.pages = {(site.segment(1), 3)}
    came = [seq for _ in range(PATIENCE_MIN + 1) for seq in site.minute()]
    books = site.spool.books()
    assert 2 <= books.corrupt <= PAGE_BYTES // 100
    assert (len(came), came) == (MESSAGES - books.corrupt, sorted(came))
    assert (books.held, books.dropped, books.residual) == (0, 0, 0)
    site.spool.close()


@pytest.mark.parametrize("refusal", [errno.EIO, errno.EBADMSG])
def test_what_lies_behind_a_bad_block_of_the_newest_segment_is_read_at_the_next_start(
    tmp_path: Path, medium: Medium, refusal: int
) -> None:
    medium.refusal = refusal
    site = Site(tmp_path, acknowledged=False)
    site.spool.close()
    medium.pages = {(site.segment(-1), 1)}
    spool = site.opened()
    assert (spool.state, spool.next_position) == (b"state", MESSAGES)
    assert spool.read(MESSAGES - 1, 1, 1 << 20)
    spool.close()


def test_a_start_while_the_card_is_away_costs_nothing_of_what_is_on_it(tmp_path: Path, medium: Medium) -> None:
    """Somebody starts the agent anew before he sees that the disk is unplugged; the kernel still knows its files."""
    site = Site(tmp_path, acknowledged=False)
    medium.is_away = True
    site.begin_anew()
    assert patient(site, 3) == []
    assert (site.spool.is_known, site.spool.condition.place, site.spool.take_late_state()) == (False, "ram", b"")
    medium.is_away = False
    came = [*site.minute(), *site.minute()]
    assert (came, site.spool.take_late_state()) == (EVERY, b"state")
    books = site.spool.books()
    assert (books.held, books.corrupt, books.dropped, books.residual) == (0, 0, 0, 0)
    site.spool.close()


def test_of_a_card_on_which_some_page_can_be_read_the_rest_is_given_up_at_the_start(
    tmp_path: Path, medium: Medium
) -> None:
    site = Site(tmp_path, acknowledged=False)
    site.spool.close()
    last = SEGMENT_BYTES // PAGE_BYTES - 1
    medium.pages = {(path.name, page) for path in tmp_path.glob("*.segment") for page in range(last)}
    spool = site.opened()
    assert (spool.is_known, spool.condition) == (True, GOOD)
    spool.close()


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_refused_for_a_while_all_that_was_durable_comes_when_nothing_is_any_more(
    tmp_path: Path, medium: Medium, seed: int
) -> None:
    site, random = Site(tmp_path, acknowledged=False), Random(seed)
    came = list[int]()
    for _ in range(40):
        medium.is_away, medium.flushes = random.random() < 0.4, random.random() < 0.8
        medium.closed = {site.segment(random.randrange(3)): random.choice((0, errno.EMFILE))}
        if random.random() < 0.2:
            site.begin_anew()
        came += site.minute(random.randrange(40))
    medium.is_away, medium.flushes, medium.closed = False, True, {}
    came += [*site.minute(), *site.minute()]
    books = site.spool.books()
    assert (sorted({*came}), books.corrupt, books.dropped, books.residual) == (EVERY, 0, 0, 0)
    site.spool.close()
