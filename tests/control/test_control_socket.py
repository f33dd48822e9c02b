"""The control socket on real wires: reads between polls, an ear on the bus, and whatever strangers may send."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from doors import agent_with, site
from hypothesis import given, settings
from hypothesis import strategies as st
from ptys import Adapter, Serving
from slaves import RtuUnits, TcpUnits, answers, outcomes_until, rtu, silent, unit_device
from uplink_rig import eventually

from agent.bus import Missed
from agent.bus.errand import MOST_WAITING, PATIENCE_S, Errand
from agent.bus.owner import OwnerThread
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from agent.clock import boot_seconds
from agent.control import LONGEST_LINE, ControlError, default_socket
from agent.control import server as control_server
from agent.control.desk import Desk
from agent.control.remote import Remote
from agent.control.requests import understood
from agent.control.server import MOST_TALKS, ControlServer
from config.bus_settings import SerialBus, TcpBus
from drivers.modbus import asks
from drivers.modbus_frames import Read
from drivers.raw import raw_ask

PERIOD_S = 0.05
TIMEOUT_S = 0.2
NOWHERE = SerialBus("line", "/nowhere", 9600, "none", 1, 0.05)


class SerialSite:
    """A line with unit 1 polled, unit 2 there, 3 refusing, 4 of one register, others silent; and its agent."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        adapter = Adapter(folder / "adapter")
        stack.callback(adapter.close)
        self.units = RtuUnits({1, 2, 3, 4})
        self.units.behave[3] = lambda reply: [(0.0, rtu(3, reply[1] | 0x80, 2))]
        self.units.behave[4] = lambda reply: [(0.0, rtu(4, reply[1], 2, 0, 7))]
        stack.callback(Serving(adapter.fd, self.units).close)
        bus = SerialBus("line", str(adapter.link), 115200, "none", 1, TIMEOUT_S)
        plc = unit_device("plc", "line", 1, PERIOD_S)
        self.owner = SerialOwner(bus, [(plc, asks(plc, "rtu"))])
        self.path = stack.enter_context(agent_with(folder, self.owner, site(bus, plc)))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[SerialSite]:
    with ExitStack() as stack:
        yield SerialSite(tmp_path, stack)


