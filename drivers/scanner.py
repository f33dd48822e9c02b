"""How barcode readers speak: framing as settings, the makers' factory settings, and whose waybill a code is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Literal

from config.scanner_settings import Scanner
from fastpath.scans import Source

STX, ETX, CR, LF = b"\x02", b"\x03", b"\r", b"\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """The lines of one connection. What may stand where: see `fastpath.scans.Source`.

    `maker` and `source` say whose settings these are and where they are written; `trust` is "verified" only where the
    whole line was seen in a manual or on a device, "experimental" where a part is custom of the trade.
    """

    terminator: bytes = CR + LF
    start: bytes = b""
    separator: bytes = b""
    fields: tuple[str, ...] = ("code",)
    no_read: tuple[str, ...] = ()
    heartbeat: tuple[str, ...] = ()
    multi: tuple[str, ...] = ()
    joiner: bytes = b""
    aim: bool = False
    code_least: int = 8
    code_most: int = 32
    confidence_least: int = 0
    line_most: int = 512
    maker: str = ""
    trust: Literal["verified", "experimental"] = "experimental"
    source: str = ""

    def listen(self, lane: int) -> Source:
        """The state of one connection that speaks so, on this lane. ValueError: a framing that cannot be told apart."""
        return Source(
            lane=lane,
            terminator=self.terminator,
            start=self.start,
            separator=self.separator,
            fields=self.fields,
            no_read=self.no_read,
            heartbeat=self.heartbeat,
            multi=self.multi,
            joiner=self.joiner,
            aim=self.aim,
            code_least=self.code_least,
            code_most=self.code_most,
            confidence_least=self.confidence_least,
            line_most=self.line_most,
        )


PRESETS: Mapping[str, Framing] = MappingProxyType(
    {
        "plain": Framing(
            no_read=("NOREAD", "NR", "?", "ERROR"),
            maker="any",
            source="a code and CR LF; the no-read texts that are usual",
        ),
        "sick": Framing(
            start=STX,
            terminator=ETX,
            no_read=("NoRead", ""),
            maker="SICK",
            source="CLV and Lector: STX and ETX around the output format; SOPAS sets it and the no-read text; "
            "a CLV410 may put CR LF before ETX (operating instructions p. 43; Lector620 5.8.7)",
        ),
        "hikrobot": Framing(
            no_read=("NoRead",),
            joiner=b";",
            maker="Hikrobot",
            source="ID series, as shipped: NoRead; end of line and separator of codes are set in IDMVS",
        ),
        "keyence": Framing(
            terminator=CR,
            no_read=("ERROR",),
            joiner=b",",
            maker="Keyence",
            source="SR series: ERROR for a read error, delimiter CR, CR LF or ETX (N-410 user's manual 5-10, SR-750)",
        ),
        "cognex": Framing(
            no_read=("NO-READ", "NOREAD", ""),
            maker="Cognex",
            source="DataMan: result string and CR LF over Telnet port 23 or RS-232 (Communications and Programming); "
            "the no-read text is set in the Setup Tool",
        ),
        "datalogic": Framing(
            no_read=("NOREAD",),
            maker="Datalogic",
            source="RS-232 default of the QuickScan Mobile manual 4.4.1: no header, terminator CR LF; "
            "the no-read text of fixed readers is set in their tool",
        ),
        "microscan": Framing(
            no_read=("NOREAD", "BADCODE"),
            joiner=b",",
            maker="Microscan (Omron)",
            source="noread message NOREAD by default (MS-9 user's manual 8-6, MS-820 8-5), postamble CR LF",
        ),
        "honeywell": Framing(
            terminator=CR,
            no_read=("NR",),
            aim=True,
            maker="Honeywell",
            source="area imagers: no prefix by default, suffix CR by the usual set-up code, AIM ID when configured "
            "(2020 user's guide 5-1)",
        ),
    }
)
"""By maker; what a site has set otherwise, it says in its own settings."""

Rule = tuple[str, str, int, int]

CARRIERS: tuple[Rule, ...] = (
    ("sf", "SF", 12, 15),
    ("yto", "YT", 13, 13),
    ("sto", "STO", 10, 10),
    ("jt", "JT", 12, 13),
    ("jd", "JDX", 12, 12),
    ("jd", "JDK", 12, 12),
    ("jd", "JDV?", 11, 11),
    ("deppon", "DPK", 11, 12),
)
"""Carrier, prefix (`?`: any letter), least and most digits after it: only what no other carrier uses.

From a production database's functions (2022) and an app (2026) that agree on these. Codes of digits alone overlap
between ZTO, STO, Yunda and China Post, so they have a class of their own unless the site is sure of its carrier.
"""

S10_CARRIER = "ems"
"""Whose are the codes of UPU standard S10 (two letters, nine digits of which the last checks, two letters)."""


def framing(scanner: Scanner) -> Framing:
    """The scanner's preset with what the site has written over it."""
    written = {mark.name: getattr(scanner.marks, mark.name) for mark in fields(scanner.marks)}
    return replace(PRESETS[scanner.preset], **{name: mark for name, mark in written.items() if mark is not None})
