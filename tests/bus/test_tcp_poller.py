"""The poller of the TCP buses on real sockets: aligned ticks, dead devices, late replies, lost connections."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fault_matrix import Figure
from ports import free_port
from slaves import TcpUnits, answers, mbap, outcomes_until, tcp_count, unit_device
from tcp_proxy import FaultProxy

from agent import clock
from agent.bus import LinkChanged, Missed, Outcome, tcp_link
from agent.bus.guard import ForbiddenFrameError
from agent.bus.tcp_dial import Address, Patience, dial
from agent.bus.tcp_poller import TcpOwner
from agent.clock import boot_seconds
from config.bus_settings import TcpBus
from config.device_settings import Device
from drivers.modbus import asks

PERIOD_S = 0.03
SLOW_PERIOD_S = 0.3
STOPS_WITHIN_S = 10.0
"""What hangs on its wire takes thirty."""


def bus(name: str, port: int, timeout_s: float = 5.0, host: str = "127.0.0.1") -> TcpBus:
    return TcpBus(name, host, port, timeout_s)


def plc(of_bus: str, unit: int = 1, period_s: float = PERIOD_S) -> Device:
    return unit_device(f"{of_bus}-{unit}", of_bus, unit, period_s)


@contextmanager
def owner_of(buses: list[TcpBus], *devices: Device) -> Iterator[TcpOwner]:
    owner = TcpOwner(buses, [(device, asks(device, "tcp")) for device in devices])
    owner.start()
    try:
        yield owner
    finally:
        began_s = boot_seconds()
        owner.stop()
        assert boot_seconds() - began_s < STOPS_WITHIN_S


def reasons(outcomes: list[Outcome], device: str) -> Counter[str]:
    return Counter(each.reason for each in outcomes if isinstance(each, Missed) and each.device == device)


def changes(outcomes: list[Outcome]) -> list[bool]:
    return [each.up for each in outcomes if isinstance(each, LinkChanged)]


@contextmanager
def black_hole() -> Iterator[int]:
    """A port whose queue is full: connection requests get no answer at all."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_devices_of_one_period_are_asked_at_the_same_moments() -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(TcpUnits({1})) for _ in range(10)]
        buses = [bus(f"b{n}", server.port) for n, server in enumerate(servers)]
        owner = stack.enter_context(owner_of(buses, *(plc(each.id, period_s=SLOW_PERIOD_S) for each in buses)))
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 110)
        for n, server in enumerate(servers):
            assert all(server.is_fresh(1, each) for each in answers(outcomes, f"b{n}-1"))
        rounds = list(zip(*(server.received[1][-8:] for server in servers), strict=False))
    assert not [each for each in outcomes if isinstance(each, Missed)]
    spreads = sorted(max(moments) - min(moments) for moments in rounds)
    assert spreads[len(spreads) // 2] < SLOW_PERIOD_S / 2


def test_a_mute_a_refusing_and_an_unreachable_device_hold_up_nobody() -> None:
    with TcpUnits({1}) as good, TcpUnits(()) as mute, black_hole() as black:
        buses = [
            bus("good", good.port),
            bus("mute", mute.port),
            bus("refusing", free_port()),
            bus("black", black),
        ]
        with owner_of(buses, *(plc(each.id) for each in buses)) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 40)
    times = [each.batch.at_s for each in answers(outcomes, "good-1")]
    assert times[-1] - times[0] < 20  # were each round held up by one of them: forty times five
    assert reasons(outcomes, "refusing-1")["link_down"] > 20


@pytest.mark.fault("B1")
def test_a_mute_unit_is_missed_each_period_while_it_is_asked_less_and_less(figure: Figure) -> None:
    with TcpUnits({1}) as gateway, owner_of([bus("gw", gateway.port, 0.4)], plc("gw", 1), plc("gw", 7)) as owner:
        outcomes = outcomes_until(
            owner, lambda seen: reasons(seen, "gw-7")["timeout"] >= 30 and len(answers(seen, "gw-1")) >= 25
        )
    asked = sum(request[6] == 7 for request in gateway.requests)
    assert owner.counts()["gw"].timeout in (asked - 1, asked), "one may have been under way at the end"
    assert asked < reasons(outcomes, "gw-7")["timeout"] / 2
    figure(due=reasons(outcomes, "gw-7")["timeout"], asked=asked)
    assert gateway.connections == 1


