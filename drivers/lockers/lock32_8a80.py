"""The 8A/80 family with 32 channels: as the boards with 24, and one more byte of status."""

from __future__ import annotations

from drivers.lockers.lock24_8a80 import family

LANGUAGE = family("lock32_8a80", "32-channel RS-485 lock board, 8A/80", 32)
