"""A clock that is not set: TLS waits for it a while, what it stamped is mended, and no time is believed twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from broker import Broker
from certificates import Authority
from uplink_rig import IDENTITY, eventually

from agent import clock
from agent.baselines import Baselines, Epoch
from agent.load.instant import ClockQuality, Instant
from agent.uplink.backoff import Backoff
from agent.uplink.publisher import CLOCK_NOT_SET, TLS_WAITS_S, Publisher
from agent.uplink.spool import Spool
from config.uplink_settings import Bureau, Tls

# paho leaves a socket whose handshake failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")


class Hand:
    """The clock of one agent, set by the test."""

    def __init__(self) -> None:
        self.quality: ClockQuality = "none"
        self.later_s = 0.0

    def now(self) -> Instant:
        return Instant("boot", clock.boot_seconds() + self.later_s, 0.0, self.quality)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def publisher(tmp_path: Path, hand: Hand) -> Iterator[Publisher]:
    ours = Authority(tmp_path / "ca")
    pair = ours.issue("127.0.0.1")
    spool = Spool.open(tmp_path / "spool", 1 << 20)
    with Broker(tmp_path / "broker", options=[f"certfile {pair.cert}", f"keyfile {pair.key}"]) as broker:
        bureau = Bureau("127.0.0.1", broker.port, Tls(ours.cert, None, None), None, None, None, 10.0)
        made = Publisher(
            bureau,
            IDENTITY,
            spool,
            lambda: (0, ()),
            login=lambda _: None,
            backoff=Backoff(lambda _low, _high: 0.02),
            now=hand.now,
        )
        made.start()
        yield made
        made.stop(2.0)
    spool.close()


def test_tls_waits_until_the_clock_is_set_and_says_so(publisher: Publisher, hand: Hand) -> None:
    assert eventually(lambda: publisher.status().reason == CLOCK_NOT_SET)
    assert not publisher.status().connected
    hand.quality = "rtc"
    assert eventually(lambda: publisher.status().connected)


def test_where_no_time_server_ever_answers_verification_decides(publisher: Publisher, hand: Hand) -> None:
    assert eventually(lambda: publisher.status().reason == CLOCK_NOT_SET)
    hand.later_s = TLS_WAITS_S + 1
    assert eventually(lambda: publisher.status().connected)


@pytest.fixture
def floor() -> Iterator[None]:
    yield
    clock.raise_floor(0.0)


@pytest.mark.parametrize(("synchronised", "known"), [(True, "ntp"), (False, "none")])
def test_a_clock_before_what_a_time_server_once_said_is_not_set_unless_one_vouches_for_it(
    floor: None, monkeypatch: pytest.MonkeyPatch, synchronised: bool, known: str
) -> None:
    monkeypatch.setattr(clock, "_kernel_clock_is_synchronised", lambda: synchronised)
    now_s = clock.BUILD_FLOOR_S + 1000
    assert clock.wall_quality(now_s) == ("ntp" if synchronised else "rtc")
    clock.raise_floor(now_s + 5)
    assert clock.wall_quality(now_s) == known
    assert clock.wall_quality(clock.BUILD_FLOOR_S - 1) == "none"


def test_the_time_that_was_vouched_for_outlives_the_process_and_nonsense_does_not() -> None:
    kept = Baselines(Epoch(1, "abcdef"), 7, ntp_s=1_795_467_585)
    assert Baselines.decode(kept.encode()).ntp_s == 1_795_467_585
    for nonsense in (b'"soon"', b"-1", b"99999999999", b"true"):
        assert Baselines.decode(kept.encode().replace(b"1795467585", nonsense)).ntp_s == 0
