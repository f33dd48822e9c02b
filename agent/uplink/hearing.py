"""What the broker says over one connection, as events: what paho calls back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

BROKE = "the connection broke"
_RECEIVE_MAXIMUM = 65_535  # MQTT 5.0, 3.2.2.3.3: when the server names none


@dataclass(frozen=True, slots=True)
class Accepted:
    """The CONNACK of a broker that lets us in; limits None where it named none."""

    receive_maximum: int
    maximum_packet_bytes: int | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A PUBACK. `code` is its MQTT 5 reason code (0 from a 3.1.1 broker, which cannot refuse)."""

    packet: int
    code: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over. `code` is the broker's reason code, None when it (or the line) gave none."""

    reason: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The broker's answer to our subscription; `refused` are the topics of it that we may not hear."""

    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message on a topic that we subscribed to; `retained` when the broker had kept it."""

    topic: str
    payload: bytes
    retained: bool


Event = Accepted | Acknowledged | Subscribed | Heard | Ended


class Hearing:
    """`events`, oldest first, Ended the last of them; `topics` are those of the subscription that is to be answered.

    It knows no client: who lets a connection go has let go of its messages in flight at the same moment, with
    no circle for the collector to find. Of a circle that `agent.footprint.settle` found alive none ever would.
    """

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.topics: tuple[str, ...] = ()
        self.is_over = False

    def listen(self, client: mqtt.Client) -> None:
        """Be told by that client."""
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    def end(self, ended: Ended) -> None:
        """The connection is over, if it was not."""
        if not self.is_over:
            self.is_over = True
            self.events.append(ended)

    def _on_connect(
        self, _client: mqtt.Client, _user: object, _flags: object, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self.end(Ended(str(code), code.value))
            return
        receive_maximum = getattr(properties, "ReceiveMaximum", _RECEIVE_MAXIMUM)
        self.events.append(Accepted(receive_maximum, getattr(properties, "MaximumPacketSize", None)))

    def _on_publish(
        self, _client: mqtt.Client, _user: object, packet: int, code: ReasonCode, _properties: object
    ) -> None:
        self.events.append(Acknowledged(packet, code.value))

    def _on_subscribe(
        self, _client: mqtt.Client, _user: object, _packet: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        answers = zip(self.topics, codes, strict=False)
        self.events.append(Subscribed(tuple(topic for topic, code in answers if code.is_failure)))

    def _on_message(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours
        self.events.append(Heard(topic, bytes(message.payload), bool(message.retain)))

    def _on_disconnect(
        self, _client: mqtt.Client, _user: object, flags: mqtt.DisconnectFlags, code: ReasonCode, _properties: object
    ) -> None:
        from_broker = flags.is_disconnect_packet_from_server
        self.end(Ended(str(code), code.value) if from_broker else Ended(BROKE))