def test_three_units_share_the_only_connection_of_a_gateway() -> None:
    with TcpUnits({1, 2, 3}, most=1) as gateway:
        devices = [plc("gw", unit) for unit in (1, 2, 3)]
        with owner_of([bus("gw", gateway.port)], *devices) as owner:
            outcomes = outcomes_until(owner, lambda seen: all(len(answers(seen, each.id)) >= 19 for each in devices))
        assert gateway.connections == 1
        assert gateway.wrong_values(outcomes) == 0
    assert len(answers(outcomes)) < 2 * 3 * 19, "each has its share"


def test_the_same_unit_number_on_two_buses_is_two_units() -> None:
    with TcpUnits(()) as mute, TcpUnits({1}) as good, ExitStack() as stack:
        buses = [bus("a", mute.port, 0.02), bus("b", good.port)]
        owner = stack.enter_context(owner_of(buses, plc("a"), plc("b")))
        outcomes = outcomes_until(owner, lambda seen: reasons(seen, "a-1")["timeout"] > 10)
    assert not reasons(outcomes, "b-1")
    assert len(answers(outcomes, "b-1")) >= 9


class Dawdling(socket.socket):
    """A connection that is read slowly, as on a machine with other work: answers come while it is looked at."""

    @classmethod
    def dial(cls, address: Address, port: int) -> socket.socket:
        made = cls(fileno=dial(address, port).detach())
        made.setblocking(False)
        return made

    def recv(self, most: int, flags: int = 0) -> bytes:
        clock.wait(0.06)
        return super().recv(most, flags)


@pytest.mark.fault("B4")
@pytest.mark.parametrize(("timeout_s", "taken"), [(5.0, True), (0.04, False)])
def test_an_answer_is_as_old_as_the_moment_when_it_was_taken_and_late_if_that_was_late(
    timeout_s: float, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_link, "dial", Dawdling.dial)
    with TcpUnits({1}) as server:
        server.behave[1] = lambda _, reply: [(0.03, reply)]
        with owner_of([bus("b", server.port, timeout_s)], plc("b", period_s=0.2)) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(seen) > 5)
        assert server.wrong_values(outcomes) == 0
    assert bool(answers(outcomes)) == taken
    assert ("timeout" in reasons(outcomes, "b-1")) != taken


@pytest.mark.fault("B4")
def test_a_late_reply_is_known_by_its_number_and_the_connection_stays_in_step(figure: Figure) -> None:
    late = iter([0.45, 0.0, 0.0, 0.8, 0.0] * 100)
    with TcpUnits({1}) as server:
        server.behave[1] = lambda _, reply: [(next(late), reply)]
        with owner_of([bus("b", server.port, 0.3)], plc("b")) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 9)
            counts = owner.counts()["b"]
        assert server.connections == 1
        wrong = server.wrong_values(outcomes)
    assert wrong == 0
    assert counts.late > 0
    assert counts.timeout > 0
    figure(late=counts.late, values=len(answers(outcomes)), wrong_values=wrong)
    assert reasons(outcomes, "b-1")["timeout"] > 0


@pytest.mark.fault("B5", "B16")
@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("unit", lambda request, reply: reply[:6] + b"\x09" + reply[7:]),
        ("function", lambda request, reply: reply[:7] + b"\x04" + reply[8:]),
        ("length", lambda request, reply: mbap(request, 3, 2, 0, 1)),
        ("count", lambda request, reply: reply[:8] + b"\x02" + reply[9:]),
        ("timeout", lambda request, reply: b"\x77\x77" + reply[2:]),
    ],
)
def test_a_frame_that_answers_something_else_is_stepped_over_and_counted(reason: str, wrong, figure: Figure) -> None:  # type: ignore[no-untyped-def]
    with TcpUnits({1, 2}) as gateway:
        gateway.behave[1] = lambda request, reply: [(0.0, wrong(request, reply))]
        with owner_of([bus("gw", gateway.port, 0.2)], plc("gw", 1), plc("gw", 2)) as owner:
            outcomes = outcomes_until(
                owner, lambda seen: reasons(seen, "gw-1")[reason] >= 3 and len(answers(seen, "gw-2")) > 3
            )
            foreign = owner.counts()["gw"].foreign
        assert foreign >= 3
        assert gateway.connections == 1
    taken = len(answers(outcomes, "gw-1"))
    assert taken == 0
    figure(refused=foreign, connections=gateway.connections, taken=taken)


