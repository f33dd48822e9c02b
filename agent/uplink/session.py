"""One accepted connection: what is sent in which order, and what each acknowledgement means for the spool."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent import log
from agent.uplink import thin
from agent.uplink.connection import packet_bytes
from agent.uplink.contract import Message
from agent.uplink.hearing import Accepted, Acknowledged
from agent.uplink.lanes import Lanes
from agent.uplink.late import TAIL
from agent.uplink.outsized import LEAST_BYTES, Large
from agent.uplink.room import Room
from agent.uplink.shipping import Shipment, Shipping
from agent.uplink.suspicion import Suspicion
from agent.uplink.window import Sent, Window

IDLE_TURN_S = 5.0
_LAST_RETRY_S = 3600.0
_REFUSED = 0x80
_QUOTA = 0x97
_NO_SUBSCRIBERS = 0x10
_DENIED = "ask the bureau to let this account write its site's topics; hubpulse ready names them"
_FRAME_EXTRA_BYTES = 64
"""What a frame adds to the messages in it, and zlib to what it cannot compress."""

Documents = Callable[[], tuple[int, Sequence[Message]]]
"""What the broker shall keep, and the position from which on the spool's records are newer than that."""


class Wire(Protocol):
    """The part of a connection that a session uses."""

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int | None: ...

    def cut(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how patient an uplink is.

    A broker that answers CONNECT or acknowledges a message later than its deadline is given up. What it refused it
    is asked again after `refused_retry_s`, then after twice as long each time.
    """

    backlog_per_s: float = 1500.0
    connack_deadline_s: float = 10.0
    puback_deadline_s: float = 14.0
    refused_retry_s: float = 60.0


@dataclass(slots=True)
class Memory:
    """What the uplink knows over connections: topics that were refused, a suspect, what was set aside."""

    denied: dict[str, int] = field(default_factory=dict)
    suspicion: Suspicion = field(default_factory=Suspicion)
    banned: set[str] = field(default_factory=set)
    set_aside: int = 0
    no_subscribers: bool = False


class Session:
    """Birth first, alone; then a suspect, alone; then the retained documents, live messages and backlog."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it connects
        self,
        wire: Wire,
        accepted: Accepted,
        topic: Callable[[str], str],
        lanes: Lanes,
        shipping: Shipping,
        documents: Documents,
        memory: Memory,
        pace: Pace,
    ) -> None:
        self._wire = wire
        self._pace = pace
        self._topic = topic
        self._lanes = lanes
        self._shipping = shipping
        self._room = Room()
        self._retained = documents
        self._memory = memory
        self._largest_bytes = accepted.maximum_packet_bytes
        self._documents: deque[Message] = deque()
        self._held: set[str] = set()
        self._retry_after_s = pace.refused_retry_s
        self._retry_at_s: float | None = None
        self._birth = b""
        self.window = Window(accepted.receive_maximum)
        self.is_proven = False

    def open(self, birth: bytes, now_s: float) -> None:
        """Publish the birth; everything else waits for its acknowledgement."""
        live_from, documents = self._retained()
        self._lanes.reconnected(live_from)
        self._documents.extend(documents)
        self._birth = birth
        if self._is_too_large(Message("status", birth, retain=True)):
            self._wire.cut(f"the broker takes no packet above {self._largest_bytes} bytes, which is too few")
        else:
            self.say_status(birth, now_s)

    def say_status(self, payload: bytes, now_s: float) -> None:
        """Publish the retained `status`."""
        self._send(Shipment(Message("status", payload, retain=True)), now_s)

    def send(self, now_s: float, *, stopping: bool = False) -> None:
        """Send what the window and the pace allow; when `stopping` only what is live."""
        if not self.is_proven:
            return
        if self._memory.suspicion.suspect is not None:
            self._send_suspect(self._memory.suspicion.suspect, now_s)
            return
        self._lanes.settle_parted()
        while self.window.open and self._send_next(now_s, stopping=stopping):
            pass

    def _send_next(self, now_s: float, *, stopping: bool) -> bool:
        if self._documents:
            document = self._documents.popleft()
            if document.tail not in self._memory.banned:
                self._send(Shipment(document), now_s)
            return True
        shipment = self._shipping.live(self._held)
        if shipment is None and not stopping and self._has_room and self._shipping.late_in_s(now_s) == 0:
            shipment = self._shipping.late(self._held, self.window, self._largest_payload_bytes)
        if shipment is not None:
            self._send(shipment, now_s)
        return shipment is not None

    @property
    def _has_room(self) -> bool:
        """Whether the backlog may have more under way."""
        return self.window.open_for_backlog and self.window.backlog_bytes < self._room.bytes

    @property
    def _largest_payload_bytes(self) -> int | None:
        """What a frame may be, uncompressed, so that the broker takes it whatever it compresses to."""
        if self._largest_bytes is None:
            return None
        return max(1, self._largest_bytes - packet_bytes(self._topic(TAIL), b"") - _FRAME_EXTRA_BYTES)

    def _send_suspect(self, suspect: int | str, now_s: float) -> None:
        if len(self.window):
            return
        if isinstance(suspect, int):
            if (shipment := self._shipping.alone(suspect)) is not None:
                self._send(shipment, now_s)
                return
        elif (document := next((one for one in self._documents if one.tail == suspect), None)) is not None:
            self._documents.remove(document)
            self._send(Shipment(document), now_s)
            return
        self._memory.suspicion.passed(suspect)

    def _send(self, shipment: Shipment, now_s: float) -> None:
        message, positions = shipment.message, shipment.positions
        if self._is_too_large(message):
            self._leave_out(shipment)
            return
        packet = self._wire.publish(self._topic(message.tail), message.payload, retain=message.retain)
        if packet is None:
            self._wire.cut("the connection broke")
            return
        self.window.put(packet, Sent(message.tail, positions, shipment.backlog, len(message.payload), now_s))

    def _leave_out(self, shipment: Shipment) -> None:
        """This broker takes nothing so large. What a loss record holds is told in parts."""
        message, positions = shipment.message, shipment.positions
        if positions and message.tail == thin.TAIL and (most_bytes := self._part_bytes) >= LEAST_BYTES:
            self._lanes.resends.refused(positions[0])
            self._lanes.outsized.find(Large(positions[0], most_bytes))
        elif shipment.again:
            self._lanes.resends.too_large(positions[0])
        else:
            self._set_aside(positions[0] if positions else message.tail, thin.TOO_LARGE, message.tail)

    @property
    def _part_bytes(self) -> int:
        """What a loss record may hold, beside its head, so that the broker takes it."""
        return (self._largest_bytes or 0) - packet_bytes(self._topic(thin.TAIL), b"") - thin.HEAD_BYTES

    def _is_too_large(self, message: Message) -> bool:
        largest_bytes = self._largest_bytes
        return largest_bytes is not None and packet_bytes(self._topic(message.tail), message.payload) > largest_bytes

    def acknowledged(self, puback: Acknowledged, now_s: float) -> None:
        """A PUBACK came; one that nobody waits for is ignored."""
        if (sent := self.window.take(puback.packet, now_s)) is None:
            return
        self.is_proven = True
        self._measure(sent, now_s)
        self._memory.suspicion.passed(sent.key)
        if puback.code >= _REFUSED:
            self._hold(sent, puback.code, now_s)
            return
        self._memory.denied.pop(sent.tail, None)
        self._lanes.taken(sent.tail, late=sent.backlog)
        if sent.positions:
            self._memory.no_subscribers = puback.code == _NO_SUBSCRIBERS
        for position in sent.positions:
            self._lanes.settle(position)

    def _measure(self, sent: Sent, now_s: float) -> None:
        if sent.backlog:
            self._room.acknowledged(sent.size_bytes, now_s - sent.sent_s, now_s)
        else:
            self._room.observe(now_s - sent.sent_s, now_s)

    def _hold(self, sent: Sent, code: int, now_s: float) -> None:
        """The broker refused it: it stays in the spool, its topic rests, the others flow."""
        if sent.tail == TAIL:
            self._frames_denied(code)
            if code != _QUOTA:
                return
        else:
            self._topic_denied(sent, code)
        self._held.add(sent.tail)
        if self._retry_at_s is None:
            self._retry_at_s = now_s + self._retry_after_s
            self._retry_after_s = min(2 * self._retry_after_s, _LAST_RETRY_S)

    def _topic_denied(self, sent: Sent, code: int) -> None:
        for position in sent.positions:
            self._lanes.resends.refused(position)
        if not self._memory.denied:  # who may not write one topic mostly may write none: one line, `ready` has all
            log.warn("topic_denied", topic=self._topic(sent.tail), reason_code=f"0x{code:02x}", do=_DENIED)
        self._memory.denied[sent.tail] = code

    def _frames_denied(self, code: int) -> None:
        """Late messages go one by one, each on its own topic: until it is asked again where the broker's quota is used
        up, from now on where this account may not write the topic of frames.
        """
        if self._shipping.framed and TAIL not in self._held:
            log.warn("topic_denied", topic=self._topic(TAIL), reason_code=f"0x{code:02x}", instead="one by one")
        self._shipping.framed = self._shipping.framed and code == _QUOTA
        self._lanes.rewind(self._lanes.live_position)

    def ended(self, code: int | None) -> None:
        """The connection is over; `code` is the broker's reason, None when it (or the line) gave none."""
        oldest = self.window.oldest() if self.is_proven else None
        if oldest is not None and len(oldest.positions) > 1:
            self._shipping.singly(oldest.positions)
        elif oldest is not None and (key := self._memory.suspicion.ended(oldest, code)) is not None:
            self._set_aside(key, "brokers hang up on it", oldest.tail)

    def _set_aside(self, key: int | str, reason: str, tail: str) -> None:
        """Give a message up that this broker will never take, and count it."""
        self._memory.set_aside += 1
        log.warn("message_set_aside", topic=tail, position=key if isinstance(key, int) else None, reason=reason)
        if isinstance(key, int):
            self._lanes.set_aside(key)
        else:
            self._memory.banned.add(key)

    def keep_deadlines(self, now_s: float) -> None:
        """Cut a connection whose broker does not acknowledge; ask again for what was refused."""
        oldest = self.window.oldest()
        if oldest is not None and now_s - oldest.sent_s >= self._pace.puback_deadline_s:
            self._wire.cut("the broker stopped acknowledging")
        if self._retry_at_s is not None and now_s >= self._retry_at_s:
            self._ask_again()

    def _ask_again(self) -> None:
        self._retry_at_s = None
        if "status" in self._held:
            self._documents.append(Message("status", self._birth, retain=True))
        live_from, documents = self._retained()
        self._documents.extend(document for document in documents if document.tail in self._held)
        self._held.clear()
        self._lanes.rewind(live_from)

    def wait_s(self, now_s: float, *, stopping: bool = False) -> float:
        """How long nothing needs doing unless something comes."""
        due_s = now_s + IDLE_TURN_S
        if (oldest := self.window.oldest()) is not None:
            due_s = min(due_s, oldest.sent_s + self._pace.puback_deadline_s)
        if self._retry_at_s is not None:
            due_s = min(due_s, self._retry_at_s)
        flowing = self.is_proven and not stopping and self._memory.suspicion.suspect is None
        if flowing and self._has_room:
            pause_s = self._shipping.late_in_s(now_s)
            due_s = due_s if pause_s is None else min(due_s, now_s + pause_s)
        return max(0.0, due_s - now_s)

    @property
    def is_drained(self) -> bool:
        """Everything live is sent and acknowledged."""
        return self.is_proven and not len(self.window) and not self._lanes.live and not self._documents
