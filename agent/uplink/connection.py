"""One connection to a broker: a paho client that is used once, driven by our own loop; it decides nothing."""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.clock import boot_seconds
from agent.uplink.credentials import Login
from agent.uplink.dialect import Version
from agent.uplink.hearing import BROKE, Ended, Hearing

KEEPALIVE_S = 15
PING_ANSWER_S = 8.0
"""A broker that has said nothing for so long after it was asked whether it is there is not: paho waits a keepalive."""
CONNECT_TIMEOUT_S = 10.0
USER_TIMEOUT_MS = 10_000
"""The kernel gives a connection up when the peer has not acknowledged a byte for so long (tcp(7), TCP_USER_TIMEOUT)."""
LARGEST_PACKET_BYTES = 64 << 10
"""Commands are small: a broker has no reason to send more."""

_PROTOCOL = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
_PUBLISH_OVERHEAD_BYTES = 16


class RefusedError(Exception):
    """There is no connection: `reason` is a short plain text for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is and what we say on entering."""

    host: str
    port: int
    client_id: str
    will_topic: str
    will: bytes


class Connection:
    """Open it, then call `turn` for ever; `events` tell what the broker said. Ended is the last of them."""

    def __init__(self, address: Address, version: Version, login: Login | None, tls: ssl.SSLContext | None) -> None:
        self._hearing = Hearing()
        self.events = self._hearing.events
        self._address = address
        self._version = version
        self._poll = select.poll()
        self._client = self._make_client(address, version)
        if login is not None:
            self._client.username_pw_set(login.username, login.password)
        if tls is not None:
            self._client.tls_set_context(tls)

    def _make_client(self, address: Address, version: Version) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            address.client_id,
            clean_session=None if version == "5" else True,
            protocol=_PROTOCOL[version],
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # the window is ours
        client.will_set(address.will_topic, address.will, qos=1, retain=True)
        self._hearing.listen(client)
        return client

    def open(self, wake: int) -> None:
        """Resolve, connect, shake hands and send CONNECT; blocks. `wake` is a descriptor that ends a turn's wait.

        Raises RefusedError.
        """
        try:
            if self._version == "5":
                self._client.connect(self._address.host, self._address.port, KEEPALIVE_S, clean_start=True)
            else:
                self._client.connect(self._address.host, self._address.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise RefusedError(plain(error)) from error
        if not isinstance(sock := self._client.socket(), socket.socket):
            raise RefusedError("closed at once")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        self._poll.register(sock, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._wake = wake
        self._heard_s = boot_seconds()

    def turn(self, timeout_s: float) -> None:
        """Wait until the broker, `wake` or the time says so, and let what came become events."""
        if self._hearing.is_over:
            return
        if (sock := self._client.socket()) is None:
            self._hearing.end(Ended(BROKE))
            return
        writing = select.POLLOUT if self._client.want_write() else 0
        self._poll.modify(sock, select.POLLIN | writing)
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        wait_s = 0.0 if pending else max(0.0, min(timeout_s, self._silence_due_s - boot_seconds()))
        ready = dict(self._poll.poll(wait_s * 1000))
        if self._wake in ready:
            os.eventfd_read(self._wake)
        heard = ready.get(sock.fileno(), 0)
        if pending or heard & ~select.POLLOUT:
            self._read()
        if heard & select.POLLOUT:
            self._client.loop_write()
        if not self._hearing.is_over:
            self._client.loop_misc()
        if boot_seconds() >= self._heard_s + KEEPALIVE_S + PING_ANSWER_S:
            self.cut("the broker does not answer a ping")

    @property
    def _silence_due_s(self) -> float:
        """When paho is to ask a silent broker whether it is there, or, after that, when it is given up."""
        ask_s = self._heard_s + KEEPALIVE_S
        return ask_s if boot_seconds() < ask_s else ask_s + PING_ANSWER_S

    def _read(self) -> None:
        self._heard_s = boot_seconds()
        try:
            self._client.loop_read()
        except Exception as error:  # noqa: BLE001 - paho's parser raises anything on bytes it did not foresee
            self.cut(f"malformed: {type(error).__name__}")
        # paho would collect whatever a packet announces, up to 256 MiB, and every QoS 2 message that is never released.
        if self._client._in_packet["remaining_length"] > LARGEST_PACKET_BYTES or self._client._in_messages:
            self.cut("the broker sends what nobody asked for")

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int | None:
        """Send at QoS 1; the packet id, or None when the connection is over."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        return sent.mid if sent.rc == mqtt.MQTT_ERR_SUCCESS else None

    def subscribe(self, topics: Sequence[str]) -> None:
        """Hear these from now on, at QoS 1; `Subscribed` tells which we may not."""
        self._hearing.topics = tuple(topics)
        self._client.subscribe([(topic, 1) for topic in topics])

    def goodbye(self) -> None:
        """Send DISCONNECT: the broker then keeps the will to itself."""
        self._client.disconnect()

    def cut(self, reason: str) -> None:
        """End the connection here and now, without a word to the broker."""
        if (sock := self._client.socket()) is not None:
            sock.close()
        self._hearing.end(Ended(reason))


def packet_bytes(topic: str, payload: bytes) -> int:
    """An upper bound of the size of the PUBLISH that carries `payload`."""
    return len(topic.encode()) + len(payload) + _PUBLISH_OVERHEAD_BYTES


def plain(error: OSError | ValueError) -> str:
    """Why there is no connection, in a few words for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "no answer"
    return getattr(error, "strerror", None) or str(error)
