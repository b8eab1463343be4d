"""Settings of the engine that runs the networks, and of the threads around it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.settings.values import AnyCase, codec_threads, network_threads


class EngineSettings(BaseModel):
    """Engine."""

    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], AnyCase] = Field(
        "auto", description="`cpu`, `cuda` or `mps`; `auto` takes the best one there is."
    )
    precision: Annotated[Literal["auto", "float32", "bfloat16"], AnyCase] = Field(
        "auto", description="`float32` or `bfloat16`; `auto` takes bfloat16 where the hardware multiplies in it."
    )
    core_share: float = Field(
        1,
        gt=0,
        le=1,
        description="Share of the usable cores that the default numbers of threads take, where several processes share "
        "a machine.",
    )
    engine_threads: int = Field(
        default_factory=network_threads,
        ge=1,
        le=1024,
        description="Threads of the network on a CPU. Usable cores are those that the affinity (`taskset`, a cpuset) "
        "and the CPU quota of the cgroups leave, rounded down.",
    )
    codec_threads: int = Field(
        default_factory=codec_threads,
        ge=1,
        le=1024,
        description="Threads that decode and encode images: as many for small requests, for middling and for large "
        "ones each, so that none waits for much larger ones. The default is half of the usable cores, rounded up; here "
        "hardware threads of one core count.",
    )
    batch_pictures: int = Field(
        8,
        ge=1,
        le=256,
        description="Largest batch. On a CPU of two to four threads a batch holds as many images, one a thread; 1 runs "
        "them one by one, each the same to the bit whoever else is there.",
    )
    engine_stall_seconds: float = Field(
        120, gt=0, le=3600, description="Time of one batch after which liveness fails and the process counts as dead."
    )
