"""Settings that bound one request, and all of them together."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.settings.values import by_memory


class LimitSettings(BaseModel):
    """Limits of requests. With less than 2 GB of memory (cgroups included), the memory limits default to less."""

    body_megabytes: float = Field(16, gt=0, le=1024, description="Largest request body; beyond it, 413.")
    uploads_megabytes: float = Field(
        default_factory=by_memory(256),
        gt=0,
        le=100_000,
        description="Most bytes of all request bodies in memory. When it is reached, bodies that arrive at less than "
        "8 kB/s are refused (503) to make room.",
    )
    picture_megapixels: float = Field(
        64, gt=0, le=1000, description="Most pixels of an image in a request; beyond it, 413."
    )
    decode_megabytes: float = Field(
        default_factory=by_memory(512),
        gt=0,
        le=100_000,
        description="Memory for decoding and encoding images, over all requests; when it is used up, others wait. An "
        "image that needs more by itself is refused (413) from its header.",
    )
    edge_pixels: int = Field(
        4096, ge=16, le=16384, description="Longest edge of a stylized image in the answer to a request."
    )
    large_edge_pixels: int = Field(
        12288,
        ge=16,
        le=16384,
        description="Longest edge of a stylized image of a job (`Prefer: respond-async`) or of `pastiche stylize`: "
        "they paint in tiles what exceeds `PASTICHE_EDGE_PIXELS`.",
    )
    large_megapixels: float = Field(
        120, gt=0, le=270, description="Most pixels of such an image. It takes 1 GB of memory, and a minute or two."
    )
    network_edge_pixels: int = Field(
        2048,
        ge=16,
        le=16384,
        description="Longest edge of what the network works on, and so of a stylized image with a `stroke` of 1. With "
        "`stroke=auto` it works on less.",
    )
    queue_megapixels: float = Field(
        default_factory=by_memory(64),
        gt=0,
        le=100_000,
        description="Most pixels that are queued for the engine; beyond it, 503.",
    )
    deadline_seconds: float = Field(
        30, gt=0, le=3600, description="Longest time from the arrival of a request to its response; beyond it, 504."
    )
    result_cache_megabytes: float = Field(
        default_factory=by_memory(64),
        ge=0,
        le=100_000,
        description="Responses that are kept for identical requests; 0 keeps and shares none.",
    )

    @property
    def edges(self) -> tuple[int, int]:
        """The longest of results and of what the network sees."""
        return self.edge_pixels, self.network_edge_pixels

    @property
    def large_edge(self) -> int:
        """The longest of results that need not come at once, in pixels."""
        return max(self.edge_pixels, self.large_edge_pixels)

    @property
    def largest_megapixels(self) -> float:
        """The most pixels of a photo whose result need not come at once."""
        return max(self.picture_megapixels, self.large_megapixels)

    @property
    def body_bytes(self) -> int:
        return int(self.body_megabytes * 1_000_000)

    @property
    def decode_bytes(self) -> int:
        return int(self.decode_megabytes * 1_000_000)

    @property
    def result_cache_bytes(self) -> int:
        return int(self.result_cache_megabytes * 1_000_000)

    @property
    def uploads_bytes(self) -> int:
        return int(self.uploads_megabytes * 1_000_000)
