"""Settings of jobs and of the workers that run them."""

from __future__ import annotations

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from app.settings.values import ExistingFile, by_memory, network_threads

# From this much memory on, a job at 1024 px with the default options fits beside the server.
JOB_MACHINE_BYTES = 4e9


class JobSettings(BaseModel):
    """Jobs and workers. With the defaults, another worker takes over the job of a killed one within 6 s."""

    descriptor: ExistingFile | None = Field(
        None,
        description="Safetensors file of the loss network of jobs that optimise an image. By default, the newest "
        "`slim` in the folder of models.",
    )
    workers: int = Field(
        1,
        ge=0,
        le=64,
        description="Worker processes that `pastiche serve` starts; 0 if `pastiche worker` runs elsewhere.",
    )
    worker_threads: int = Field(
        default_factory=network_threads, ge=1, le=1024, description="Threads of the networks in each worker."
    )
    job_heartbeat_seconds: float = Field(
        1, gt=0, le=60, description="How often a worker renews its lease and reports its progress."
    )
    job_lease_seconds: float = Field(
        5,
        gt=0,
        le=600,
        description="Time without a heartbeat after which another worker takes a job over; at least three heartbeats.",
    )
    job_sweep_seconds: float = Field(1, gt=0, le=600, description="How often each worker looks for such jobs.")
    job_stall_seconds: float = Field(
        300, gt=0, le=86_400, description="Longest time of one iteration; beyond it, a running job counts as hung."
    )
    job_checkpoint_seconds: float = Field(5, gt=0, le=3600, description="How often a job saves a checkpoint.")
    job_attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="Attempts of a job that kills its worker, or has a temporary failure, before it fails.",
    )
    job_retry_seconds: float = Field(
        5,
        gt=0,
        le=3600,
        description="Pause after the first such failure; it is four times as long after each further one.",
    )
    job_outage_seconds: float = Field(
        600,
        ge=0,
        le=86_400,
        description="How long a finished job waits for storage that is unavailable before the attempt counts "
        "as failed.",
    )
    job_expiry_hours: float = Field(
        24, gt=0, le=8760, description="Time after its end at which the files of a job are deleted."
    )
    job_history_days: float = Field(
        30, ge=0, le=3650, description="Time after that at which the job itself is deleted."
    )
    waiting_jobs: int = Field(1000, ge=1, le=1_000_000, description="Most queued jobs in total.")
    waiting_jobs_each: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Most queued jobs of one principal: an API key or, without keys, an address.",
    )
    jobs_per_minute: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Most jobs that one principal may create per minute; counted over all processes if "
        "`PASTICHE_REDIS_URL` is set.",
    )
    job_megapixel_iterations: float = Field(
        600,
        gt=0,
        le=1_000_000,
        description="Most work of one job, in megapixels times iterations; 600 take about an hour on two cores. "
        "The operator's jobs have no limit.",
    )
    job_seconds: float = Field(
        3600, gt=0, le=86_400, description="The largest `seconds` that a job may ask for; the operator's may be longer."
    )
    job_memory_megabytes: float = Field(
        default_factory=by_memory(2400, JOB_MACHINE_BYTES),
        gt=0,
        le=1_000_000,
        description="Most memory of one job in its worker, beside the models, as estimated from its options.",
    )
    job_priority: int = Field(
        0, ge=-10, le=10, description="The highest `priority` that a job may ask for; the operator's may have any."
    )
    event_streams: int = Field(1000, ge=1, le=100_000, description="Most open streams of events of one process.")
    event_streams_each: int = Field(
        100, ge=1, le=100_000, description="Most open streams of events of one principal in one process."
    )

    @field_validator("job_lease_seconds")
    @classmethod
    def lease_outlives_heartbeats(cls, value: float, info: ValidationInfo) -> float:
        # Two heartbeats may be missed before another worker takes the job over.
        if value < 3 * info.data.get("job_heartbeat_seconds", 0):
            raise ValueError("must be at least three times PASTICHE_JOB_HEARTBEAT_SECONDS")
        return value
