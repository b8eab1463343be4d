"""Settings of what is served to whom, beside the routes and around them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from app.settings.values import AnyCase, Separated

ORIGIN = re.compile(r"https?://[^/\s?#@*]+", re.ASCII)
Access = Annotated[Literal["open", "key", "off"], AnyCase]


class ExposureSettings(BaseModel):
    """Exposure. What is `open` is served to everybody, what is for a `key` to those with an API key or the token."""

    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path below which a proxy serves the service, such as `/paint`. The proxy may remove it or not.",
    )
    cors_origins: Annotated[tuple[str, ...], Separated] = Field(
        (),
        description="Origins whose pages may use the service from a browser, such as `https://example.org`, separated "
        "by commas; `*` for all.",
    )
    docs: Annotated[Literal["open", "off"], AnyCase] = Field("open", description="The reference at `/docs`.")
    openapi: Access = Field("open", description="The OpenAPI document at `/openapi.json`; without it, no `/docs`.")
    metrics: Access = Field("open", description="The measurements at `/metrics`.")
    unauthorized_per_minute: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Requests of one address within a minute without a right key. More are 429; a right key still "
        "opens.",
    )

    @field_validator("cors_origins")
    @classmethod
    def are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "*" and not ORIGIN.fullmatch(each):
                raise ValueError("name origins as browsers do, such as https://example.org, without a path, or *")
        return value

    @field_validator("openapi", "metrics")
    @classmethod
    def there_is_a_key(cls, value: str, info: ValidationInfo) -> str:
        if value == "key" and not info.data.get("api_keys") and info.data.get("admin_token") is None:
            raise ValueError("`key` needs PASTICHE_API_KEYS or PASTICHE_ADMIN_TOKEN")
        return value