@contextmanager
def talk(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(60)
        stranger.connect(str(path))
        yield stranger


def said(stranger: socket.socket) -> dict[str, object]:
    reply: dict[str, object] = json.loads(stranger.makefile("rb").readline())
    return reply


def test_a_read_between_polls_brings_the_registers_and_the_polls_go_on_undisturbed(line: SerialSite) -> None:
    with Remote(line.path) as agent:
        for turn in range(1, 21):
            reply = agent.ask("read", bus="line", unit=2, area="holding", address=0, quantity=2)
            assert reply["values"] == [0, turn]
    polled = outcomes_until(line.owner, lambda seen: len(answers(seen, "plc")) > 5)
    assert all(line.units.is_fresh(1, each) for each in answers(polled, "plc"))
    assert not [each for each in polled if isinstance(each, Missed)]
    assert {each.device for each in answers(polled)} == {"plc"}


def test_a_unit_is_present_that_answers_or_refuses_and_absent_that_keeps_silent(line: SerialSite) -> None:
    with Remote(line.path) as agent:
        assert agent.ask("probe-unit", bus="line", unit=4)["present"] is True
        refused = agent.ask("probe-unit", bus="line", unit=3)
        assert (refused["present"], refused["reason"]) == (True, "exception_2")
        silent_one = agent.ask("probe-unit", bus="line", unit=9)
        assert (silent_one["present"], silent_one["reason"]) == (False, "timeout")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"do": "read", "bus": "other", "unit": 1, "area": "holding", "address": 0, "quantity": 1}, "unknown_bus"),
        ({"do": "read", "bus": "line", "unit": 3, "area": "holding", "address": 0, "quantity": 2}, "exception_2"),
        ({"do": "read", "bus": "line", "unit": 9, "area": "input", "address": 0, "quantity": 2}, "timeout"),
        ({"do": "read", "bus": "line", "unit": 0, "area": "input", "address": 0, "quantity": 2}, "bad_request"),
        ({"do": "read", "bus": "line", "unit": 1, "area": "holding", "address": 65535, "quantity": 2}, "bad_request"),
        ({"do": "read", "bus": "line", "unit": 1, "area": "holding", "address": 0, "quantity": 126}, "bad_request"),
        ({"do": "read", "bus": "line", "unit": 1, "area": "holding", "address": True, "quantity": 1}, "bad_request"),
        ({"do": "read", "bus": "line", "unit": 1, "area": "lamp", "address": 0, "quantity": 1}, "bad_request"),
        ({"do": "baseline", "parcels": 5, "by": "li\udcff"}, "bad_request"),
        ({"do": "read", "bus": ["line"], "unit": 1, "area": "coil", "address": 0, "quantity": 1}, "bad_request"),
        ({"do": "write", "bus": "line", "unit": 1, "area": "coil", "address": 0, "value": 1}, "unknown_request"),
        ({"do": "ear", "bus": "other"}, "unknown_bus"),
        ({}, "unknown_request"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_stable_reason(
    line: SerialSite, request_: dict[str, object], reason: str
) -> None:
    with Remote(line.path) as agent, pytest.raises(ControlError) as refused:
        agent.ask(**request_) if "do" in request_ else agent.ask("", **request_)  # type: ignore[arg-type]
    assert refused.value.reason == reason


def test_status_tells_every_bus_and_what_went_over_it(line: SerialSite) -> None:
    outcomes_until(line.owner, lambda seen: len(answers(seen)) > 2)
    with Remote(line.path) as agent:
        status = agent.ask("status")
    (bus,) = status["buses"]
    assert (bus["id"], bus["baud"], status["pid"]) == ("line", 115200, os.getpid())
    assert bus["counts"]["answered"] > 2


def test_the_ear_hears_every_frame_of_the_bus_in_order_and_each_once(line: SerialSite) -> None:
    with Remote(line.path) as listener, Remote(line.path) as agent:
        told, heard = listener.listen("line")
        assert (told["baud"], told["parity"]) == (115200, "none")
        agent.ask("read", bus="line", unit=2, area="input", address=5, quantity=2)
        pieces = []
        while not any(one.sent and one.octets[0] == 2 for one in pieces):
            one = next(heard)
            assert not isinstance(one, int)
            pieces.append(one)
        reply = next(one for one in heard if not isinstance(one, int) and not one.sent)
    assert pieces[-1].octets == raw_ask(Read(2, "input", 5, 2), "rtu").request(1)
    assert reply.octets == rtu(2, 4, 4, 0, 0, 0, 1)
    assert pieces == sorted(pieces, key=lambda one: one.at_s)
    assert all(one.octets[0] in (1, 2) for one in pieces)


def test_an_ear_that_hangs_up_is_forgotten(line: SerialSite) -> None:
    with Remote(line.path) as listener:
        listener.listen("line")
        assert line.owner.ears()["line"]
    assert eventually(lambda: not line.owner.ears()["line"])


def test_errands_that_nobody_answers_take_a_quarter_of_the_wire_at_most_and_hold_no_unit_off(line: SerialSite) -> None:
    with Remote(line.path) as agent:
        began_s, spent_s = boot_seconds(), 0.0
        for unit in (4, 9, 10, 11):
            at_s = boot_seconds()
            agent.ask("probe-unit", bus="line", unit=unit)
            spent_s += boot_seconds() - at_s
        took_s = boot_seconds() - began_s
    silence_s = TIMEOUT_S * 1.5
    assert took_s > 2 * silence_s / 0.25
    polled = outcomes_until(line.owner, lambda seen: len(answers(seen, "plc")) > took_s / PERIOD_S / 2)
    assert not [each for each in polled if isinstance(each, Missed)]


def test_a_read_of_a_polled_unit_that_is_held_off_is_tried_all_the_same(line: SerialSite) -> None:
    line.units.behave[1] = silent
    outcomes_until(line.owner, lambda seen: sum(isinstance(each, Missed) for each in seen) > 5)
    del line.units.behave[1]
    with Remote(line.path) as agent:
        assert agent.ask("read", bus="line", unit=1, area="holding", address=0, quantity=2)["ok"]
    outcomes_until(line.owner, lambda seen: bool(answers(seen, "plc")))


def test_an_errand_waits_its_patience_on_a_full_line_and_no_longer(tmp_path: Path) -> None:
    with ExitStack() as stack:
        adapter = Adapter(tmp_path / "adapter")
        stack.callback(adapter.close)
        stack.callback(Serving(adapter.fd, RtuUnits({1, 2})).close)
        bus = SerialBus("line", str(adapter.link), 1200, "none", 1, 0.2)
        plc = unit_device("plc", "line", 1, 0.02)  # a read takes longer than its period: there never is a pause
        owner = SerialOwner(bus, [(plc, asks(plc, "rtu"))])
        with agent_with(tmp_path, owner, site(bus, plc)) as path, Remote(path) as agent:
            at_s = boot_seconds()
            agent.ask("read", bus="line", unit=2, area="holding", address=0, quantity=2)
            assert boot_seconds() - at_s > PATIENCE_S


def test_more_errands_than_anybody_needs_are_refused_at_once() -> None:
    class Idle(OwnerThread):
        counts = _work = None  # type: ignore[assignment]

    Idle.__abstractmethods__ = frozenset()
    owner = Idle("idle", 1)  # type: ignore[abstract]
    errand = Errand("line", raw_ask(Read(1, "coil", 0, 1), "rtu"))
    assert all(owner.run_errand(errand) for _ in range(MOST_WAITING))
    assert not owner.run_errand(errand)
    assert errand.wait(0.0) is None


def test_reads_through_a_tcp_bus_share_its_connection_and_leave_its_polls_alone(tmp_path: Path) -> None:
    with TcpUnits({1, 2}) as units:
        bus = TcpBus("net", "127.0.0.1", units.port, 1.0)
        plc = unit_device("plc", "net", 1, PERIOD_S)
        owner = TcpOwner([bus], [(plc, asks(plc, "tcp"))])
        with agent_with(tmp_path, owner, site(bus, plc)) as path, Remote(path) as agent, Remote(path) as listener:
            outcomes_until(owner, lambda seen: bool(answers(seen)))
            _, heard = listener.listen("net")
            for turn in range(1, 11):
                reply = agent.ask("read", bus="net", unit=2, area="holding", address=0, quantity=2)
                assert reply["values"] == [0, turn]
            assert next(heard)
            assert agent.ask("probe-unit", bus="net", unit=7)["reason"] == "timeout"
            polled = outcomes_until(owner, lambda seen: len(answers(seen, "plc")) > 5)
        assert units.connections == 1
        assert not [each for each in polled if isinstance(each, Missed)]
        assert all(units.is_fresh(1, each) for each in answers(polled, "plc"))


def test_a_read_on_a_wire_that_is_down_says_so_at_once(tmp_path: Path) -> None:
    bus = SerialBus("line", str(tmp_path / "no-such-port"), 9600, "none", 1, 0.05)
    with agent_with(tmp_path, SerialOwner(bus, []), site(bus)) as path, Remote(path) as agent:
        with pytest.raises(ControlError) as refused:
            agent.ask("read", bus="line", unit=1, area="holding", address=0, quantity=1)
        assert refused.value.reason == "link_down"
        with pytest.raises(ControlError):
            agent.ask("probe-unit", bus="line", unit=1)


# --- strangers ---


@pytest.mark.fault("M6")
@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=60).map(str.encode)))
def test_whatever_is_said_is_a_read_or_refused(octets: bytes) -> None:
    with pytest.raises(ControlError):
        understood(octets + b"\n")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
