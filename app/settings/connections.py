"""Settings of the HTTP server's connections (app/server): the resources and the time that each may take."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from app.settings.values import Separated, by_memory


class ConnectionSettings(BaseModel):
    """Connections. What happens beyond each limit is in [limits.md](limits.md)."""

    header_kilobytes: int = Field(
        64, ge=1, le=1024, description="Largest request line and headers together; beyond it, 431."
    )
    header_lines: int = Field(100, ge=10, le=10_000, description="Most headers of a request; beyond it, 431.")
    header_seconds: float = Field(
        10,
        gt=0,
        le=3600,
        description="Time from the start of a connection, or from the first byte of a request, to the end of its "
        "headers; beyond it, 408.",
    )
    bytes_per_second: float = Field(
        1000, gt=0, le=1e9, description="Lowest rate at which a client must send its body and read its response."
    )
    body_seconds: float = Field(
        20, gt=0, le=3600, description="Time for which a body may arrive more slowly than that; beyond it, 408."
    )
    answer_seconds: float = Field(
        20,
        gt=0,
        le=3600,
        description="Time for which a response may be read more slowly than that; then the connection is closed.",
    )
    discard_megabytes: float = Field(
        64,
        ge=0,
        le=10_000,
        description="Bytes of a body that are read and discarded if it still arrives after its response, so that "
        "the client reads the response, too.",
    )
    discard_seconds: float = Field(30, gt=0, le=3600, description="Time for which they are read.")
    unsent_megabytes: float = Field(
        default_factory=by_memory(256),
        gt=0,
        le=100_000,
        description="Unsent bytes of responses over all connections; beyond it, connections that stall are closed.",
    )
    connections: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Most open connections. By default, as many as the limit of open files allows, at most 4096.",
    )
    keep_alive_seconds: int = Field(
        75,
        ge=1,
        le=3600,
        description="Time until an idle connection is closed; longer than the timeout of load balancers, which is "
        "usually 60 s.",
    )
    drain_seconds: float = Field(
        5,
        ge=0,
        le=3600,
        description="Time after SIGTERM for which readiness fails and requests are still accepted; then those in "
        "flight are answered.",
    )
    trusted_proxies: Annotated[tuple[str, ...], Separated] = Field(
        (),
        description="Addresses and networks of proxies, separated by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are trusted; `*` for all.",
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
