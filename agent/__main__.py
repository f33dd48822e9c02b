"""The command `hubpulse`: finds the verb, loads only that verb's room, and runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from types import ModuleType

from agent.release import VERSION

VERBS = {
    "run": "run the agent of this site (what systemd starts)       · 运行本站点的采集服务",
    "check": "check the configuration without touching a wire        · 检查配置文件,不碰线路",
    "init": "write a commented configuration to begin with          · 生成带注释的配置文件",
    "profiles": "list, show or begin device profiles                    · 列出、查看或新建设备模板",
    "install": "put unit, directories and example in place             · 安装服务、目录和示例",
    "ports": "the serial ports: stable names, who holds them, traps  · 列出串口、占用者和隐患",
    "probe": "find who answers on a port: speed, parity, unit, model · 探测串口上的设备",
    "read": "read one register with everything that it can mean     · 读取寄存器并列出所有解释",
    "scan-test": "show what one scanner's connection delivers            · 查看一个扫码器连接的数据",
    "ready": "whether all is ready before the season, point by point · 旺季前的就绪检查,逐项列出",
    "baseline": "tell the agent what a stock-take of the floor found    · 提交盘点件数,重新设定积压基准",
    "mode": "show or order the mode: peak, emergency, suspended     · 查看或切换运行模式",
    "alarms": "list the alarms of this site, acknowledge one          · 列出或确认报警",
    "audit": "read the audit trail and prove that it is whole        · 查看并校验审计记录",
    "tap": "show what is said on a line, live; sends nothing       · 实时显示线路上的报文,不发送",
    "explain": "explain bytes: Modbus or locker board, field by field  · 逐字段解释报文",
    "metrics": "explain every figure that is sent                      · 说明上报的每项指标",
    "locker": "show lockers, or learn their doors by hand             · 查看快件箱,或逐门核对接线",
    "watch": "show what the bureau sees on a broker                  · 查看邮管局收到的数据",
    "bureau": "keep what the sites publish; totals and gaps from it   · 邮管局端:存储、总数、缺失",
    "command": "the bureau's end: sign and send orders to a site       · 邮管局端:签名并下达命令",
    "simulate": "serve the devices of a configuration, without hardware · 用模拟设备代替真实硬件",
    "demo": "a simulated hub, a broker, the agent and a live screen · 一键演示",
}

EPILOG = """\
verbs:
{verbs}

`hubpulse VERB --help` explains a verb.  Begin with `hubpulse init`, then `hubpulse check`.
exit codes:
  0 done    1 not as it should be    2 wrong usage
  66 no such file    73 file is there already    75 another agent or program has it
  77 no permission    78 faults in the configuration    130 Ctrl-C before there was anything to tell
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the verb that `arguments` (default: the command line's) name; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _obey(words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read us (head, less) has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _obey(words: list[str]) -> int:
    verb = next((word for word in words if not word.startswith("-")), None)
    parser = _top_parser()
    if verb not in VERBS:
        parser.parse_args(words)
        parser.print_help()
        return 2
    room = importlib.import_module(f"agent.cli.{verb.replace('-', '_')}")
    arguments_of_verb = _verb_parser(verb, room).parse_args(words[words.index(verb) + 1 :])
    return int(room.run(arguments_of_verb))


def _top_parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {verb:<10}{text}" for verb, text in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="hubpulse",
        description="The edge agent of a parcel hub: true counts and load telemetry for the postal bureau.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG.format(verbs=lines),
    )
    parser.add_argument("--version", action="version", version=f"hubpulse {VERSION}")
    parser.add_argument("verb", nargs="?", choices=VERBS, metavar="VERB")
    return parser


def _verb_parser(verb: str, room: ModuleType) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"hubpulse {verb}", description=room.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    room.add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
