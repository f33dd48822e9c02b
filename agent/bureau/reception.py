"""One MQTT connection of a bureau: messages out of it are acknowledged only when they are kept, and it comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.bureau.view import MAX_PAYLOAD_BYTES
from agent.uplink import tls as uplink_tls
from agent.uplink.connection import KEEPALIVE_S, RefusedError, plain
from agent.uplink.credentials import Login
from config.uplink_settings import Tls

CONNECT_S = 10.0
HUNG_UP = "the broker hung up"
_UNSPECIFIED = 0x80
"""What paho says of a connection that ended without a word, as when mosquitto 2.0 gives its name to another client."""
SESSION_S = 7 * 24 * 3600
"""How long a broker keeps what a bureau that is away did not get."""
IN_FLIGHT = 500
LARGEST_BYTES = MAX_PAYLOAD_BYTES + (64 << 10)
"""A broker keeps larger packets to itself (MQTT 5.0, 3.1.2.11.4): no agent sends them, a queue of them fills memory."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Which broker, and as whom. `client_id` stays the same over restarts: the broker's session hangs on it."""

    host: str
    port: int
    client_id: str
    tls: Tls | None = None
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the broker sent it; hand it back to `Reception.kept` once it is durable."""

    topic: str
    payload: bytes
    packet: int
    connection: int
    retained: bool = False


class Reception:
    """MQTT 5, acknowledged by hand. `receive` is called in paho's thread and may block: the broker then waits."""

    def __init__(
        self,
        address: BrokerAddress,
        filters: Sequence[str],
        receive: Callable[[Received], None],
        changed: Callable[[bool, str], None],
    ) -> None:
        self._address = address
        self._filters = [(one, 1) for one in filters]
        self._receive = receive
        self._changed = changed
        self._connections = 0
        self._is_refused = False
        self._client = self._make_client()

    def start(self) -> None:
        """Connect, and keep connecting. Raises RefusedError when there is no such broker now."""
        keeps = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        keeps.SessionExpiryInterval = SESSION_S
        keeps.ReceiveMaximum = IN_FLIGHT
        keeps.MaximumPacketSize = LARGEST_BYTES
        try:
            self._client.connect(
                self._address.host, self._address.port, KEEPALIVE_S, clean_start=False, properties=keeps
            )
        except (OSError, ValueError) as error:
            raise RefusedError(plain(error)) from error
        self._client.loop_start()

    def stop(self) -> None:
        """Leave in order; what was not handed back comes again next time."""
        self._client.disconnect()
        self._client.loop_stop()

    def kept(self, received: Received) -> None:
        """It is durable: the broker may forget it. A message of an earlier connection comes again instead."""
        if received.connection == self._connections:
            self._client.ack(received.packet, 1)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Send at QoS 1; False, and lost, when there is no connection."""
        connected = self._client.is_connected()
        if connected:
            self._client.publish(topic, payload, qos=1, retain=retain)
        return connected

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            self._address.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(1, 30)
        if self._address.login is not None:
            client.username_pw_set(self._address.login.username, self._address.login.password)
        if self._address.tls is not None:
            client.tls_set_context(uplink_tls.context(self._address.tls))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    # --- paho's thread ---

    def _on_connect(
        self, client: mqtt.Client, _user: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        self._is_refused = code.is_failure
        if code.is_failure:
            self._changed(False, str(code))
            return
        self._connections += 1
        client.subscribe(self._filters)

    def _on_subscribe(
        self, _client: mqtt.Client, _user: object, _packet: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        refused = next((code for code in codes if code.is_failure), None)
        self._changed(refused is None, "" if refused is None else f"subscribe: {refused}")

    def _on_disconnect(
        self, _client: mqtt.Client, _user: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        """Of one that did not let us in the reason is told; that it hangs up then is none."""
        if not self._is_refused:
            self._changed(False, HUNG_UP if code.value == _UNSPECIFIED else str(code))
        self._is_refused = False

    def _on_message(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        packet = message.mid if message.qos else 0
        connection = self._connections if packet else -1
        self._receive(Received(topic, bytes(message.payload), packet, connection, message.retain))
