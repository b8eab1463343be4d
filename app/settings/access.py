"""Settings of who may use which routes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from app.settings.values import Separated

# Shorter keys can be guessed.
MIN_KEY_CHARACTERS = 8


class AccessSettings(BaseModel):
    """Access. Secrets in files are read again when the files change, without a restart."""

    api_keys: Annotated[tuple[SecretStr, ...], Separated] = Field(
        (),
        description="Keys of the `/v1` routes, separated by commas, each of at least "
        f"{MIN_KEY_CHARACTERS} characters, sent as `Authorization: Bearer <key>`. Without any, the routes are open.",
    )
    api_keys_file: Path | None = Field(None, description="File with these keys, separated by commas or lines.")
    admin_token: SecretStr | None = Field(
        None,
        min_length=32,
        max_length=1000,
        description="Token of the `/v1/admin` routes, at least 32 characters (`openssl rand -hex 32`). Without "
        "it these routes do not exist.",
    )
    admin_token_file: Path | None = Field(None, description="File with this token.")

    @field_validator("api_keys")
    @classmethod
    def keys_are_long_and_can_be_sent(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in value:
            if len(key) < MIN_KEY_CHARACTERS:
                raise ValueError(
                    f"each key must have at least {MIN_KEY_CHARACTERS} characters (`openssl rand -hex 16`)"
                )
            if not key.get_secret_value().isprintable():
                raise ValueError("a key must be printable, as a header has it")
        return value

    @field_validator("admin_token")
    @classmethod
    def token_is_no_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            token = value.get_secret_value()
            if not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("must be printable ASCII without spaces, as a header has it")
            if value in info.data.get("api_keys", ()):
                raise ValueError("must not be one of PASTICHE_API_KEYS")
        return value
