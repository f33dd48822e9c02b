"""The command line's own words, in the reader's language: help, usage, complaints, and what was probably meant."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from agent.cli.speech import spoken
from config import messages
from config.faults import columns

_FEW = 10  # as many choices can be read at a glance
_FILLER = "\0"
_PIECE = re.compile(r"[“（]*(?:[!-~]+|\S)[，。；：、）”？]*|\s+")
"""What no line breaks in: a word, or one Chinese character, with the signs that open before and close after it."""


class Parser(argparse.ArgumentParser):
    """One verb's parser. Its texts are written in English where the options are; the catalogue has their Chinese."""

    def __init__(self, *, prog: str, **settings: object) -> None:
        super().__init__(prog=prog, formatter_class=_Formatter, **settings)  # type: ignore[arg-type]

    def in_readers_language(self) -> None:
        """Say everything that was added until now, also to the verbs below, as `spoken` says."""
        lang = spoken()
        self.description = messages.description(self.prog, lang) or self.description
        for action in self._actions:
            _translate(action)
            if isinstance(action, argparse._SubParsersAction):
                for shown in action._get_subactions():
                    _translate(shown)
                for parser in action.choices.values():
                    parser.in_readers_language()

    def all_of(self, words: Sequence[str]) -> argparse.Namespace:
        """What the words say; ends with 2 and one sentence where there is one that nobody knows."""
        arguments, unknown = self.parse_known_args(words)
        if unknown:
            asked, said = self._asked(arguments), _("unrecognized arguments: %s") % " ".join(unknown)
            asked.error(said + _meant(unknown[0].partition("=")[0], asked._option_string_actions))
        return arguments

    def error(self, message: str) -> NoReturn:
        """Of what is missing argparse makes one text, with commas of its own."""
        if message.startswith(_("the following arguments are required: %s").removesuffix("%s")):
            message = message.replace(", ", messages.word("and", spoken()))
        super().error(message)

    def _asked(self, arguments: argparse.Namespace) -> argparse.ArgumentParser:
        """The one that these arguments are for: that of a verb below where one was named."""
        below = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return next((action.choices[getattr(arguments, action.dest)] for action in below), self)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            known = [str(choice) for choice in action.choices or ()]
            said = error.message if len(known) <= _FEW else _no_such(str(value), self.prog)
            raise argparse.ArgumentError(action, said + _meant(str(value), known)) from None


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions as they stand, the rest laid out by columns, which argparse takes for characters."""

    def format_help(self) -> str:
        return super().format_help().replace(f"{_FILLER}:\n", "\n").replace(_FILLER, "")

    def start_section(self, heading: str | None) -> None:
        """With the heading's colon in full width after Chinese; argparse adds one in half width."""
        super().start_section(heading if not heading or heading.isascii() else f"{heading}：{_FILLER}")

    def _metavar_formatter(self, action: argparse.Action, default_metavar: str) -> Callable[[int], tuple[str, ...]]:
        placed = super()._metavar_formatter(action, default_metavar)
        return lambda size: tuple(_filled(str(one)) for one in placed(size))

    def _format_action_invocation(self, action: argparse.Action) -> str:
        said = super()._format_action_invocation(action)
        return said if said.isascii() else said.replace(", ", f"，{_FILLER}")

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines = [""]
        for piece in _PIECE.findall(text):
            if columns(lines[-1] + piece) > width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
        return [line.rstrip() for line in lines if line]


def _filled(text: str) -> str:
    return text + _FILLER * (columns(text) - len(text))


def _translate(action: argparse.Action) -> None:
    if action.help and action.help != argparse.SUPPRESS:
        action.help = _(action.help)
    if isinstance(action.metavar, str):
        action.metavar = _(action.metavar)


def _(english: str) -> str:
    """For argparse, too, which takes its words from a catalogue that would have to be compiled."""
    return messages.typed(english, spoken())


def _number(one: str, several: str, n: int) -> str:
    return _(one if n == 1 else several)


for _name, _words in (("_", _), ("ngettext", _number)):
    setattr(argparse, _name, _words)


def _no_such(typed: str, prog: str) -> str:
    return messages.word("typed_unknown", spoken(), text=typed, prog=prog)


def _meant(typed: str, known: Iterable[str]) -> str:
    plain = {one.lstrip("-"): one for one in known}  # what all options begin with makes none of them alike
    near = difflib.get_close_matches(typed.lstrip("-"), plain, 1, 0.7)
    return messages.word("did_you_mean", spoken(), near=plain[near[0]]) if near else ""
