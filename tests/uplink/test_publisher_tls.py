"""The uplink over TLS: it speaks with the bureau's broker, and with nobody who only looks like it."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from broker import Broker
from certificates import Authority, Pair
from uplink_rig import WAIT_S, Rig, eventually

from agent.bureau.subscriber import Subscriber
from agent.uplink import tls
from agent.uplink.credentials import CredentialError, Login
from config.uplink_settings import Tls

# paho leaves a socket whose handshake failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")


@dataclass(frozen=True)
class Papers:
    """Everything that openssl made for this file."""

    ours: Authority
    strangers: Authority
    server: Pair
    elsewhere: Pair
    expired: Pair
    client: Pair


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    directory = tmp_path_factory.mktemp("papers")
    ours = Authority(directory / "ours")
    return Papers(
        ours,
        Authority(directory / "strangers", "Another CA"),
        ours.issue("127.0.0.1"),
        ours.issue("broker.example.org"),
        ours.issue("127.0.0.1", days=-1),
        ours.issue("gz-baiyun"),
    )


def secured(pair: Pair, *more: str) -> list[str]:
    return [f"certfile {pair.cert}", f"keyfile {pair.key}", *more]


@pytest.fixture
def broker(tmp_path: Path, papers: Papers) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", options=secured(papers.server)) as running:
        yield running


def test_a_broker_of_the_bureaus_ca_is_spoken_to(tmp_path: Path, broker: Broker, papers: Papers) -> None:
    with Rig(tmp_path, broker.port, tls=Tls(papers.ours.cert, None, None)) as rig:
        rig.commit(200)
        assert rig.drained()
    with Subscriber("127.0.0.1", broker.port, tls=Tls(papers.ours.cert, None, None)) as bureau:
        assert bureau.wait_until(lambda: bureau.read(lambda view: bool(view.sites)), WAIT_S)


@pytest.mark.fault("N13")
def test_a_broker_of_another_ca_is_refused(tmp_path: Path, broker: Broker, papers: Papers) -> None:
    assert "certificate is refused" in reason(tmp_path, broker, papers.strangers)


@pytest.mark.fault("N13")
def test_a_broker_with_another_name_is_refused(tmp_path: Path, papers: Papers) -> None:
    with Broker(tmp_path / "broker", options=secured(papers.elsewhere)) as broker:
        assert "IP address mismatch" in reason(tmp_path, broker, papers.ours)


@pytest.mark.fault("N13")
def test_a_broker_whose_certificate_has_expired_is_refused(tmp_path: Path, papers: Papers) -> None:
    with Broker(tmp_path / "broker", options=secured(papers.expired)) as broker:
        assert "expired" in reason(tmp_path, broker, papers.ours)


@pytest.mark.fault("N13")
def test_a_broker_that_speaks_plainly_is_refused(tmp_path: Path, papers: Papers) -> None:
    with Broker(tmp_path / "broker") as broker:
        assert reason(tmp_path, broker, papers.ours) != ""
        assert "New client connected" not in (broker.directory / "mosquitto.log").read_text(), "it has read no CONNECT"


@pytest.mark.fault("N13")
def test_tls_1_1_is_not_spoken(tmp_path: Path, papers: Papers) -> None:
    with speaking(ssl.TLSVersion.TLSv1_1, papers.server) as old:
        assert "PROTOCOL_VERSION" in reason(tmp_path, old, papers.ours)
        lenient = ssl.create_default_context(cafile=papers.ours.cert)
        allow(lenient, ssl.TLSVersion.TLSv1_1)
        with lenient.wrap_socket(socket.create_connection(("127.0.0.1", old.port)), server_hostname="127.0.0.1") as lax:
            assert lax.version() == "TLSv1.1", "so it was spoken there"
    context = tls.context(Tls(papers.ours.cert, None, None))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2, "whatever OpenSSL itself would still take"
    assert context.check_hostname
    assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "Test CA"),),)]


@dataclass
class Speaker:
    """A server that shakes hands in one version of TLS, and no more."""

    port: int


@contextmanager
def speaking(version: ssl.TLSVersion, pair: Pair) -> Iterator[Speaker]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    allow(context, version)
    with socket.create_server(("127.0.0.1", 0)) as door:
        serving = threading.Thread(target=shake_hands, args=(door, context))
        serving.start()
        try:
            yield Speaker(door.getsockname()[1])
        finally:
            door.shutdown(socket.SHUT_RDWR)
            serving.join()


def allow(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")  # what OpenSSL 3 itself would not have any more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version


def shake_hands(door: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            client, _ = door.accept()
        except OSError:
            return  # shut
        with client, suppress(OSError), context.wrap_socket(client, server_side=True) as secured:
            secured.recv(1)


def reason(tmp_path: Path, broker: Broker | Speaker, trusted: Authority) -> str:
    """Why the uplink does not connect; messages stay where they are meanwhile."""
    with Rig(tmp_path, broker.port, tls=Tls(trusted.cert, None, None)) as rig:
        rig.commit(1)
        assert eventually(lambda: rig.publisher.status().reason not in ("", "not started"))
        assert not rig.publisher.status().connected
        assert rig.spool.books().held == 1
        return rig.publisher.status().reason


def test_a_broker_that_wants_to_know_us_gets_our_certificate(tmp_path: Path, papers: Papers) -> None:
    options = secured(papers.server, f"cafile {papers.ours.cert}", "require_certificate true")
    with Broker(tmp_path / "broker", options=options) as broker:
        mutual = Tls(papers.ours.cert, papers.client.cert, papers.client.key)
        with Rig(tmp_path / "known", broker.port, tls=mutual) as rig:
            rig.commit(1)
            assert rig.drained()
        with Rig(tmp_path / "unknown", broker.port, tls=Tls(papers.ours.cert, None, None)) as rig:
            rig.commit(1)
            assert eventually(lambda: rig.publisher.status().reason not in ("", "not started"))
            assert rig.spool.books().held == 1


def test_a_wrong_password_is_refused_and_not_told(
    tmp_path: Path, papers: Papers, caplog: pytest.LogCaptureFixture
) -> None:
    options = secured(papers.server)
    with Broker(tmp_path / "broker", options=options, users={"gz": "right-password"}) as broker:
        trusted = Tls(papers.ours.cert, None, None)
        with Rig(tmp_path / "wrong", broker.port, tls=trusted, login=Login("gz", "wrong-password")) as rig:
            assert eventually(lambda: rig.publisher.status().reason == "Not authorized")
        with Rig(tmp_path / "right", broker.port, tls=trusted, login=Login("gz", "right-password")) as rig:
            rig.commit(1)
            assert rig.drained()
    assert "Not authorized" in caplog.text
    assert "password" not in caplog.text


def test_unusable_files_are_named_before_anything_is_sent(tmp_path: Path, papers: Papers) -> None:
    absent, empty = tmp_path / "absent.pem", tmp_path / "empty.pem"
    empty.touch()
    with pytest.raises(CredentialError, match=r"absent\.pem: No such file"):
        tls.context(Tls(absent, None, None))
    with pytest.raises(CredentialError, match=r"empty\.pem"):
        tls.context(Tls(empty, None, None))
    open_key = tmp_path / "open.key"
    open_key.write_bytes(papers.client.key.read_bytes())
    open_key.chmod(0o644)
    with pytest.raises(CredentialError, match="chmod 0640"):
        tls.context(Tls(papers.ours.cert, papers.client.cert, open_key))
    with pytest.raises(CredentialError, match="or its key"):
        tls.context(Tls(papers.ours.cert, papers.client.cert, papers.server.key))
