"""Modbus inside TLS against pymodbus: read where both sides are proved, and each reason why not as one sentence."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from certificates import Authority, Pair
from foreign_servers import pymodbus_gateway, registers
from pymodbus.simulator import SimDevice
from slaves import answers, outcomes_until, unit_device
from tcp_proxy import FaultProxy

from agent.bus import Answered, LinkChanged, Outcome
from agent.bus import tcp_link as tcp_link_module
from agent.bus.tcp_poller import TcpOwner
from config.bus_settings import BusTls, TcpBus
from config.uplink_settings import Tls
from drivers.modbus import asks

UNITS = [SimDevice(unit, simdata=registers(unit, 0x1234)) for unit in (1, 2, 3)]
DEVICES = [unit_device(f"plc-{unit}", "bus", unit, 0.1) for unit in (1, 2, 3)]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("plant"))


@pytest.fixture(scope="module")
def ours(plant: Authority) -> Pair:
    return plant.issue("agent.site")


def server(pair: Pair, client_ca: Path | None = None, most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """The device's side; with `client_ca` it demands a certificate of ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    if most is not None:
        context.maximum_version = most
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def secured(ca: Path, pair: Pair | None = None, name: str = "127.0.0.1") -> BusTls:
    return BusTls(Tls(ca, pair.cert if pair else None, pair.key if pair else None), name)


@contextmanager
def asked(port: int, tls: BusTls) -> Iterator[TcpOwner]:
    bus = TcpBus("bus", "127.0.0.1", port, 1.0, tls=tls)
    owner = TcpOwner([bus], [(device, asks(device, "tcp")) for device in DEVICES])
    owner.start()
    try:
        yield owner
    finally:
        owner.stop()


def refusal(owner: TcpOwner) -> str:
    """Why the link is down, as it is told first; nothing was answered and it was never told to be up."""
    outcomes = outcomes_until(owner, lambda seen: any(isinstance(each, LinkChanged) for each in seen))
    told = next(each for each in outcomes if isinstance(each, LinkChanged))
    assert not told.up
    assert not answers(outcomes)
    return told.reason


def is_read(outcomes: list[Outcome]) -> bool:
    return all(len(answers(outcomes, each.id)) > 2 for each in DEVICES)


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_three_units_are_read_inside_tls_where_both_sides_are_proved(
    plant: Authority, ours: Pair, most: ssl.TLSVersion
) -> None:
    context = server(plant.issue("127.0.0.1"), plant.cert, most)
    with pymodbus_gateway(UNITS, secured=context) as port, asked(port, secured(plant.cert, ours)) as owner:
        outcomes = outcomes_until(owner, is_read)
    for each in answers(outcomes):
        assert each.batch.values == (int(each.device[-1]) << 16 | 0x1234,)
    told = [each for each in outcomes if isinstance(each, LinkChanged | Answered)]
    assert [each.up for each in told if isinstance(each, LinkChanged)] == [True]
    assert isinstance(told[0], LinkChanged)


def test_the_certificate_may_be_for_another_name_than_the_address(plant: Authority, ours: Pair) -> None:
    with (
        pymodbus_gateway(UNITS, secured=server(plant.issue("plc-7"))) as port,
        asked(port, secured(plant.cert, ours, "plc-7")) as owner,
    ):
        outcomes_until(owner, is_read)


def test_a_device_with_the_certificate_of_another_is_not_asked(plant: Authority, ours: Pair) -> None:
    with (
        pymodbus_gateway(UNITS, secured=server(plant.issue("plc-8"))) as port,
        asked(port, secured(plant.cert, ours, "plc-7")) as owner,
    ):
        said = refusal(owner)
    assert said == ("the device's certificate is refused: Hostname mismatch, certificate is not valid for 'plc-7'")


def test_an_expired_certificate_is_refused(plant: Authority, ours: Pair) -> None:
    context = server(plant.issue("127.0.0.1", days=-1))
    with pymodbus_gateway(UNITS, secured=context) as port, asked(port, secured(plant.cert, ours)) as owner:
        assert refusal(owner) == "the device's certificate is refused: certificate has expired"


