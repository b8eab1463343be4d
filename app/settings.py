"""The configuration: one frozen object, read once from PASTICHE_* variables and checked at start."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.machine import this_machine

# What the bounds below fill, with the models and one picture of the largest size in the network.
USUAL_BYTES = 2e9
SHIPPED_MODELS = Path(__file__).resolve().parent.parent / "models"


class SettingsError(Exception):
    """A variable has a bad value; the sentence names it."""


def usable_cores() -> int:
    """For the threads of a network."""
    return this_machine().network_threads


def codec_threads() -> int:
    return this_machine().codec_threads


def by_memory(usual: float) -> Callable[[], float]:
    """The default of a bound on memory: `usual` from 2 GB on, in proportion where there are less."""
    return lambda: usual * this_machine().share_of_memory(USUAL_BYTES)


class Settings(BaseSettings):
    """Every setting of the service. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="PASTICHE_", frozen=True, extra="ignore", protected_namespaces=())

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    # The HTTP server (app/server): what a connection may cost, and for how long.
    header_kilobytes: int = Field(64, ge=1, le=1024)
    header_lines: int = Field(100, ge=10, le=10_000)
    # From a connection, or the first byte of a request on it, to the end of the request's headers.
    header_seconds: float = Field(10, gt=0, le=3600)
    # A body that brings less than this rate for so long is given up, and an answer that its client does not read.
    bytes_per_second: float = Field(1000, gt=0, le=1e9)
    body_seconds: float = Field(20, gt=0, le=3600)
    answer_seconds: float = Field(20, gt=0, le=3600)
    # Of a body that still comes after its answer, so much is read, so that the answer is read as well.
    discard_megabytes: float = Field(64, ge=0, le=10_000)
    discard_seconds: float = Field(30, gt=0, le=3600)
    # Answers that wait for their clients, over all connections: beyond it those that stall are given up.
    unsent_megabytes: float = Field(default_factory=by_memory(256), gt=0, le=100_000)
    # Open at once; without it, as many as the limit of open files has room for, 4096 at the most.
    connections: int | None = Field(None, ge=1, le=1_000_000)
    # Longer than load balancers keep connections, which is mostly 60 s.
    keep_alive_seconds: int = Field(75, ge=1, le=3600)
    # After SIGTERM: readiness fails, requests are taken for so long, and then those in flight are answered.
    drain_seconds: float = Field(5, ge=0, le=3600)

    # Who may say in X-Forwarded-For and X-Forwarded-Proto for whom a request is: addresses and networks of proxies.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    # Keys of the public routes, separated by commas. None: the routes are open.
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    # Of the operator: without it there are no admin routes.
    admin_token: SecretStr | None = Field(None, min_length=32, max_length=1000)

    models_dir: Path = SHIPPED_MODELS
    # Names of the models to load; the first is the default of `model=`. `name@version` pins a version, and `*` stands
    # for all others in models_dir.
    models: Annotated[tuple[str, ...], NoDecode] = ("compact",)
    # How often each process looks which versions are active.
    models_follow_seconds: float = Field(0.5, gt=0, le=60)

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    engine_threads: int = Field(default_factory=usable_cores, ge=1, le=1024)
    codec_threads: int = Field(default_factory=codec_threads, ge=1, le=1024)
    batch_pictures: int = Field(8, ge=1, le=256)

    body_megabytes: float = Field(16, gt=0, le=1024)
    # Bodies in memory at once, over all requests: beyond it uploads are refused as overload.
    uploads_megabytes: float = Field(default_factory=by_memory(256), gt=0, le=100_000)
    picture_megapixels: float = Field(40, gt=0, le=1000)
    edge_pixels: int = Field(2048, ge=16, le=16384)
    queue_megapixels: float = Field(default_factory=by_memory(64), gt=0, le=100_000)
    deadline_seconds: float = Field(30, gt=0, le=3600)
    # Liveness fails when one batch holds the engine for longer.
    engine_stall_seconds: float = Field(120, gt=0, le=3600)
    # Answers of the fast path that are kept for equal requests; 0 keeps and shares none.
    result_cache_megabytes: float = Field(default_factory=by_memory(64), ge=0, le=100_000)

    # Jobs: the ledger, its queue, and the blobs. Embedded in data_dir where no URL is given; URLs may hold passwords.
    data_dir: Path = Path("data")
    database_url: str | None = Field(None, repr=False, pattern=r"^(sqlite:///|postgresql://)")
    redis_url: str | None = Field(None, repr=False, pattern=r"^(rediss?|unix)://")
    storage_url: str | None = Field(None, repr=False, pattern=r"^(file:///|s3://[^/]+)")
    s3_endpoint_url: str | None = Field(None, pattern=r"^https?://")
    # Loss network of the jobs that optimise a picture, a safetensors file.
    descriptor: Path | None = None
    # Worker processes beside the API, and threads of the networks in each worker.
    workers: int = Field(1, ge=0, le=64)
    worker_threads: int = Field(default_factory=usable_cores, ge=1, le=1024)
    # A killed worker's job goes on elsewhere after the lease and a sweep at the most: 6 s as they are.
    job_heartbeat_seconds: float = Field(1, gt=0, le=60)
    job_lease_seconds: float = Field(5, gt=0, le=600)
    job_sweep_seconds: float = Field(1, gt=0, le=600)
    # A running job without an iteration for so long counts as hung.
    job_stall_seconds: float = Field(300, gt=0, le=86_400)
    job_checkpoint_seconds: float = Field(5, gt=0, le=3600)
    # How often a job may take its worker with it, or meet a failure that could pass, before it fails.
    job_attempts: int = Field(3, ge=1, le=100)
    # Pause before a job that met such a failure is tried again; four times as long after each further one.
    job_retry_seconds: float = Field(5, gt=0, le=3600)
    # How long a finished job waits for a storage that is away, before the attempt counts as failed.
    job_outage_seconds: float = Field(600, ge=0, le=86_400)
    # Pictures of an ended job are deleted then, and its row some days later.
    job_expiry_hours: float = Field(24, gt=0, le=8760)
    job_history_days: float = Field(30, ge=0, le=3650)
    # Quotas: jobs that wait in all, and of one principal.
    waiting_jobs: int = Field(1000, ge=1, le=1_000_000)
    waiting_jobs_each: int = Field(100, ge=1, le=1_000_000)
    # Jobs that one principal may ask for within any minute; over all processes where they share a Redis.
    jobs_per_minute: int = Field(60, ge=1, le=1_000_000)

    # Trainings: photos to train on, where the built-in ones are not to be; threads and priority of their process,
    # which takes what the others leave. 19 is the lowest priority.
    photos_dir: Path | None = None
    training_threads: int = Field(default_factory=usable_cores, ge=1, le=1024)
    training_niceness: int = Field(19, ge=0, le=19)

    @field_validator("api_keys", "models", "trusted_proxies", mode="before")
    @classmethod
    def split_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("admin_token", mode="before")
    @classmethod
    def empty_is_none(cls, value: object) -> object:
        # Compose files pass variables on that are not set as empty ones.
        return None if value == "" else value

    @field_validator("admin_token")
    @classmethod
    def can_be_sent(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        token = value.get_secret_value()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("must be printable ASCII without spaces, as a header has it")
        if value in info.data.get("api_keys", ()):
            raise ValueError("must not be one of PASTICHE_API_KEYS")
        return value

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

    @field_validator("models")
    @classmethod
    def a_default_model(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or value[0] == "*":
            raise ValueError("name a model first, which is the default")
        return value

    @field_validator("job_lease_seconds")
    @classmethod
    def lease_outlives_heartbeats(cls, value: float, info: ValidationInfo) -> float:
        # Two heartbeats may be late before anybody takes the job over.
        if value < 3 * info.data.get("job_heartbeat_seconds", 0):
            raise ValueError("must be at least three times PASTICHE_JOB_HEARTBEAT_SECONDS")
        return value

    @property
    def ledger_url(self) -> str:
        """Of the database that the jobs are in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'jobs.sqlite'}"

    @property
    def model_cache_dir(self) -> Path:
        """Model versions that were downloaded."""
        return self.data_dir.resolve() / "models"

    @property
    def blobs_url(self) -> str:
        return self.storage_url or (self.data_dir.resolve() / "blobs").as_uri()

    def environment(self) -> dict[str, str]:
        """Of a child process with the same settings, those of the command line included."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {**os.environ, **{f"PASTICHE_{name.upper()}": _as_variable(value) for name, value in given.items()}}

    @property
    def body_bytes(self) -> int:
        return int(self.body_megabytes * 1_000_000)

    @property
    def result_cache_bytes(self) -> int:
        return int(self.result_cache_megabytes * 1_000_000)

    @property
    def uploads_bytes(self) -> int:
        return int(self.uploads_megabytes * 1_000_000)


def _as_variable(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_as_variable, value))
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)


def load_settings(**given: Any) -> Settings:
    """Settings from the environment, where `given` does not say otherwise.

    Raises:
        SettingsError: with one sentence for every variable that has a bad value.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        sentences = [f"PASTICHE_{'_'.join(str(p) for p in e['loc'][:1]).upper()}: {e['msg']}." for e in error.errors()]
        raise SettingsError("\n".join(sentences)) from None
