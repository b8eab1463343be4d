"""A client of the pastiche service: `Client`, and `AsyncClient` with the same methods."""

from pastiche_client.async_client import AsyncClient
from pastiche_client.client import Client
from pastiche_client.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PasticheError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from pastiche_client.events import Event
from pastiche_client.responses import Image, Job, Style

__all__ = [
    "AsyncClient",
    "Client",
    "Conflict",
    "Event",
    "Image",
    "InvalidRequest",
    "Job",
    "NotFound",
    "PasticheError",
    "ServiceUnavailable",
    "Style",
    "TooManyRequests",
    "Unauthorized",
]
