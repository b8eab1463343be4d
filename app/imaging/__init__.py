"""Bytes -> picture -> bytes: pure functions, safe to call from any thread."""
