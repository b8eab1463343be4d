"""Settings of the engine that runs the networks, and of the threads around it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.settings.values import AnyCase, codec_threads, network_threads


class EngineSettings(BaseModel):
    """Engine."""

    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], AnyCase] = Field(
        "auto", description="`cpu`, `cuda` or `mps`; `auto` takes the fastest that is available."
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16"], AnyCase] = Field(
        "auto", description="`float32` or `bfloat16`; `auto` takes bfloat16 if the hardware multiplies in it."
    )
    core_share: float = Field(
        1,
        gt=0,
        le=1,
        description="Share of the usable cores for which the default numbers of threads are computed, if several "
        "processes share a machine.",
    )
    engine_threads: int = Field(
        default_factory=network_threads,
        ge=1,
        le=1024,
        description="Threads of the network on a CPU; by default one for each usable core: those that the affinity "
        "(`taskset`, a cpuset) and the CPU quota of the cgroups allow, rounded down.",
    )
    codec_threads: int = Field(
        default_factory=codec_threads,
        ge=1,
        le=1024,
        description="Threads that decode and encode images: so many each for small, medium and large requests, so "
        "that none waits for much larger ones. The default is half of the usable cores, rounded up, counting the "
        "hardware threads of a core separately.",
    )
    batch_pictures: int = Field(
        8,
        ge=1,
        le=256,
        description="Largest batch. With two to four CPU threads, a batch has as many images, one per thread. 1 runs "
        "images one by one, with results that do not depend, bit for bit, on other requests.",
    )
    engine_stall_seconds: float = Field(
        120,
        gt=0,
        le=3600,
        description="Longest time of a batch; beyond it, liveness fails, and the process should be restarted.",
    )
