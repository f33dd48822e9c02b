"""The twin's control socket obeys its commands, and answers everything else with a reason."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twins import Played, playing, site

from agent.twin.command_words import CommandError
from agent.twin.control import LONGEST_LINE, SOCKET, Control, Remote
from agent.twin.deeds import COMMANDS

SITE = """\
[bus.plc]
tcp = "10.0.0.1"
[device.d]
bus = "plc"
unit = 1
[device.d.point.count]
area = "holding"
address = 0
type = "u16"
kind = "counter"
[line.north]
induct = ["d.count"]
capacity_pph = 20000
buffer_parcels = 100
"""
SLOW = {"stop", "reboot"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["d", "plc", "north", "d.count", "nobody", ""])
WORDS = st.sampled_from(["device", "counter", "bus", "line", "seconds", "value", "speed", "before", "point", "x"])
COMMAND = st.tuples(
    st.sampled_from(sorted(COMMANDS.keys() - SLOW)), st.dictionaries(WORDS, NAMES | JSON, max_size=4)
).map(lambda pair: json.dumps({"do": pair[0], **pair[1]}).encode())
LINES = st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode()), COMMAND)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory):
    with playing(site(SITE), tmp_path_factory.mktemp("twin")) as running:
        yield running


@pytest.fixture(scope="module")
def path(played: Played, tmp_path_factory: pytest.TempPathFactory):
    control = Control(played.twin, tmp_path_factory.mktemp("control") / SOCKET)
    played.wait(control.start)
    yield control._path
    played.wait(control.close)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=LINES)
def test_any_line_gets_one_answer_and_never_ends_the_twin(played: Played, path: Path, line: bytes) -> None:
    said = line.replace(b"\n", b" ") + b"\n"
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(60)
        wire.connect(str(path))
        wire.sendall(said + b'{"do": "truth"}\n')
        with wire.makefile("rb") as replies:
            first, second = json.loads(replies.readline()), json.loads(replies.readline())
    assert ("error" in first) != (first.get("ok") is True)
    assert second["truth"]["north"]["induct"].keys() == {"d.count"}
    assert not played.twin.stopped.is_set()


def test_a_line_without_end_closes_that_talk_only(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(60)
        wire.connect(str(path))
        with pytest.raises(OSError):
            for _ in range(100):
                wire.sendall(b"x" * LONGEST_LINE)
            assert wire.recv(1) == b""
            raise OSError
    with Remote(path) as twin:
        assert twin.ask("state")["ok"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"do": "truht"}, "'truht' is no command; is truth meant?"),
        ({"do": "explode"}, "'explode' is no command; there are: truth state freeze"),
        ({"do": "freeze", "now": True}, "freeze takes no word, not now"),
        ({"do": "jam", "line": "north"}, "seconds is missing, as in seconds=2"),
        ({"do": "jam", "line": "south", "seconds": 1}, "this site has no 'south'"),
        ({"do": "speed", "speed": 0}, "speed is a number from 0.01 to 1000"),
        ({"do": "speed", "speed": float("nan")}, "speed is a number from 0.01 to 1000"),
        ({"do": "preset", "counter": "d.count", "value": 65536}, "wraps at 65536"),
        ({"do": "preset", "counter": "d.count", "value": True}, "value is a whole number"),
        ({"do": "tear", "counter": "d.count"}, "it cannot tear"),
        ({"do": "reset", "device": "d", "clean": "yes"}, "clean is true or false"),
        ({"do": "unplug", "bus": 5}, "bus is a text"),
    ],
)
def test_a_command_that_cannot_be_done_is_refused_with_the_reason(
    path: Path, command: dict[str, object], reason: str
) -> None:
    with Remote(path) as twin, pytest.raises(CommandError, match=reason):
        twin.ask(**command)


def test_frozen_parcels_stand_still_and_go_on_when_told(path: Path) -> None:
    with Remote(path) as twin:
        twin.ask("freeze")
        still = twin.ask("truth")["truth"]
        assert twin.ask("truth")["truth"] == still
        twin.ask("speed", speed=50)
        twin.ask("go")
        while (moved := twin.ask("truth"))["truth"] == still:
            pass
        twin.ask("freeze")
        assert moved["running"]
        assert twin.ask("state")["speed"] == 50


def test_a_counter_set_near_its_end_wraps_and_its_truth_goes_on(path: Path) -> None:
    with Remote(path) as twin:
        twin.ask("freeze")
        before = twin.ask("truth")["truth"]["north"]["induct"]["d.count"]
        twin.ask("wrap", counter="d.count", before=3)
        twin.ask("speed", speed=20)
        twin.ask("go")
        while twin.ask("truth")["truth"]["north"]["induct"]["d.count"] < before + 5:
            pass
        twin.ask("freeze")
        counted = twin.ask("truth")["truth"]["north"]["induct"]["d.count"] - before
        assert twin.ask("state")["devices"]["d"]["counters"]["count"] == counted - 3


def test_stop_stops_and_whoever_talks_is_answered_first(tmp_path: Path) -> None:
    with playing(site(SITE), tmp_path) as played:
        control = Control(played.twin, tmp_path / SOCKET)
        played.wait(control.start)
        with Remote(tmp_path / SOCKET) as twin:
            assert twin.ask("stop") == {"ok": True}
        played.wait(lambda: asyncio.wait_for(played.twin.stopped.wait(), 60))
        played.wait(control.close)
    assert not list(tmp_path.iterdir())
