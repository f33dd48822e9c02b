"""Show what is said on a line, live and decoded; nothing is ever sent.

  hubpulse tap sorter                              a bus of the settings
  hubpulse tap /dev/serial/by-path/… --baud 19200 --parity even
  hubpulse tap sorter --pcap sorter.pcap --for 1m  to look at in Wireshark

A bus that the running agent holds is heard through the agent, which goes on with its work; any other port is opened
for reading only. Each line: seconds, silence before it, direction, unit, verdict, what it says.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.cli import frame_words
from agent.cli.commissioning import add_agent_options, add_line_options, complain, options_of
from agent.cli.quantities import duration
from agent.cli.speech import chosen_language, say
from agent.commission import ComplaintError
from config import messages
from config.messages import Language

if TYPE_CHECKING:
    from agent.commission.wires import AgentsBus
    from agent.tap.pcap import Capture
    from agent.tap.sources import Source
    from agent.tap.understanding import Understanding
    from drivers.modbus_dialogue import Frame

_SILENT_S = 5.0
_WAIT_S = 0.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="BUS|PORT", help="a bus of the settings, or a serial port")
    parser.add_argument("--framing", choices=("rtu", "ascii"), default="rtu", help="of a serial port (rtu)")
    parser.add_argument("--data-bits", type=int, choices=(7, 8), help="of a serial port (8, with ascii 7)")
    parser.add_argument("--pcap", type=Path, metavar="FILE", help="also write a capture that Wireshark opens")
    parser.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="end after 10s, 5m, 1h")
    add_line_options(parser)
    add_agent_options(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    with ExitStack() as stack:
        try:
            source, understanding = _listening(args, stack)
            capture = _capture(args.pcap, stack)
        except ComplaintError as complaint:
            return complain("tap", complaint, lang, as_json=args.json)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as of timeout(1): what was seen is told
        return _Tap(args, lang, source, understanding, capture).run()


class _Tap:
    """One run of the verb."""

    def __init__(
        self,
        args: argparse.Namespace,
        lang: Language,
        source: Source,
        understanding: Understanding,
        capture: Capture | None,
    ) -> None:
        self._args, self._source, self._understanding, self._capture = args, source, understanding, capture
        self._lang: Language = lang
        self._color = sys.stdout.isatty() and not args.json
        self._seen: Counter[str] = Counter()
        self._began_s = 0.0
        self._wall_s = 0.0

    def run(self) -> int:
        """Listen until the time is over, the line is gone or Ctrl-C; then sum up."""
        from agent import clock
        from agent.tap.sources import SourceEndedError

        self._began_s = clock.boot_seconds()
        self._wall_s = clock.now().wall_s - self._began_s
        self._note("tap_opened", target=self._args.target)
        gone = None
        try:
            with suppress(KeyboardInterrupt):
                self._listen()
        except SourceEndedError as end:
            gone = str(end)
        self._sum_up(gone)
        return 1 if gone is not None or not self._seen else 0

    def _listen(self) -> None:
        from agent.clock import boot_seconds

        end_s = self._began_s + (self._args.for_s or float("inf"))
        silent_s = self._began_s + _SILENT_S
        while (now_s := boot_seconds()) < end_s:
            heard = self._source.next(min(end_s, now_s + _WAIT_S, self._understanding.alarm_s))
            if isinstance(heard, int):
                self._note("tap_lost", count=heard)
                continue
            for frame in self._understanding.take(heard, boot_seconds()):
                self._show(frame)
            if heard is None and not self._seen and boot_seconds() > silent_s:
                self._note("tap_silent")
                silent_s = float("inf")

    def _show(self, frame: Frame) -> None:
        self._seen[frame.verdict] += 1
        if self._capture is not None and frame.verdict != "unanswered":
            self._capture.add(frame.octets, self._wall_s + frame.at_s)
        if self._args.json:
            say(json.dumps(frame_words.as_json(frame, self._began_s)))
        else:
            say(frame_words.line(frame, self._began_s, self._lang, color=self._color))

    def _sum_up(self, gone: str | None) -> None:
        if gone is not None:
            self._note("tap_gone", reason=gone)
        seen = [f"{messages.word(f'verdict_{name}', self._lang)} {n}" for name, n in self._seen.most_common()]
        self._note("tap_seen", seen=messages.word("comma", self._lang).join(seen) or "0")
        if self._args.pcap is not None:
            self._note("tap_capture", file=self._args.pcap, dissector=self._understanding.dissector)

    def _note(self, name: str, **values: object) -> None:
        """Something about the listening itself; never among the lines for machines."""
        _note(name, self._lang, **values)


def _note(name: str, lang: Language, **values: object) -> None:
    print(messages.word(name, lang, **values), file=sys.stderr, flush=True)


def _listening(args: argparse.Namespace, stack: ExitStack) -> tuple[Source, Understanding]:
    """The source that was named, open, and what understands it. Raises ComplaintError."""
    from dataclasses import replace

    from agent.bus.link import LinkError
    from agent.commission.wires import AgentsBus, complaint_of, found
    from agent.tap.sources import PortSource
    from agent.tap.understanding import Understanding
    from config.bus_settings import SerialBus

    wire = found(args.target, options_of(args))
    if isinstance(wire, AgentsBus):
        stack.callback(wire.close)
        return _through_the_agent(wire, chosen_language(args.lang, sys.stdout))
    if not isinstance(wire, SerialBus):
        raise ComplaintError("E2251", 2, target=args.target)
    if wire.id == wire.port:  # not of the settings
        bits: Literal[7, 8] = 7 if args.data_bits == 7 or (args.framing == "ascii" and not args.data_bits) else 8
        wire = replace(wire, framing=args.framing, data_bits=bits)
    try:
        port = PortSource(wire)
    except LinkError as fault:
        raise complaint_of(wire, fault) from fault
    stack.callback(port.close)
    return port, Understanding.of_bus(wire)


def _through_the_agent(bus: AgentsBus, lang: Language) -> tuple[Source, Understanding]:
    from agent.control import ControlError
    from agent.tap.sources import AgentSource
    from agent.tap.understanding import Understanding

    try:
        line, heard = bus.agent.listen(bus.id)
    except (ControlError, OSError) as refusal:
        raise ComplaintError("E2614", bus=bus.id, reason=refusal) from refusal
    if line.get("boards"):
        _note("tap_boards", lang)
    return AgentSource(heard), Understanding.of_line(line)


def _capture(path: Path | None, stack: ExitStack) -> Capture | None:
    from agent.tap.pcap import Capture

    if path is None:
        return None
    try:
        capture = Capture(path)
    except OSError as fault:
        raise ComplaintError("E2252", file=path, reason=(fault.strerror or str(fault)).lower()) from fault
    stack.callback(capture.close)
    return capture
