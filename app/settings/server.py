"""Settings of the HTTP server, the log and the traces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.settings.values import AnyCase


class ServerSettings(BaseModel):
    """Server, log and traces."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", description="`debug`, `info`, `warning` or `error`."
    )
    log_format: Annotated[Literal["json", "text"], AnyCase] = Field(
        "json", description="`json`, one object per line, or `text` for people."
    )
    traces: Annotated[Literal["off", "otlp"], AnyCase] = Field(
        "off",
        description="`otlp` sends traces to a collector, by OpenTelemetry's own variables, such as "
        "`OTEL_EXPORTER_OTLP_ENDPOINT`; it needs the extra `otel`.",
    )
