"""Bytes and integers in, integers out: the compiled room."""
