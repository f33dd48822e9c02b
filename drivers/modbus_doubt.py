"""Which replies of one unit can be believed, on a line that is only listened to, after it left a question unanswered.

RTU frames carry no number: a reply that comes late looks like the answer to the next question of the same shape.
We cannot keep the line quiet as a master does, so we look for proof that the reply is not the late one.
"""

from __future__ import annotations

from collections import deque

from drivers.modbus_dialogue import ANSWER_MOST_S, Frame
from drivers.modbus_shapes import answer_length

_OWED_MOST = 16


class Doubt:
    """What one unit may still owe. Proofs that it owes nothing: the late reply came when none was awaited; a reply
    has a shape that none of the open questions asks for; for ten seconds it answered everything in turn.
    """

    __slots__ = ("_disturbed_s", "_owed")

    def __init__(self) -> None:
        self._owed: deque[Frame] = deque(maxlen=_OWED_MOST)
        self._disturbed_s = 0.0

    def unanswered(self, request: Frame) -> None:
        """The question may be answered still; one whose answer came and was spoilt is not owed."""
        if not request.spoilt:
            self._owed.append(request)
            self._disturbed_s = request.at_s

    def stray(self, at_s: float) -> None:
        """The unit said something that answers nothing open: the oldest question, late."""
        if self._owed:
            self._owed.popleft()
            self._disturbed_s = at_s

    def believes(self, reply: Frame) -> bool:
        """Whether the reply, which fits its request, can be the answer to no other question.

        The same question asked before is no other: a device reads its registers when it answers.
        """
        request = reply.request
        assert request is not None
        if request.at_s - self._disturbed_s > ANSWER_MOST_S:
            self._owed.clear()
        fitting = [owed for owed in self._owed if answer_length(owed.pdu, reply.pdu, 0) == len(reply.pdu)]
        if fitting:  # a unit answers in the order it was asked: now it may owe the answer to this one
            self._owed.remove(fitting[0])
            self._owed.append(request)
        else:
            self._owed.clear()
        return all(owed.pdu == request.pdu for owed in fitting)