odd_words = st.fixed_dictionaries(
    {"do": st.sampled_from(["read", "probe-unit", "ear"])},
    optional={name: json_values | st.just("coil") for name in ("bus", "unit", "area", "address", "quantity")},
)


@settings(max_examples=300, deadline=None)
@given(odd_words)
def test_odd_values_never_get_past_the_door_as_anything_but_a_read(words: dict[str, object]) -> None:
    try:
        request = understood(json.dumps(words).encode())
    except ControlError as refusal:
        assert refusal.reason in ("bad_request", "unknown_request")
    else:
        assert type(request).__name__ in ("ReadOnce", "ProbeUnit", "Listen")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ControlError):
        understood(b"[" * 3000 + b"]" * 3000)


def test_a_stranger_who_talks_nonsense_gets_an_error_each_time_and_may_go_on(line: SerialSite) -> None:
    with talk(line.path) as stranger:
        replies = stranger.makefile("rb")
        for nonsense in (b"\n", b"\xff\xfe\n", b"[]\n", b"1e999\n", b'{"do": "open-doors"}\n'):
            stranger.sendall(nonsense)
            assert "error" in json.loads(replies.readline())
        stranger.sendall(b'{"do": "status"}\n{"do": "status"}\n')
        assert json.loads(replies.readline())["ok"] is True
        assert json.loads(replies.readline())["ok"] is True


@pytest.mark.fault("M6")
def test_a_line_without_end_is_cut_off(line: SerialSite) -> None:
    with talk(line.path) as stranger:
        stranger.sendall(b"x" * LONGEST_LINE)
        assert said(stranger)["error"] == "bad_request"
        assert stranger.recv(1) == b""


@pytest.mark.fault("M6")
def test_a_stranger_who_dawdles_is_hung_up_on(line: SerialSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_server, "PATIENCE_S", 0.1)
    with talk(line.path) as stranger:
        stranger.sendall(b'{"do": ')
        assert stranger.recv(1) == b""


