"""How Chinese is punctuated: in full width beside a Chinese character; what is typed keeps its half-width signs."""

from __future__ import annotations

import re

_TYPED = re.compile(
    r"`[^`]*`|\{[^{}]*\}|%\([a-z_]+\)[sdr]|^! |sqlite:路径|主机:端口|\[?:(?:端口|/文件路径)|序号:哈希|时:分|数,数"
)
"""Code, places of values, and the forms of what a reader types."""

_CHINESE = r"[\u4e00-\u9fff，、。；：？！（）“”]"
_HALF_WIDTH_BESIDE = re.compile(rf"{_CHINESE}[,;:?!()]|[,;:?!()] ?{_CHINESE}")


def half_width(text: str) -> list[str]:
    """The lines of `text` in which a half-width sign stands beside a Chinese character or sign."""
    return [line for line in text.splitlines() if _HALF_WIDTH_BESIDE.search(_TYPED.sub("x", line))]
