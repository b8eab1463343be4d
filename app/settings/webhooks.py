"""Settings of webhooks: requests of ours that tell a client's server of a job's end."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from app.settings.values import Separated

WEBHOOK_ORIGIN = re.compile(r"https?://(\*\.)?[^/\s?#@*:\[\]]+(:\d{1,5})?", re.ASCII)
SECRET_PREFIX = "whsec_"  # as Standard Webhooks has it
MIN_SECRET_BYTES = 24


class WebhookSettings(BaseModel):
    """Webhooks: a signed request to a server of the client's when a job has ended."""

    webhook_key: SecretStr | None = Field(
        None,
        description=f"Key of the signatures, `{SECRET_PREFIX}` and at least {MIN_SECRET_BYTES} bytes in base64 "
        f"(`echo {SECRET_PREFIX}$(openssl rand -base64 32)`).",
    )
    webhook_key_file: Path | None = Field(None, description="File with this key.")
    webhook_origins: Annotated[tuple[str, ...], Separated] = Field(
        (),
        description="Origins to which a job's end may be reported, such as `https://hooks.example.org` or "
        "`https://*.example.org`, separated by commas. Without any, there are no webhooks. Private addresses are "
        "never called.",
    )

    @field_validator("webhook_key")
    @classmethod
    def is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                key = key_of(value)
            except (ValueError, binascii.Error):
                key = b""
            if len(key) < MIN_SECRET_BYTES:
                raise ValueError(f"must be {SECRET_PREFIX} and at least {MIN_SECRET_BYTES} bytes in base64")
        return value

    @field_validator("webhook_origins")
    @classmethod
    def are_origins_and_signed(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for each in value:
            if not WEBHOOK_ORIGIN.fullmatch(each):
                raise ValueError("use origins such as https://hooks.example.org or https://*.example.org:8443")
        if value and info.data.get("webhook_key") is None:
            raise ValueError("needs PASTICHE_WEBHOOK_KEY, with which they are signed")
        return tuple(each.lower() for each in value)


def key_of(secret: SecretStr) -> bytes:
    """The bytes of the key. Raises ValueError for another prefix, and binascii.Error for what is not base64."""
    text = secret.get_secret_value()
    if not text.startswith(SECRET_PREFIX):
        raise ValueError("another prefix")
    return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