def test_a_spoilt_reply_is_asked_for_once_more_in_the_same_period() -> None:
    with TcpUnits({1}) as server:
        server.behave[1] = lambda request, reply: [
            (0.0, reply if len(server.received[1]) % 2 == 0 else mbap(request, 4, 2, 0, 1))
        ]
        with owner_of([bus("b", server.port)], plc("b")) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) > 5)
    assert not reasons(outcomes, "b-1")


def test_a_device_that_speaks_something_else_is_said_and_left() -> None:
    with TcpUnits({1}) as server:
        server.behave[1] = lambda request, reply: [(0.0, b"HTTP/1.1 400 Bad Request\r\n\r\n")]
        with owner_of([bus("b", server.port)], plc("b")) as owner:
            outcomes = outcomes_until(owner, lambda seen: reasons(seen, "b-1")["link_down"] >= 40)
        assert server.connections < 20
    assert answers(outcomes) == []
    assert "the device does not speak Modbus TCP" in [each.reason for each in outcomes if isinstance(each, LinkChanged)]


@pytest.mark.fault("B6")
def test_an_exception_is_told_by_its_number() -> None:
    with TcpUnits(range(1, 12)) as server:
        for code in server.units:
            server.behave[code] = lambda request, _: [(0.0, mbap(request, request[7] | 0x80, request[6]))]
        with owner_of([bus("b", server.port)], *(plc("b", code) for code in server.units)) as owner:
            outcomes = outcomes_until(owner, lambda seen: sum(reasons(seen, "b-11").values()) >= 4)
            assert owner.counts()["b"].exception >= 44
    for code in range(1, 12):
        assert set(reasons(outcomes, f"b-{code}")) == {f"exception_{code}"}


@pytest.mark.fault("B3")
def test_a_reply_in_pieces_is_put_together_wherever_it_was_cut() -> None:
    with TcpUnits({1}) as server:

        def pieces(_: bytes, reply: bytes) -> list[tuple[float, bytes | None]]:
            cut = len(server.received[1]) % len(reply)
            return [(0.0, reply[:cut]), (0.01, reply[cut:])]

        server.behave[1] = pieces
        with owner_of([bus("b", server.port)], plc("b", period_s=0.02)) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 2 * len(tcp_count(b"\x00" * 12, 0)))
        assert all(server.is_fresh(1, each) for each in answers(outcomes))
    assert not reasons(outcomes, "b-1")


@pytest.mark.fault("B16")
def test_a_connection_reset_by_the_network_is_made_anew(figure: Figure) -> None:
    with TcpUnits({1}) as server, FaultProxy(server.port) as proxy, owner_of([bus("b", proxy.port)], plc("b")) as owner:
        for _ in range(3):
            outcomes_until(owner, lambda seen: len(answers(seen)) > 2)
            proxy.reset()
            reset_s = boot_seconds()
            outcomes = outcomes_until(owner, lambda seen: changes(seen) == [False, True] and bool(answers(seen)))
            recovery_s = answers(outcomes)[-1].batch.at_s - reset_s
        assert owner.counts()["b"].reconnects == 3
    figure(recovery_s=recovery_s)


@pytest.mark.fault("B3", "B16")
def test_a_reply_cut_off_by_a_closed_connection_is_no_value() -> None:
    with TcpUnits({1}) as server, FaultProxy(server.port) as proxy:
        proxy.cut_after = 2 * 13 + 7
        with owner_of([bus("b", proxy.port)], plc("b", period_s=0.02)) as owner:
            outcomes = outcomes_until(owner, lambda seen: changes(seen).count(True) > 3)
        assert all(server.is_fresh(1, each) for each in answers(outcomes))
    assert reasons(outcomes, "b-1")["link_down"] >= 3
    assert set(reasons(outcomes, "b-1")) == {"link_down"}


