"""Settings of the HTTP server's connections (app/server): what one may cost, and for how long."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from app.settings.values import Separated, by_memory


class ConnectionSettings(BaseModel):
    """Connections. What happens beyond each limit is in [limits.md](limits.md)."""

    header_kilobytes: int = Field(64, ge=1, le=1024, description="Request line and headers together; more is 431.")
    header_lines: int = Field(100, ge=10, le=10_000, description="Number of headers; more is 431.")
    header_seconds: float = Field(
        10,
        gt=0,
        le=3600,
        description="Time from a connection, or the first byte of a request on it, to the end of the request's "
        "headers; later is 408.",
    )
    bytes_per_second: float = Field(
        1000, gt=0, le=1e9, description="What a client must send of its body, and read of its response, at least."
    )
    body_seconds: float = Field(
        20, gt=0, le=3600, description="A body that arrives more slowly than that for so long is 408."
    )
    answer_seconds: float = Field(
        20, gt=0, le=3600, description="A response that is read more slowly than that for so long is given up."
    )
    discard_megabytes: float = Field(
        64,
        ge=0,
        le=10_000,
        description="Of a body that still arrives after its response, so much is read and discarded, so that the "
        "response is read as well.",
    )
    discard_seconds: float = Field(30, gt=0, le=3600, description="And for so long.")
    unsent_megabytes: float = Field(
        default_factory=by_memory(256),
        gt=0,
        le=100_000,
        description="Responses that wait for their clients, over all connections; beyond it those that stall are given "
        "up.",
    )
    connections: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Connections open at once. Without it, what the limit of open files has room for, at most 4096.",
    )
    keep_alive_seconds: int = Field(
        75,
        ge=1,
        le=3600,
        description="Time until an idle connection is closed; longer than load balancers keep theirs, which is mostly "
        "60 s.",
    )
    drain_seconds: float = Field(
        5,
        ge=0,
        le=3600,
        description="After SIGTERM, readiness fails and requests are taken for so long; then those in flight are "
        "answered.",
    )
    trusted_proxies: Annotated[tuple[str, ...], Separated] = Field(
        (),
        description="Addresses and networks of proxies, separated by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed; `*` for all.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each != "*":
                try:
                    ipaddress.ip_network(each)
                except ValueError as error:
                    raise ValueError(f"name addresses, networks such as 172.16.0.0/12, or *: {error}") from None
        return value
