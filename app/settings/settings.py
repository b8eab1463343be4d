"""The configuration: one frozen object, read once from PASTICHE_* variables and checked at start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.settings.access import AccessSettings
from app.settings.connections import ConnectionSettings
from app.settings.engine import EngineSettings
from app.settings.environment import Variables, unknown_variables, variable
from app.settings.error import SettingsError
from app.settings.exposure import ExposureSettings
from app.settings.jobs import JobSettings
from app.settings.limits import LimitSettings
from app.settings.live import LiveSettings
from app.settings.models import ModelSettings
from app.settings.server import ServerSettings
from app.settings.storage import StorageSettings
from app.settings.style_images import StyleImageSettings
from app.settings.training import TrainingSettings
from app.settings.videos import VideoSettings
from app.settings.webhooks import WebhookSettings


# pydantic takes the fields of the last base first, which gives the order of the documentation.
class Settings(
    TrainingSettings,
    StyleImageSettings,
    VideoSettings,
    WebhookSettings,
    JobSettings,
    LiveSettings,
    StorageSettings,
    LimitSettings,
    EngineSettings,
    ModelSettings,
    ExposureSettings,
    AccessSettings,
    ConnectionSettings,
    ServerSettings,
    BaseSettings,
):
    """Every setting of the service. Units are in the names.

    A setting `name_file` is the path of a file with the value of `name`, for secrets that are mounted as files.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, Variables(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def read_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = {}
        for name in cls.in_files():
            if (file := values.get(f"{name}_file")) is not None:
                if values.get(name):
                    raise SettingsError(f"{variable(name)} and {variable(name)}_FILE are both set: unset one of them.")
                read[name] = _content(f"{variable(name)}_FILE", Path(file))
        return values | read

    @classmethod
    def in_files(cls) -> Iterator[str]:
        """Names of the settings that may lie in a file."""
        return (name for name in cls.model_fields if f"{name}_file" in cls.model_fields)

    def read_again(self) -> Settings:
        """The same settings with the current contents of secret files. Raises as `load_settings`."""
        return _checked(self._given())

    def environment(self) -> dict[str, str]:
        """The environment for a child process with the same settings, including those of the command line.

        It has no variables that are no settings, about which the child would warn again.
        """
        unknown = {name for name, _ in unknown_variables(type(self).model_fields)}
        inherited = {name: value for name, value in os.environ.items() if name.upper() not in unknown}
        return {**inherited, **{variable(name): _as_variable(value) for name, value in self._given().items()}}

    def _given(self) -> dict[str, Any]:
        """Settings that are not defaults and were not read from a file."""
        from_files = {name for name in self.in_files() if getattr(self, f"{name}_file")}
        return {name: getattr(self, name) for name in self.model_fields_set - from_files}


# In the order of docs/configuration.md.
GROUPS: tuple[type[BaseModel], ...] = Settings.__bases__[-2::-1]


def _content(name: str, file: Path) -> str:
    """The content of a file with a secret, without its line end. Raises SettingsError."""
    try:
        content = file.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {file} ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {file} is not text.") from None
    if not content:
        raise SettingsError(f"{name}: {file} is empty.")
    return content


def _as_variable(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_as_variable, value))
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)


def load_settings(**given: Any) -> Settings:
    """Settings from `given` or, where that has None or "", from the environment.

    Raises:
        SettingsError: with one sentence for every invalid variable.
    """
    return _checked({name: value for name, value in given.items() if value not in (None, "")})


def _checked(given: dict[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error))) from None


def _sentences(error: ValidationError) -> Iterator[str]:
    for each in error.errors():
        if each["type"] == "default_factory_not_called":  # depends on an earlier setting that is invalid
            continue
        yield f"{variable(str(each['loc'][0]))}: {each['msg'].removeprefix('Value error, ')}."
