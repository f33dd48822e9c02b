"""The talk of `hubpulse locker learn`: close all doors, open one after the other, and read what that shows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agent import clock
from agent.commission import ComplaintError
from agent.lockers.lesson import Finding, Lesson, Said, spans, toml
from config.locker_settings import Board
from config.messages import Language, word

if TYPE_CHECKING:
    from agent.lockers.sight import Sight

HEAR_S = 15.0
_LOOK_S = 0.1


class Class:
    """One run of the verb, with the boards that are looked at."""

    def __init__(self, args: argparse.Namespace, lang: Language, sight: Sight, boards: Sequence[Board]) -> None:
        self._json: bool = args.json
        self._lang: Language = lang
        self._sight = sight
        self._boards = boards

    def run(self) -> int:
        """Talk until the technician is done; 0 when at least one door was learned."""
        self._say("learn_wait", boards=", ".join(board.id for board in self._boards))
        self._fresh()
        self._say("learn_close_all")
        if self._heard() is None:
            return 1
        lesson = Lesson(self._boards, self._fresh())
        self._teach(lesson)
        self._conclude(lesson)
        return 0 if lesson.learned else 1

    def _teach(self, lesson: Lesson) -> None:
        numbers = [one.number for board in self._boards for one in board.compartments]
        number = numbers[0]
        while True:
            self._say("learn_open", number=number)
            word_said = self._heard()
            if word_said is None or word_said.lower() == "q":
                return
            if word_said and not word_said.isdecimal():
                self._say("learn_number")
                continue
            number = int(word_said or number)
            if self._answer(number, lesson.opened(number, self._fresh())):
                number = _next(number, numbers, set(lesson.learned.values()))

    def _answer(self, number: int, finding: Finding) -> bool:
        """Say what opening the door showed; True when it is known now."""
        if finding.what == "found":
            [(board, channel)] = finding.channels
            self._say("learn_found", number=number, channel=channel, board=board)
            if finding.moved:
                self._say("learn_moved", channel=finding.moved[1], board=finding.moved[0])
        elif finding.what == "several":
            channels = ", ".join(f"{board} {channel}" for board, channel in finding.channels)
            self._say("learn_several", channels=channels, number=number)
        else:
            self._say("learn_nothing")
        return finding.what == "found"

    def _conclude(self, lesson: Lesson) -> None:
        for board in self._boards:
            inverted, odd = lesson.inverted(board), lesson.odd(board)
            if inverted is None:
                self._say("learn_odd" if odd else "learn_unclear", board=board.id, doors=spans(odd))
            else:
                self._say("learn_inverted" if inverted else "learn_plain", board=board.id)
            if unchecked := lesson.unchecked(board):
                self._say("learn_unchecked", board=board.id, doors=spans(unchecked))
        if self._json:
            print(json.dumps(_as_json(self._boards, lesson)), flush=True)
        elif lesson.learned:
            self._say("learn_paste")
            print("\n" + "\n\n".join(toml(board, lesson) for board in self._boards), flush=True)

    # --- hearing and saying ---

    def _heard(self) -> str | None:
        """What was typed; None at the end of input."""
        typed = sys.stdin.readline()
        return typed.strip() if typed else None

    def _say(self, name: str, **values: object) -> None:
        print(word(name, self._lang, **values), file=sys.stderr if self._json else sys.stdout, flush=True)

    def _fresh(self) -> Mapping[str, Said]:
        """What every board says from now on. Raises ComplaintError with those that say nothing."""
        self._newer()  # this answer may have been on its way before
        return self._newer()

    def _newer(self) -> Mapping[str, Said]:
        asked_s = clock.boot_seconds()
        while True:
            boards = self._sight.look()["boards"]
            late = [one.id for one in self._boards if not _is_fresh(boards.get(one.id), asked_s)]
            if not late:
                return {one.id: boards[one.id]["said"] for one in self._boards}
            if clock.boot_seconds() - asked_s >= HEAR_S:
                raise ComplaintError("E2539", boards=", ".join(late))
            clock.wait(_LOOK_S)


def _is_fresh(told: Mapping[str, object] | None, asked_s: float) -> bool:
    heard_s = None if told is None else told["heard_s"]
    return isinstance(heard_s, float) and heard_s > asked_s and bool(told and told["said"])


def _next(number: int, numbers: Sequence[int], learned: set[int]) -> int:
    """The next door that was not yet opened; the same where there is none."""
    at = numbers.index(number) + 1 if number in numbers else 0
    return next((one for one in (*numbers[at:], *numbers[:at]) if one not in learned), number)


def _as_json(boards: Sequence[Board], lesson: Lesson) -> dict[str, object]:
    return {
        board.id: {
            "inverted": lesson.inverted(board),
            "compartments": lesson.compartments(board),
            "unchecked": lesson.unchecked(board),
            "toml": toml(board, lesson),
        }
        for board in boards
    }
