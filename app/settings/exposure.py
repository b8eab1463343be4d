"""Settings of what is exposed, and to whom."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from app.settings.values import AnyCase, Separated

ORIGIN = re.compile(r"https?://[^/\s?#@*]+", re.ASCII)
Access = Annotated[Literal["open", "key", "off"], AnyCase]


class ExposureSettings(BaseModel):
    """Exposure. `open` serves everybody; `key` only clients with an API key or the operator's token."""

    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Path below which a proxy serves the service, such as `/paint`. The proxy may strip it or not.",
    )
    cors_origins: Annotated[tuple[str, ...], Separated] = Field(
        (),
        description="Origins of web pages that may call the service (CORS), such as `https://example.org`, separated "
        "by commas; `*` for all.",
    )
    docs: Annotated[Literal["open", "off"], AnyCase] = Field("open", description="The API reference at `/docs`.")
    openapi: Access = Field("open", description="The OpenAPI document at `/openapi.json`, which `/docs` needs.")
    metrics: Access = Field("open", description="The Prometheus metrics at `/metrics`.")
    unauthorized_per_minute: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Most requests per minute from one address without a valid key; beyond it, 429. Requests with a "
        "valid key are still accepted.",
    )

    @field_validator("cors_origins")
    @classmethod
    def are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "*" and not ORIGIN.fullmatch(each):
                raise ValueError("use origins as browsers send them, such as https://example.org, without a path, or *")
        return value

    @field_validator("openapi", "metrics")
    @classmethod
    def there_is_a_key(cls, value: str, info: ValidationInfo) -> str:
        if value == "key" and not info.data.get("api_keys") and info.data.get("admin_token") is None:
            raise ValueError("`key` needs PASTICHE_API_KEYS or PASTICHE_ADMIN_TOKEN")
        return value
