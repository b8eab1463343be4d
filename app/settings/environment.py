"""The environment's PASTICHE_* variables, without those that carry no setting.

These are empty variables, which compose files pass for what is not set, and those that Kubernetes sets in every pod
beside a Service called pastiche (`PASTICHE_PORT=tcp://10.0.0.7:8000`). Whitespace around values is removed: secrets
often end in a newline.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

PREFIX = "PASTICHE_"
# A Service `pastiche` sets PASTICHE_SERVICE_HOST, a Service `pastiche-redis` PASTICHE_REDIS_SERVICE_HOST, and so on.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
OF_KUBERNETES = re.compile(
    r"PASTICHE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
ADDRESS_OF_KUBERNETES = re.compile(r"(?:tcp|udp|sctp)://\S+")


def variable(setting: str) -> str:
    """The name of a setting's variable."""
    return f"{PREFIX}{setting.upper()}"


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Stripped values by name of the setting, known or not, without empty ones and those of Kubernetes."""
    found = {}
    for name, value in environment.items():
        name, value = name.upper(), value.strip()
        if name.startswith(PREFIX) and value and not _of_kubernetes(name, value):
            found[name.removeprefix(PREFIX).lower()] = value
    return found


def unknown_variables(
    known: Iterable[str], environment: Mapping[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """The PASTICHE_* variables that are no settings, each with the most similar name of a setting, if any.

    Args:
        known: names of the settings.
        environment: by default, that of this process.
    """
    names = set(known)
    given = variables(os.environ if environment is None else environment)
    return [(variable(name), _nearest(name, names)) for name in given if name not in names]


def _nearest(name: str, known: Iterable[str]) -> str | None:
    near = difflib.get_close_matches(name, known, 1)
    return variable(near[0]) if near else None


def _of_kubernetes(name: str, value: str) -> bool:
    # PASTICHE_PORT is a setting, too, so its value decides.
    is_address = name.endswith("_PORT") and ADDRESS_OF_KUBERNETES.fullmatch(value) is not None
    return is_address or OF_KUBERNETES.fullmatch(name) is not None


class Variables(PydanticBaseSettingsSource):
    """Source of values for pydantic-settings: `variables`."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings)
        self._found = variables(os.environ)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._found.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in self._found.items() if name in self.settings_cls.model_fields}


def let_matplotlib_write(data_dir: Path) -> None:
    """Let matplotlib cache its list of fonts in `data_dir`, unless the operator has set another folder.

    It needs a writable folder, and in containers, home and /tmp are often read-only. The cache saves a second at each
    start.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(data_dir / "matplotlib"))
