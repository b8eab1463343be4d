"""The error for invalid settings."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting is invalid. The message names the variables, and never shows secrets."""
