"""A simulated hub, a broker, the agent and what the bureau sees, live. Needs no hardware, leaves nothing behind.

Exit code 0 only when every total that the bureau has rebuilt equals what the twin's devices counted.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from agent.cli.quantities import duration, whole
from agent.cli.simulate import speed
from agent.cli.speech import add_language, chosen_language, say_wrong, spoken
from agent.cli.typed import hubpulse
from agent.twin.script import KINDS
from config.messages import Language, reason, word

if TYPE_CHECKING:
    from agent.twin.performance import Outcome, Performance

_DEFAULT_JSON_S = 15.0

_ENDS = {
    "en": """\
{verdict} after {seconds:.0f} s: {counters} counters, {counts} counts.

Three things to try:
  1. Your own hub:        {hubpulse} init my-hub.toml, then  {hubpulse} simulate my-hub.toml
  2. Pull a cable:        run the demo again, and in a second terminal type the line at its foot
  3. A peak day:          {hubpulse} demo --day peak --seed 7""",
    "zh": """\
{verdict}，历时 {seconds:.0f} 秒：{counters} 个计数器，共计数 {counts} 次。

接下来可以试试：
  1. 模拟自己的分拨中心：  {hubpulse} init my-hub.toml，然后  {hubpulse} simulate my-hub.toml
  2. 拔一根线：            再次运行演示，在另一个终端输入屏幕底部的命令
  3. 旺季的一天：          {hubpulse} demo --day peak --seed 7""",
}
_STARTING = {"en": "starting a broker, the twin and the agent ...", "zh": "正在启动消息服务器、模拟设备和采集服务 ..."}
_VERDICT = {
    "en": {True: "Equal: the bureau has exactly what the devices counted", False: "DIFFERENT"},
    "zh": {True: "一致：邮管局的数据与设备计数完全相同", False: "不一致"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--for", dest="for_s", type=duration, metavar="15s", help="end by itself after so long")
    parser.add_argument("--json", action="store_true", help="say nothing but one JSON object at the end (15 s)")
    parser.add_argument(
        "--seed", type=whole(0, 999_999_999), metavar="N", default=1, help="another seed is another day (1)"
    )
    parser.add_argument(
        "--speed", type=speed, metavar="N", default=1.0, help="how much faster than the clock parcels move (1)"
    )
    parser.add_argument("--day", choices=KINDS, default="normal", help="what the day brings (normal)")
    add_language(parser)
    parser.add_argument("--picture", type=_writable, metavar="FILE.svg", help="write the last screen there")


def run(args: argparse.Namespace) -> int:
    interrupts = _count_interrupts()
    import config
    from agent.twin.performance import Performance
    from agent.twin.troupe import ChildError, InterruptedShowError
    from agent.uplink.connection import RefusedError

    site = Path(config.__file__).parent / "examples" / "demo-hub.toml"
    options = ["--seed", str(args.seed), "--speed", str(args.speed), "--day", args.day]
    try:
        with Performance(site, options, lambda: len(interrupts)) as performance:
            return _play(performance, args, interrupts)
    except InterruptedShowError:
        return 130
    except (ChildError, RefusedError, OSError) as error:
        say_wrong("demo", reason(error, chosen_language(args.lang, sys.stderr)))
        return 1


def _play(performance: Performance, args: argparse.Namespace, interrupts: list[int]) -> int:
    from agent.clock import boot_seconds
    from agent.twin.display import show_until
    from agent.twin.screen import Screen, picture

    lang: Language = chosen_language(args.lang, sys.stdout)
    for_s = args.for_s or (_DEFAULT_JSON_S if args.json else math.inf)
    if sys.stderr.isatty() and not args.json:
        print(_STARTING[lang], file=sys.stderr)
    performance.begin()
    screen = Screen(performance.settings, lang, performance.broker, f"{hubpulse()} {performance.command}")
    end_s = boot_seconds() + for_s
    last = show_until(
        performance.now, lambda: bool(interrupts) or boot_seconds() >= end_s, None if args.json else screen
    )
    outcome = performance.finish()
    if args.picture:
        args.picture.write_text(picture(screen.draw(last)), encoding="utf-8")
    print(_as_json(outcome) if args.json else _as_text(outcome, lang))
    return 0 if outcome.equal else 1


def _as_json(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome) | {"equal": outcome.equal}, ensure_ascii=False)


def _as_text(outcome: Outcome, lang: Language) -> str:
    counts = [count for counters in outcome.truth.values() for count in counters.values()]
    verdict = _VERDICT[lang][outcome.equal]
    said = {"verdict": verdict, "seconds": outcome.seconds, "counters": len(counts), "counts": sum(counts)}
    return "\n".join([*outcome.differences(), _ENDS[lang].format(**said, hubpulse=hubpulse())])


def _count_interrupts() -> list[int]:
    """A list that grows with each Ctrl-C; nothing is torn out of what it is doing."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, note)
    return seen


def _writable(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(word("typed_unwritable", spoken(), text=text))
    return path
