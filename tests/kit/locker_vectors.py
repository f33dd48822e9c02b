"""Published frames of locker boards, each with where it was read; checksums recomputed."""

from __future__ import annotations

CU16 = "github.com/jin0949/KR-CU16_locker"
CU16_TS = "TypeScript module for CU12 and CU16"
CU48B = "CU protocol of a TypeScript locker service"
COILS = "community code, CU48 over Modbus RTU"
B24 = "csdn u012909822/147892413"
WKLY = "community drivers of the WKLY family"
QM = "community code for 千鸣 boards"
WINNSEN = "Kotlin drivers of Winnsen-type boards"
YT = "community code for YT_LOCKER24"

QUERIES = [
    ("kerong_cu16", 0, "02 00 30 03 35", CU16),
    ("kerong_cu48b", 0, "02 00 30 60 03 95", CU48B),
    ("cu48_modbus", 1, "01 01 00 00 00 30 3C 1E", COILS),
    ("lock24_8a80", 1, "80 01 00 33 B2", B24),
    ("wkly", 0, "57 4B 4C 59 08 00 84 85", WKLY),
    ("qianming_5a", 1, "5A 22 00 01 79", QM),
    ("qianming_5a", 1, "5A 25 00 01 7E", QM),
    ("winnsen", 0, "90 06 12 00 01 03", WINNSEN),
]
OTHER_QUERIES = [  # of one lock, or in another dialect: a host may say them, we do not
    ("kerong_cu48b", 0, "02 00 00 60 03 65", CU48B),
    ("lock24_8a80", 1, "80 01 01 33 B3", B24),
    ("wkly", 0, "57 4B 4C 59 09 00 83 01 82", WKLY),
]
FORBIDDEN = [
    ("kerong_cu16", "02 00 31 03 36", "open", CU16),
    ("kerong_cu16", "02 00 33 03 38", "open", CU16_TS),
    ("kerong_cu16", "02 00 37 03 3C", "other", CU16_TS),
    ("kerong_cu16", "02 00 39 03 3E", "other", CU16_TS),
    ("kerong_cu16", "02 00 40 03 45", "other", CU16_TS),
    ("kerong_cu48b", "02 00 00 61 03 66", "open", CU48B),
    ("kerong_cu48b", "02 00 30 61 03 96", "open", CU48B),
    ("cu48_modbus", "01 05 00 00 00 00 CD CA", "open", COILS),
    ("cu48_modbus", "01 05 00 00 FF 00 8C 3A", "open", COILS),
    ("cu48_modbus", "01 0F 00 00 00 08 01 00 FE 95", "open", COILS),
    ("lock24_8a80", "8A 01 01 11 9B", "open", B24),
    ("lock24_8a80", "8A 01 00 11 9A", "open", B24),
    ("lock24_8a80", "90 01 00 00 05 94", "open", B24),
    ("wkly", "57 4B 4C 59 0C 00 80 03 01 02 03 86", "open", WKLY),
    ("wkly", "57 4B 4C 59 09 00 81 01 80", "other", WKLY),
    ("wkly", "57 4B 4C 59 09 00 82 01 83", "open", WKLY),
    ("wkly", "57 4B 4C 59 08 00 86 87", "open", WKLY),
    ("wkly", "57 4B 4C 59 0C 00 87 03 01 02 03 81", "open", WKLY),
    ("wkly", "57 4B 4C 59 09 00 88 01 89", "open", WKLY),
    ("wkly", "57 4B 4C 59 09 00 89 01 88", "other", WKLY),
    ("qianming_5a", "5A 21 00 01 7A", "open", QM),
    ("qianming_5a", "5A 23 00 01 00 18 60", "other", QM),
    ("winnsen", "90 06 05 00 01 03", "open", WINNSEN),
]
ACTUATION_OF_OTHERS = [  # of boards that we have no language for
    ("F5 01 00 71 00 5F C6 00", "SCU single-lock board: open"),
    ("F5 64 70 00 00 5F C4", "SCU: a published detection frame, wrong by its own checksum"),
    ("F5 64 70 00 00 5F 28 00", "SCU: the same, put right"),
    ("F5 00 00 00 5F", "KERONG: over-the-air frames"),
    ("5A 5A 00 01 00 04 00 01 01 05", "5A5A board: open"),
    ("9D 01 01 33", "YBM: open all (github.com/mxwiser/UartController)"),
]


def octets(text: str) -> bytes:
    return bytes.fromhex(text)
