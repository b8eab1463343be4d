"""What a bad setting is refused with."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting has a bad value. Its sentences name the variables, and show nothing of a secret."""