@pytest.mark.fault("B16")
def test_a_half_open_connection_is_noticed_and_left_and_the_device_read_when_it_is_back(figure: Figure) -> None:
    with TcpUnits({1}) as server, FaultProxy(server.port) as proxy:
        with owner_of([bus("b", proxy.port, 0.05)], plc("b")) as owner:
            outcomes_until(owner, lambda seen: len(answers(seen)) > 2)
            proxy.black_hole = True
            outcomes_until(owner, lambda _: proxy.connections >= 2)
            proxy.black_hole = False
            back_s = boot_seconds()
            outcomes = outcomes_until(owner, lambda seen: bool(answers(seen)))
        recovery_s = answers(outcomes)[0].batch.at_s - back_s
        figure(recovery_s=recovery_s)
        assert all(server.is_fresh(1, each) for each in answers(outcomes))


def test_a_device_that_is_away_is_said_once_and_read_as_soon_as_it_is_there() -> None:
    port = free_port()
    with owner_of([bus("b", port)], plc("b", period_s=PERIOD_S)) as owner:
        outcomes = outcomes_until(owner, lambda seen: reasons(seen, "b-1")["link_down"] > 10)
        events = [each for each in outcomes if isinstance(each, LinkChanged)]
        assert [(each.up, each.reason) for each in events] == [(False, "connection refused")]
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(60)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(60)
                assert connection.recv(100)[6:8] == b"\x01\x03"


def test_a_name_is_looked_up_beside_the_poller() -> None:
    with TcpUnits({1}) as server:
        buses = [bus("named", server.port, host="localhost"), bus("wrong", 502, host="no-such-host.invalid")]
        with owner_of(buses, plc("named"), plc("wrong")) as owner:
            outcomes = outcomes_until(
                owner,
                lambda seen: (
                    len(answers(seen, "named-1")) > 3
                    and "wrong" in {each.bus for each in seen if isinstance(each, LinkChanged)}
                ),
            )
    said = {each.bus: each.reason for each in outcomes if isinstance(each, LinkChanged)}
    assert said == {"named": "connected", "wrong": "no address for the name no-such-host.invalid"}


def test_of_a_name_with_two_addresses_the_one_that_serves_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **kind: [*look_up("127.0.0.2", None, **kind), *look_up("127.0.0.1", None, **kind)],
    )
    with TcpUnits({1}) as server, owner_of([bus("named", server.port, host="gateway.example")], plc("named")) as owner:
        outcomes = outcomes_until(owner, lambda seen: len(answers(seen, "named-1")) > 3)
    assert [each.up for each in outcomes if isinstance(each, LinkChanged)] == [False, True]


def test_a_look_up_that_outlives_the_poller_writes_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on, look_up = threading.Event(), threading.Event(), socket.getaddrinfo

    def hang(*place: object, **kind: object) -> object:
        asked.set()
        assert go_on.wait(60)
        return look_up("127.0.0.1", None)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with owner_of([bus("named", 502, host="plc.example")], plc("named")):
        assert asked.wait(60)
        looking = next(thread for thread in threading.enumerate() if thread.name == "resolve plc.example")
    with ExitStack() as files:
        strangers = [files.enter_context((tmp_path / str(number)).open("w+b")) for number in range(20)]
        go_on.set()
        looking.join(60)
        assert [stranger.read() for stranger in strangers] == [b""] * 20
    assert [(tmp_path / str(number)).stat().st_size for number in range(20)] == [0] * 20


def test_a_look_up_that_dies_of_anything_is_a_link_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_place: object, **_kind: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(socket, "getaddrinfo", broken)
    with owner_of([bus("named", 502, host="plc.example")], plc("named")) as owner:
        outcomes = outcomes_until(owner, lambda seen: bool(changes(seen)))
    said = [each.reason for each in outcomes if isinstance(each, LinkChanged)]
    assert said == ["no address for the name plc.example"]


