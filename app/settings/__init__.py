"""The configuration of the service, from PASTICHE_* variables."""

from app.settings.environment import unknown_variables
from app.settings.error import SettingsError
from app.settings.models import SHIPPED_MODELS
from app.settings.settings import GROUPS, Settings, load_settings
from app.settings.values import usable_cores

__all__ = [
    "GROUPS",
    "SHIPPED_MODELS",
    "Settings",
    "SettingsError",
    "load_settings",
    "unknown_variables",
    "usable_cores",
]
