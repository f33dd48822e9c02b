"""The spool of another release: an earlier one's is read to its last message, a newer one's is kept aside, whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from broker import Broker
from fault_matrix import Figure
from uplink_rig import Rig

from agent.baselines import Baselines
from agent.uplink.spool import Spool

RECORDED = Path(__file__).parents[1] / "recordings" / "spool-v1.zip"
"""What release 0.1.0 had on its card: 500 messages that nobody had acknowledged, and the state beside them."""
RECORDED_STATE = b'{"form":1,"epoch":"7-abcdef","seq":500,"counters":{"eye.di0":[500,500,500,1]}}'
ROOM = 1 << 20
BOUND = 1 << 18


def recorded_messages() -> list[bytes]:
    return [b"line/north/telemetry\0\0" + b'{"seq": %d, "total": %d}' % (seq, 3 * seq) for seq in range(1, 501)]


def record(into: Path, folder: Path) -> None:
    """How the recording was made."""
    spool = Spool.open(folder, ROOM // 4)
    messages = recorded_messages()
    for start in range(0, 500, 20):
        spool.commit(messages[start : start + 20], RECORDED_STATE)
    spool.close()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.glob("*.segment")):
            packed.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


@pytest.mark.fault("P8")
def test_what_an_earlier_release_left_is_read_to_its_last_message_and_gone_on_from(
    tmp_path: Path, figure: Figure
) -> None:
    with zipfile.ZipFile(RECORDED) as packed:
        packed.extractall(tmp_path)
    spool = Spool.open(tmp_path, ROOM)
    assert [message for _, message in spool.read(0, 1000, 1 << 20)] == recorded_messages()
    assert spool.state == RECORDED_STATE
    assert str(Baselines.decode(spool.state).epoch) == "7-abcdef"
    assert spool.commit([b"of this release"], b"state") == 500
    spool.acknowledge(501)
    books = spool.books()
    spool.close()
    assert (books.written, books.acked, books.residual) == (501, 501, 0)
    figure(messages_of_an_earlier_release=500, lost=0)


@pytest.mark.fault("P8")
def test_going_back_a_release_and_forth_again_costs_nothing_of_a_full_spool(tmp_path: Path, figure: Figure) -> None:
    with Rig(tmp_path, 1, spool_bytes=BOUND) as rig:  # nobody listens: it fills up to its bound
        while rig.spool.books().dropped == 0:
            rig.commit(5, pad=2000)
        held = rig.spool.read(0, 1 << 20, 1 << 30)
    newer = as_a_newer_release(tmp_path / "spool")
    with Broker(tmp_path / "broker") as broker, Rig(tmp_path, broker.port, spool_bytes=BOUND) as rig:
        rig.commit(100)
        assert rig.drained()
        assert (rig.spool.books().written, rig.spool.condition.place) == (100, "disk")
    assert all((tmp_path / "spool" / name).read_bytes() == content for name, content in newer.items())
    for file in (tmp_path / "spool").glob("v1-*"):
        file.unlink()
    for name in newer:
        (tmp_path / "spool" / name).rename(tmp_path / "spool" / name.replace("v2-", "v1-", 1))
    with Broker(tmp_path / "again") as broker, Rig(tmp_path, broker.port, spool_bytes=BOUND) as rig:
        assert rig.spool.read(0, 1 << 20, 1 << 30) == held
        assert rig.drained(60)
    figure(kept_aside_mb=sum(map(len, newer.values())) / 2**20, lost=0)


def as_a_newer_release(spool: Path) -> dict[str, bytes]:
    """Its segments bear another format's names; what they hold."""
    for file in list(spool.glob("v1-*.segment")):
        file.rename(file.with_name(file.name.replace("v1-", "v2-", 1)))
    return {file.name: file.read_bytes() for file in spool.glob("v2-*.segment")}