@pytest.mark.fault("B16")
def test_the_wait_before_the_next_try_grows_to_half_a_minute_with_jitter() -> None:
    patience = Patience()
    waits = [patience.next_s() for _ in range(20)]
    assert waits[0] <= 0.2
    assert all(15 <= wait_s <= 30 for wait_s in waits[-5:])
    assert len(set(waits)) == len(waits)
    patience.reset()
    assert patience.next_s() <= 0.2


def test_what_a_device_cannot_keep_up_with_is_skipped_and_not_queued() -> None:
    with TcpUnits({1}) as server:
        server.behave[1] = lambda _, reply: [(0.05, reply)]
        with owner_of([bus("b", server.port)], plc("b", period_s=0.01)) as owner:
            outcomes = outcomes_until(owner, lambda seen: len(answers(seen)) >= 10)
            asked = owner.counts()["b"].asked
            assert asked <= len(answers(outcomes + owner.take())) + 2
    assert not [each for each in outcomes if isinstance(each, Missed)]


def test_a_hurried_device_is_read_at_once() -> None:
    with TcpUnits({1, 2}) as server, owner_of([bus("b", server.port)], plc("b", 1, 600), plc("b", 2, 600)) as owner:
        outcomes_until(owner, lambda seen: len(answers(seen)) == 2)
        owner.hurry("b-2")
        outcomes = outcomes_until(owner, bool)
    assert [(each.device, each.batch.values) for each in answers(outcomes)] == [("b-2", (2,))]


class WriteAsk:
    """What a faulty driver might make: a write to coil 0."""

    unit = 1
    points = ("count",)
    reply_length = 12

    def request(self, turn: int) -> bytes:
        return bytes((0, turn, 0, 0, 0, 6, 1, 5, 0, 0, 0xFF, 0))

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> None:
        return None


def test_a_frame_that_is_no_read_never_leaves_and_the_bug_comes_to_light() -> None:
    with TcpUnits({1}) as server:
        owner = TcpOwner([bus("b", server.port)], [(plc("b"), [WriteAsk()])])  # type: ignore[list-item]
        owner.start()
        with pytest.raises(ForbiddenFrameError):
            outcomes_until(owner, lambda _: False)
        owner.stop()
        assert server.requests == []


@pytest.mark.parametrize("state", ["idle", "awaiting", "connecting", "refused", "never started"])
def test_stop_ends_the_poller_long_before_an_answer_is_due_from_any_state(state: str) -> None:
    with TcpUnits({1} if state == "idle" else ()) as server, black_hole() as black:
        port = {"refused": free_port(), "connecting": black}.get(state, server.port)
        owner = TcpOwner([bus("b", port, 30.0)], [(plc("b", 1, 60), asks(plc("b"), "tcp"))])
        if state != "never started":
            owner.start()
        if state == "idle":
            outcomes_until(owner, lambda seen: bool(answers(seen)))
        if state == "awaiting":
            outcomes_until(owner, lambda _: bool(server.requests))
        if state == "refused":
            outcomes_until(owner, lambda seen: bool(changes(seen)))
        began_s = boot_seconds()
        owner.stop()
        assert boot_seconds() - began_s < STOPS_WITHIN_S


def test_the_poller_shows_progress_while_nothing_happens() -> None:
    with TcpUnits(()) as server, owner_of([bus("b", server.port, 30.0)], plc("b", 1, 60)) as owner:
        outcomes_until(owner, lambda _: bool(server.requests))
        seen_s = owner.progress_s
        outcomes_until(owner, lambda _: owner.progress_s > seen_s)


def test_a_poller_without_buses_lives_and_ends() -> None:
    with owner_of([]) as owner:
        seen_s = owner.progress_s
        outcomes_until(owner, lambda _: owner.progress_s > seen_s)


def test_outcomes_that_nobody_takes_are_bounded_and_the_oldest_go() -> None:
    with owner_of([bus("b", free_port())], plc("b", 1, 0.0005)) as owner:
        give_up_s = boot_seconds() + 60
        while not owner.dropped and boot_seconds() < give_up_s:
            time.sleep(0.01)
        outcomes = owner.take()
    assert owner.dropped > 0
    assert len(outcomes) <= 1024
    assert {type(each) for each in outcomes} <= {Missed, LinkChanged}
