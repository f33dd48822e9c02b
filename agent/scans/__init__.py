"""Scanners: one thread reads all of them and counts what they read; no code is kept, none leaves."""

from __future__ import annotations


class UnsoundScannerError(Exception):
    """The preset of `scanner` and what the site writes over it cannot be told apart; the text says why."""

    def __init__(self, scanner: str, reason: str) -> None:
        super().__init__(reason)
        self.scanner = scanner
