"""The jobs and their events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(128)),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("eta_seconds", sa.Float()),
        sa.Column("seconds_per_iteration", sa.Float()),
        sa.Column("losses", sa.JSON(), nullable=False),
        sa.Column("result_key", sa.String(512)),
        sa.Column("media_type", sa.String(64)),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("preview_key", sa.String(512)),
        sa.Column("checkpoint_key", sa.String(512)),
        sa.Column("error_slug", sa.String(64)),
        sa.Column("error_detail", sa.Text()),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("body_hash", sa.String(64)),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("available_at", sa.BigInteger(), nullable=False),
        sa.Column("dispatched_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("blobs_deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("principal", "idempotency_key", name="uq_jobs_principal_idempotency_key"),
    )
    running = sa.text("status = 'running'")
    op.create_index("ix_jobs_running", "jobs", ["lease_until"], sqlite_where=running, postgresql_where=running)
    op.create_index("ix_jobs_expires_at", "jobs", ["expires_at"])
    op.create_index("ix_jobs_principal_id", "jobs", ["principal", "id"])
    op.create_index("ix_jobs_status_priority_queued_at", "jobs", ["status", "priority", "queued_at"])
    op.create_table(
        "job_events",
        sa.Column("job", sa.String(36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", "seq", name="pk_job_events"),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_job_events_job_jobs", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("job_events")
    op.drop_table("jobs")
