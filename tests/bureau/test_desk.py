"""What a bureau tells its sites stays small and true, whatever a site's numbers are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.bureau import databases
from agent.bureau.arrival import read
from agent.bureau.feedback import EPOCHS, PIECES, TRIES, Desk
from agent.bureau.store import Store
from agent.uplink.contract import Json
from agent.uplink.inbox import BURST, MAX_BYTES
from agent.uplink.search import epoch_number

ROOT = "hubpulse/v1/44/4401/gz-baiyun"
GREATEST = 2**53 - 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")()
    yield opened
    opened.close()


class Told:
    """A desk on the store, and what it published."""

    def __init__(self, store: Store) -> None:
        self._said: list[tuple[str, bytes]] = []
        self._desk = Desk(store, self._publish, grace_s=10.0)
        self._now_s = 0.0
        self.clock_ahead_s = 0.0
        self.connected = True

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        if self.connected:
            self._said.append((topic, payload))
        return self.connected

    def round(self) -> dict[str, list[Json]]:
        """By command what was told in one round."""
        self._said.clear()
        self._now_s += 10.0
        while self._desk.round(self._now_s, self._now_s + self.clock_ahead_s):
            pass
        found: dict[str, list[Json]] = {}
        for topic, payload in self._said:
            assert len(payload) <= MAX_BYTES, "a site does not read it"
            found.setdefault(topic.rpartition("/")[2], []).append(json.loads(payload))
        return found


def keep(store: Store, *identities: tuple[str, int], online: bool = True, run: str | None = None) -> None:
    birth = {"sid": 1, "online": online} | ({"epoch": run} if run else {})
    store.take([*read(f"{ROOT}/status", json.dumps(birth).encode())])
    store.take([one for epoch, seq in identities for one in read(f"{ROOT}/event", message(epoch, seq))])


def message(epoch: str, seq: int) -> bytes:
    return json.dumps({"epoch": epoch, "seq": seq}).encode()


def test_a_gap_of_a_thousand_billion_is_asked_for_a_little_at_a_time(store: Store) -> None:
    keep(store, ("1-abcdef", GREATEST))
    told = Told(store)
    assert "resend" not in told.round()
    asked = [*told.round()["resend"], *told.round()["resend"]]
    assert [one["from"] for one in asked] == [1 + 1000 * piece for piece in range(2 * PIECES)]
    keep(store, online=False)
    assert "resend" not in told.round()


def test_an_absurd_gap_holds_up_no_other_though_nothing_is_ever_answered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, ("1-abcdef", GREATEST), ("2-abcdef", 200_001), *(("3-abcdef", seq) for seq in range(2, 41, 2)))
    claim, tries = store.claim, list[object]()

    def counted(hole: tuple[str, str, tuple[int, int]], now_s: int, again_s: int) -> bool:
        tries.append(hole)
        return claim(hole, now_s, again_s)

    monkeypatch.setattr(store, "claim", counted)
    told, asked = Told(store), dict[object, set[object]]()
    for _ in range(100):
        for one in told.round().get("resend", []):
            asked.setdefault(one["epoch"], set()).add(one["from"])
        assert len(tries) <= TRIES + 1, "each is a transaction"
        tries.clear()
    assert asked["3-abcdef"] == set(range(1, 41, 2))
    assert min(len(asked["1-abcdef"]), len(asked["2-abcdef"])) > 50


def test_what_is_missing_in_the_run_of_today_is_asked_for_first(store: Store) -> None:
    keep(store, ("8-abcdef", GREATEST), ("9-abcdef", 2), run="9-abcdef")
    told = Told(store)
    told.round()
    assert [one["epoch"] for one in told.round()["resend"]] == ["9-abcdef"] + ["8-abcdef"] * (PIECES - 1)


def test_a_clock_of_the_bureau_that_is_set_back_delays_no_request(store: Store) -> None:
    keep(store, ("1-abcdef", 2))
    told = Told(store)
    told.round()
    assert told.round()["resend"]
    told.clock_ahead_s = -3600.0
    assert told.round()["resend"]


def test_several_desks_together_ask_a_site_for_no_more_than_it_hears_at_once(store: Store) -> None:
    keep(store, ("1-abcdef", 20_001))
    desks = [Told(store) for _ in range(4)]
    for _ in range(2):
        said = [told.round() for told in desks]
    commands = [one for told in said for kind in told.values() for one in kind]
    assert 0 < len(commands) < BURST
    asked = [one["from"] for told in said for one in told.get("resend", [])]
    assert asked == [1 + 1000 * piece for piece in range(PIECES)]


def test_of_many_sites_with_gaps_one_is_asked_at_a_time_and_messages_are_kept_in_between(store: Store) -> None:
    for number in range(100):
        root = f"hubpulse/v1/44/4401/site-{number}"
        store.take(
            [*read(f"{root}/status", b'{"sid":1,"online":true}'), *read(f"{root}/event", message("1-abcdef", 9))]
        )
    asked: list[str] = []

    def publish(topic: str, _payload: bytes, *, retain: bool) -> bool:
        asked.extend([] if retain else [topic])
        return True

    desk = Desk(store, publish, grace_s=10.0)
    while desk.round(0.0, 0.0):
        pass
    before = 0
    while desk.round(10.0, 10.0):
        assert len(asked) <= before + 1
        before = len(asked)
    assert len(set(asked)) == len(asked) == 100


def test_receipts_do_not_wait_until_the_last_of_many_sites_was_asked(store: Store) -> None:
    keep(store, ("1-abcdef", 1))
    for number in range(20):
        root = f"hubpulse/v1/44/4401/site-{number}"
        birth = read(f"{root}/status", b'{"sid":1,"online":true}')
        store.take([*birth, *read(f"{root}/event", message("1-abcdef", 9))])
    receipts: list[bytes] = []

    def publish(_topic: str, payload: bytes, *, retain: bool) -> bool:
        receipts.extend([payload] if retain else [])
        return True

    desk = Desk(store, publish, grace_s=0.0)
    assert desk.round(0.0, 0.0) and desk.round(0.1, 0.1)
    keep(store, ("1-abcdef", 2))
    assert desk.round(9.0, 9.0) and len(receipts) == 1
    assert desk.round(10.0, 10.0)
    assert [json.loads(one)["epochs"] for one in receipts] == [{"1-abcdef": 1}, {"1-abcdef": 2}]


def test_sites_that_another_desk_has_asked_are_passed_over_one_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        root = f"hubpulse/v1/44/4401/site-{number}"
        birth = read(f"{root}/status", b'{"sid":1,"online":true}')
        store.take([*birth, *read(f"{root}/event", message("1-abcdef", 9))])
    claim, claims = store.claim, list[bool]()

    def counted(hole: tuple[str, str, tuple[int, int]], now_s: int, again_s: int) -> bool:
        claims.append(claim(hole, now_s, again_s))
        return claims[-1]

    monkeypatch.setattr(store, "claim", counted)
    for first in (True, False):
        desk = Desk(store, lambda *_, **__: True, grace_s=0.0)
        steps = 1
        while desk.round(10.0, 10.0):
            steps += 1
        assert claims == [first] * (40 if first else 20)
        assert steps > 20
        claims.clear()


def test_a_desk_that_is_slow_to_come_to_a_site_asks_it_for_nothing_when_another_has_just_done_so(store: Store) -> None:
    names = [f"hubpulse/v1/44/4401/site-{number}" for number in range(3)]
    for root in names:
        birth = read(f"{root}/status", b'{"sid":1,"online":true}')
        store.take([*birth, *read(f"{root}/event", message("1-abcdef", 20_001))])
    asked: list[str] = []

    def publish(topic: str, _payload: bytes, *, retain: bool) -> bool:
        asked.extend([] if retain else [topic])
        return True

    def ask_all(desk: Desk, now_s: float) -> None:
        while desk.round(now_s, now_s):
            pass

    slow, quick = Desk(store, publish, grace_s=10.0), Desk(store, publish, grace_s=10.0)
    ask_all(slow, 0.0)
    ask_all(quick, 0.0)
    assert slow.round(10.0, 10.0) and slow.round(10.0, 10.0)
    ask_all(quick, 50.0)
    ask_all(slow, 51.0)
    assert [asked.count(f"{root}/cmd/resend") for root in names] == [2 * PIECES, PIECES, PIECES]


def test_a_site_with_a_new_card_gets_receipts_though_its_old_epochs_had_greater_numbers(store: Store) -> None:
    keep(store, *((f"{10**14 + number}-abcdef", 1) for number in range(EPOCHS + 10)))
    told = Told(store)
    while "receipt" in told.round():
        pass
    keep(store, ("1-bbbbbb", 1), ("1-bbbbbb", 2))
    (receipt,) = told.round()["receipt"]
    assert receipt["epochs"] == {"1-bbbbbb": 2}
    assert "receipt" not in told.round()


def test_a_receipt_that_found_no_connection_is_given_when_there_is_one(store: Store) -> None:
    keep(store, ("1-abcdef", 1))
    told = Told(store)
    told.connected = False
    assert "receipt" not in told.round()
    told.connected = True
    assert told.round()["receipt"][0]["epochs"] == {"1-abcdef": 1}


def test_more_epochs_than_a_receipt_may_name_are_told_in_several_the_oldest_first(store: Store) -> None:
    keep(store, *((f"{number}-abcdef", 1) for number in range(1, 3 * EPOCHS)))
    told = Told(store)
    receipts = [told.round()["receipt"][0]["epochs"] for _ in range(3)]
    names = [epoch for one in receipts for epoch in one]  # type: ignore[attr-defined]
    assert sorted(names, key=epoch_number) == [f"{number}-abcdef" for number in range(1, 3 * EPOCHS)]
    assert [epoch_number(names[at]) for at in (0, EPOCHS, 2 * EPOCHS)] < [2, EPOCHS + 2, 2 * EPOCHS + 2]
    assert "receipt" not in told.round()


def test_a_site_that_missed_a_receipt_is_told_again_from_the_epoch_on_that_it_names(store: Store) -> None:
    keep(store, *((f"{number}-abcdef", 1) for number in range(1, 2 * EPOCHS)))
    told = Told(store)
    while "receipt" in told.round():
        pass
    fields = {"epoch": "200-abcdef", "seq": 1, "cmd": "receipt", "untold_from": "30-abcdef"}
    store.take([*read(f"{ROOT}/cmd/ack", json.dumps(fields).encode())])
    named: dict[str, int] = {}
    while "receipt" in (said := told.round()):
        named |= said["receipt"][0]["epochs"]  # type: ignore[arg-type]
    assert set(named) == {f"{number}-abcdef" for number in (*range(30, 2 * EPOCHS), 200)}


def test_what_is_asked_for_names_the_run_that_is_asked(store: Store) -> None:
    keep(store, ("9-abcdef", 3), run="1-bbbbbb")
    told = Told(store)
    told.round()
    assert [(one["epoch"], one["run"]) for one in told.round()["resend"]] == [("9-abcdef", "1-bbbbbb")]
    keep(store, ("9-abcdef", 7))
    told.round()
    assert [one.get("run") for one in told.round()["resend"]] == [None]
