"""The bureau's end of the wire: a subscriber that rebuilds every site's totals and survives broker restarts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.bureau.totals import Totals
from agent.bureau.view import Heard, View
from agent.uplink import tls as uplink_tls
from agent.uplink.connection import KEEPALIVE_S, RefusedError, plain
from agent.uplink.contract import ROOT
from agent.uplink.credentials import Login
from agent.uplink.dialect import QUICK_ANSWER_S, Version
from config.uplink_settings import Tls

CONNECT_S = 10.0
SESSION_S = 24 * 3600
"""How long the broker keeps messages for a bureau that is away, when it has a name of its own."""
_UNSUPPORTED_VERSION = 0x84
_ANY_SITE = "+/+/+"

Answer = TypeVar("Answer")
Listener = Callable[[Heard], None]


class Subscriber:
    """Sees what the sites publish. Start it, ask it, stop it; `rejected` messages are counted and otherwise ignored.

    `site` narrows it to one `prov/city/site`. With a `client_id` of its own the broker keeps the session for a day;
    without, what was published while it was away is not seen (totals heal with the next message).
    """

    def __init__(  # noqa: PLR0913 - where, what and as whom
        self,
        host: str,
        port: int,
        *,
        tls: Tls | None = None,
        login: Login | None = None,
        site: str = _ANY_SITE,
        client_id: str | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._login = login
        self._filter = f"{ROOT}/{site}/#"
        self._client_id = client_id
        self._listener = listener
        self._news = threading.Condition()
        self._view = View()
        self._client: mqtt.Client | None = None
        self._refusal: ReasonCode | str | None = None
        self._subscribed = False
        self.version: Version = "5"

    def start(self) -> None:
        """Connect and subscribe: on return the broker sends. MQTT 5, or 3.1.1 where the broker has no 5.

        Raises RefusedError when there is no broker or it refuses, and CredentialError for unusable TLS files.
        """
        for version in ("5", "3.1.1"):
            self.version = version
            self._client = self._connect(version)
            with self._news:
                patience_s = QUICK_ANSWER_S if version == "5" else CONNECT_S
                self._news.wait_for(lambda: self._subscribed or self._refusal is not None, patience_s)
                subscribed, refusal = self._subscribed, self._refusal
            if subscribed:
                return
            self.stop()
            if isinstance(refusal, ReasonCode) and refusal.value != _UNSUPPORTED_VERSION:
                break
        raise RefusedError(str(refusal or "no answer"))

    def stop(self) -> None:
        """Leave; what was heard stays readable."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def wait_until(self, predicate: Callable[[], bool], timeout_s: float) -> bool:
        """Whether `predicate` comes to hold within `timeout_s`; it is asked anew, undisturbed, after each message."""
        with self._news:
            return self._news.wait_for(predicate, timeout_s)

    def read(self, question: Callable[[View], Answer]) -> Answer:
        """The answer to `question` while no message comes in between."""
        with self._news:
            return question(self._view)

    def totals(self, site: str) -> Totals:
        """The totals of one site, by its id. They live: read them within `wait_until` or `read` while messages come."""
        return self._view.site(site).totals

    @property
    def rejected(self) -> int:
        """Messages that were no agent's."""
        return self._view.rejected

    def __enter__(self) -> Subscriber:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- paho's thread ---

    def _connect(self, version: Version) -> mqtt.Client:
        self._refusal = None
        client = self._make_client(version)
        try:
            if version == "5":
                keeps = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                keeps.SessionExpiryInterval = SESSION_S if self._client_id else 0
                client.connect(
                    self._host, self._port, KEEPALIVE_S, clean_start=self._client_id is None, properties=keeps
                )
            else:
                client.connect(self._host, self._port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise RefusedError(plain(error)) from error
        client.loop_start()
        return client

    def _make_client(self, version: Version) -> mqtt.Client:
        name = self._client_id or f"hubpulse-bureau-{secrets.token_hex(6)}"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            name,
            clean_session=None if version == "5" else self._client_id is None,
            protocol=MQTTProtocolVersion.MQTTv5 if version == "5" else MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(1, 30)
        if self._login is not None:
            client.username_pw_set(self._login.username, self._login.password)
        if self._tls is not None:
            client.tls_set_context(uplink_tls.context(self._tls))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: mqtt.Client, _user: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if code.is_failure:
            self._refused(code)
        else:
            client.subscribe(self._filter, qos=1)

    def _on_subscribe(
        self, _client: mqtt.Client, _user: object, _packet: int, codes: list[ReasonCode], _properties: object
    ) -> None:
        if codes[0].is_failure:
            self._refused(codes[0])
            return
        with self._news:
            self._subscribed = True
            self._news.notify_all()

    def _on_disconnect(
        self, _client: mqtt.Client, _user: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        self._refused(f"the broker hung up ({code})")

    def _refused(self, refusal: ReasonCode | str) -> None:
        """Only what comes before the subscription matters; later paho connects again."""
        with self._news:
            self._refusal = self._refusal or refusal
            self._news.notify_all()

    def _on_message(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        with self._news:
            for heard in self._view.hear(topic, bytes(message.payload), retained=message.retain):
                if self._listener is not None:
                    self._listener(heard)
            self._news.notify_all()