def test_a_certificate_of_another_authority_is_refused(plant: Authority, ours: Pair, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger", "Stranger")
    context = server(stranger.issue("127.0.0.1"))
    with pymodbus_gateway(UNITS, secured=context) as port, asked(port, secured(plant.cert, ours)) as owner:
        assert refusal(owner).startswith("the device's certificate is refused: unable to get local issuer certificate")


@contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[int]:
    """A device that says why it refuses, as pymodbus does not: it sends the alert of the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with suppress(OSError):
                wire, _ = listener.accept()
                with wire.dup() as still_open:  # else what we sent meanwhile makes a reset of it, and the alert is lost
                    with suppress(ssl.SSLError):
                        context.wrap_socket(wire, server_side=True)
                    while still_open.recv(4096):
                        pass

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


_DEMANDS = "the device demands a client certificate: set cert_file and key_file"
_REFUSES = "the device refuses the TLS handshake: does it demand a client certificate?"


@pytest.mark.parametrize(("most", "sentence"), [(ssl.TLSVersion.TLSv1_3, _DEMANDS), (ssl.TLSVersion.TLSv1_2, _REFUSES)])
def test_a_device_that_demands_a_certificate_says_so_when_we_have_none(
    plant: Authority, most: ssl.TLSVersion, sentence: str
) -> None:
    context = server(plant.issue("127.0.0.1"), plant.cert, most)
    with refusing(context) as port, asked(port, secured(plant.cert)) as owner:
        assert refusal(owner) == sentence


def test_a_device_that_does_not_know_our_authority_says_so(plant: Authority, tmp_path: Path) -> None:
    mine = Authority(tmp_path / "mine", "Mine").issue("agent.site")
    context = server(plant.issue("127.0.0.1"), plant.cert)
    with refusing(context) as port, asked(port, secured(plant.cert, mine)) as owner:
        assert refusal(owner) == "the device does not know the CA of our certificate (cert_file)"


def test_a_device_that_refuses_us_without_a_word_is_told_with_the_likely_cause(plant: Authority) -> None:
    context = server(plant.issue("127.0.0.1"), plant.cert)
    with pymodbus_gateway(UNITS, secured=context) as port, asked(port, secured(plant.cert)) as owner:
        assert refusal(owner).startswith("the device hung up after the TLS handshake")


def test_a_device_without_tls_is_told_as_that(plant: Authority) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asked(listener.getsockname()[1], secured(plant.cert)) as owner,
    ):
        wire, _ = listener.accept()
        with wire:
            wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            assert refusal(owner) == "the device does not speak TLS on this port"


def test_a_device_that_says_nothing_in_the_handshake_is_given_up(
    plant: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_link_module, "_CONNECT_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asked(listener.getsockname()[1], secured(plant.cert)) as owner,
    ):
        assert refusal(owner) == "no answer to the TLS handshake"


def test_a_device_that_hangs_up_in_the_handshake_is_told_as_that(plant: Authority) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asked(listener.getsockname()[1], secured(plant.cert)) as owner,
    ):
        wire, _ = listener.accept()
        wire.recv(1)
        wire.shutdown(socket.SHUT_RDWR)
        said = refusal(owner)
        wire.close()
    assert said in {"the device ended the TLS connection", "connection reset by peer"}


@pytest.mark.parametrize("wrong", ["key open to all", "no file", "no certificate"])
def test_files_of_ours_that_cannot_be_used_are_told_before_the_device_hears_a_byte(
    plant: Authority, tmp_path: Path, wrong: str
) -> None:
    pair = Authority(tmp_path / "mine").issue("agent.site")
    ca = plant.cert
    if wrong == "key open to all":
        pair.key.chmod(0o644)
    elif wrong == "no file":
        ca = tmp_path / "absent.pem"
    else:
        pair.cert.write_text("nothing")
    with (
        pymodbus_gateway(UNITS, secured=server(plant.issue("127.0.0.1"))) as port,
        asked(port, secured(ca, pair)) as owner,
    ):
        said = refusal(owner)
    expected = {"key open to all": "chmod 0640", "no file": "No such file", "no certificate": "not what TLS needs"}
    assert expected[wrong] in said


def test_a_lost_tls_connection_is_made_again(plant: Authority, ours: Pair) -> None:
    context = server(plant.issue("127.0.0.1"), plant.cert)
    with (
        pymodbus_gateway(UNITS, secured=context) as port,
        FaultProxy(port) as proxy,
        asked(proxy.port, secured(plant.cert, ours)) as owner,
    ):
        outcomes_until(owner, is_read)
        proxy.reset()
        outcomes_until(owner, lambda seen: sum(isinstance(each, LinkChanged) for each in seen) == 2)
        outcomes_until(owner, is_read)
        assert owner.counts()["bus"].reconnects == 1
