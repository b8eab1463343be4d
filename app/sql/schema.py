"""The tables: the ledger of jobs, the model versions; and the database's clock, from which all times come."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

metadata = MetaData(
    # Names of constraints, the same in every database, for later migrations.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Times are milliseconds since 1970, of the database's clock.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("principal", String(128), nullable=False),
    Column("params", JSON, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    # The worker that runs it or ran it last, and when its lease ends.
    Column("owner", String(128)),
    Column("lease_until", BigInteger),
    Column("progress", Float, nullable=False),
    Column("eta_seconds", Float),
    Column("seconds_per_iteration", Float),
    Column("losses", JSON, nullable=False),
    Column("result_key", String(512)),
    Column("media_type", String(64)),
    Column("facts", JSON, nullable=False),
    Column("preview_key", String(512)),
    Column("checkpoint_key", String(512)),
    Column("error_slug", String(64)),
    Column("error_detail", Text),
    Column("idempotency_key", String(255)),
    Column("body_hash", String(64)),
    # Blob keys of the images that were sent with it, by name.
    Column("inputs", JSON, nullable=False, server_default="{}"),
    # Attempts that failed, or whose worker died, without a new checkpoint.
    Column("fruitless", Integer, nullable=False, server_default="0"),
    # Number of its events. Each change of the row takes the next number, so the row's lock orders events.
    Column("events", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # When it was queued; it is not claimed before available_at.
    Column("queued_at", BigInteger, nullable=False),
    Column("available_at", BigInteger, nullable=False),
    Column("dispatched_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("blobs_deleted", Boolean, nullable=False),
    # Of the request that made it, as in W3C Trace Context.
    Column("traceparent", String(55)),
    UniqueConstraint("principal", "idempotency_key"),
    Index(None, "principal", "id"),
    Index(None, "status", "priority", "queued_at"),
    # Covers only running jobs, which are few.
    Index(
        "ix_jobs_running",
        "lease_until",
        sqlite_where=text("status = 'running'"),
        postgresql_where=text("status = 'running'"),
    ),
    Index(None, "expires_at"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Where a job's end is still to be reported, and when that may be tried next.
webhooks = Table(
    "webhooks",
    metadata,
    Column("job", String(36), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("url", String(2000), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Index(None, "due_at"),
)

# Principals, whose jobs take turns, and when one of their jobs was started last.
principals = Table(
    "principals",
    metadata,
    Column("principal", String(128), primary_key=True),
    Column("served_at", BigInteger, nullable=False),
)

# Workers that reported recently: the kinds of jobs they run, and the errors that their threads survived.
workers = Table(
    "workers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("kinds", JSON, nullable=False),
    Column("faults", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

# Counters of ended jobs by the slug of their error (empty without one), so that rows need not be counted.
job_tallies = Table(
    "job_tallies",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("status", String(16), primary_key=True),
    Column("slug", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
)

# Model versions beside those that ship with the program.
model_versions = Table(
    "model_versions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("status", String(16), nullable=False),
    # Why it is a candidate only, in sentences.
    Column("reasons", JSON, nullable=False),
    Column("report", JSON, nullable=False),
    # Where its files are, and the hash of their manifest; null while the number is reserved.
    Column("blob_prefix", String(256)),
    Column("manifest_sha256", String(64)),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(128), nullable=False),
)

active_models = Table(
    "active_models",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(128), nullable=False),
    # Whether it was activated although it is a candidate.
    Column("forced", Boolean, nullable=False),
)

# Style images of principals, which styles are read from at once: `hash` is the end of a handle.
style_images = Table(
    "style_images",
    metadata,
    Column("principal", String(128), primary_key=True),
    Column("hash", String(32), primary_key=True),
    # A JPEG, small, and large enough to be read again by another encoder, or to be refined from.
    Column("picture", LargeBinary, nullable=False),
    # Of the image as it was sent.
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

# What they are to a generator, named by the SHA-256 of its weights.
style_readings = Table(
    "style_readings",
    metadata,
    Column("principal", String(128), primary_key=True),
    Column("hash", String(32), primary_key=True),
    Column("generator", String(64), primary_key=True),
    # Which encoder has read the code, and the row that stylizes: the code's own until it is refined. Both are
    # little-endian float32.
    Column("encoder", String(80), nullable=False),
    Column("code", LargeBinary, nullable=False),
    Column("row", LargeBinary, nullable=False),
    Column("refined", Boolean, nullable=False),
    # The job that refines it, or did.
    Column("job", String(36)),
    ForeignKeyConstraint(["principal", "hash"], ["style_images.principal", "style_images.hash"], ondelete="CASCADE"),
)

# Style images to train from.
style_pictures = Table(
    "style_pictures",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("artist", String(200)),
    Column("year", Integer),
    Column("licence", String(200)),
    Column("blob_key", String(512), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(128), nullable=False),
)


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock at the time of the statement, in milliseconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _now_on_sqlite(*_: Any, **__: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(now_ms, "postgresql")
def _now_on_postgresql(*_: Any, **__: Any) -> str:
    # Not now(), the start of the transaction, which may have waited for a lock since.
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