@pytest.mark.fault("M6")
def test_more_talks_than_allowed_are_told_so_and_a_hang_up_makes_room(line: SerialSite) -> None:
    with ExitStack() as stack:
        open_ones = [stack.enter_context(talk(line.path)) for _ in range(MOST_TALKS)]
        for one in open_ones:
            one.sendall(b'{"do": "status"}\n')
            assert said(one)["ok"]
        with talk(line.path) as one_more:
            assert said(one_more)["error"] == "too_many"
        open_ones[0].close()
        assert eventually(lambda: _let_in(line.path))


def test_a_talk_is_hung_up_also_when_its_reading_end_fails_to_close(line: SerialSite) -> None:
    class Failing:
        def close(self) -> None:
            replies.close()
            raise OSError(errno.EIO, "Input/output error")

    with Remote(line.path) as agent:
        replies, agent._replies = agent._replies, Failing()  # type: ignore[assignment]
    assert agent._socket.fileno() == -1


def _let_in(path: Path) -> bool:
    try:
        with Remote(path) as agent:
            return bool(agent.ask("status")["ok"])
    except (ControlError, ConnectionError):
        return False


def test_one_who_reads_nothing_holds_up_neither_the_wire_nor_the_others(line: SerialSite) -> None:
    with talk(line.path) as deaf, Remote(line.path) as agent:
        deaf.sendall(b'{"do": "ear", "bus": "line"}\n')
        polled = outcomes_until(line.owner, lambda seen: len(answers(seen, "plc")) > 10)
        assert not [each for each in polled if isinstance(each, Missed)]
        assert agent.ask("read", bus="line", unit=2, area="holding", address=0, quantity=2)["ok"]


# --- the socket itself ---


def test_the_socket_is_for_its_user_and_group_alone(line: SerialSite) -> None:
    assert stat.S_IMODE(line.path.stat().st_mode) == 0o660


def test_the_socket_of_a_killed_agent_is_replaced_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()
    bus = SerialBus("line", str(tmp_path / "none"), 9600, "none", 1, 0.05)
    with agent_with(tmp_path, SerialOwner(bus, []), site(bus)):
        with pytest.raises(FileExistsError):
            ControlServer(path, Desk(site(bus), [], {}))
        with Remote(path) as agent:
            assert agent.ask("status")["site"] == "gz-test"


def test_a_file_that_is_no_socket_is_left_as_it_is(tmp_path: Path) -> None:
    settings_file = tmp_path / "hubpulse.toml"
    settings_file.write_text("[site]")
    with pytest.raises(FileExistsError, match="it is no socket"):
        ControlServer(settings_file, Desk(site(NOWHERE), [], {}))
    assert settings_file.read_text() == "[site]"


class Exhausted:
    """A listening socket of a process that has no descriptor left for who knocks, three times."""

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.tried_s: list[float] = []

    def fileno(self) -> int:
        return self.real.fileno()

    def accept(self) -> tuple[socket.socket, object]:
        self.tried_s.append(boot_seconds())
        if len(self.tried_s) <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return self.real.accept()

    def close(self) -> None:
        self.real.close()


def test_a_machine_without_descriptors_is_waited_for_without_a_busy_loop(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "control.sock", Desk(site(NOWHERE), [], {}))
    exhausted = server._socket = Exhausted(server._socket)  # type: ignore[assignment]
    server.start()
    try:
        with Remote(tmp_path / "control.sock") as agent:
            assert agent.ask("status")["site"] == "gz-test"
    finally:
        server.stop()
    assert exhausted.tried_s[3] - exhausted.tried_s[0] >= 3 * 0.9 * control_server._EXHAUSTED_S


def test_a_machine_without_threads_hangs_up_and_lets_the_next_one_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ControlServer(tmp_path / "control.sock", Desk(site(NOWHERE), [], {}))
    starts = threading.Thread.start
    refused = iter([True])

    def start(self: threading.Thread) -> None:
        if self.name == "control talk" and next(refused, False):
            raise RuntimeError("can't start new thread")
        starts(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    server.start()
    try:
        with Remote(tmp_path / "control.sock") as first, pytest.raises(ConnectionError):
            first.ask("status")
        with Remote(tmp_path / "control.sock") as second:
            assert second.ask("status")["site"] == "gz-test"
    finally:
        server.stop()


def test_the_socket_stands_where_systemd_says() -> None:
    assert default_socket({"RUNTIME_DIRECTORY": "/run/hubpulse-2:/run/x"}) == Path("/run/hubpulse-2/control.sock")
    assert default_socket({}) == Path("/run/hubpulse/control.sock")
