"""How the twin is told what to do: a command is understood whole, or refused before anything happens."""

from __future__ import annotations

from collections.abc import Mapping

from agent.twin.command_words import CommandError, Reply, Word
from agent.twin.deeds import COMMANDS
from agent.twin.site import READ_WITHIN_S, Twin
from config import slips

_EXAMPLES: Mapping[str, str] = {
    "line": "north",
    "device": "sorter",
    "point": "south",
    "counter": "sorter.south",
    "input": "panel.estop",
    "bus": "panel",
    "scanner": "tunnel-1",
    "locker": "west",
    "compartment": "7",
    "closed": "false",
    "dirty": "true",
    "value": "65000",
    "before": "5",
    "times": "1",
    "clean": "true",
    "share": "0.1",
    "parcels": "1000",
    "seconds": "2",
    "speed": "10",
}


async def obey(twin: Twin, said: object) -> Reply:
    """Do what `said` asks. Raises CommandError, with nothing done, where it cannot be understood."""
    if not isinstance(said, dict):
        raise CommandError("a command is a JSON object")
    name = said.get("do")
    if not isinstance(name, str) or name not in COMMANDS:
        if meant := slips.meant(str(name), COMMANDS):
            raise CommandError(f"{name!r} is no command; is {meant} meant?")
        raise CommandError(f"{name!r} is no command; there are: {' '.join(COMMANDS)}")
    command = COMMANDS[name]
    if strange := [word for word in said if word != "do" and word not in command.words]:
        raise CommandError(f"{name} takes {' '.join(command.words) or 'no word'}, not {' '.join(strange)}")
    values = {word: _value(said, word, rule) for word, rule in command.words.items()}
    try:
        return {"ok": True} | await command.run(twin, **values)
    except KeyError as error:
        raise CommandError(f"this site has no {error}; as in {usage(name)}") from None
    except TimeoutError:
        raise CommandError(f"no read within {READ_WITHIN_S:.0f} s") from None
    except OSError as error:
        raise CommandError(str(error)) from None


def _value(said: Mapping[str, object], word: str, rule: Word) -> object:
    if word in said:
        return rule.check(word, said[word])
    if rule.default is ...:
        raise CommandError(f"{word} is missing, as in {word}={_EXAMPLES[word]}")
    return rule.default


def usage(name: str) -> str:
    """How the command is written, each of its words with an example; what may be left out stands in brackets."""
    words = [(f"{word}={_EXAMPLES[word]}", rule.default is ...) for word, rule in COMMANDS[name].words.items()]
    return " ".join([name, *(said if needed else f"[{said}]" for said, needed in words)])
