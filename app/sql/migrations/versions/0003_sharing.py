"""Fair sharing between principals, live workers, counters of ended jobs, and keys of inputs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("inputs", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("jobs", sa.Column("fruitless", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "principals",
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("served_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("principal", name="pk_principals"),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )
    op.create_table(
        "job_tallies",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "status", "slug", name="pk_job_tallies"),
    )
    op.execute(
        "INSERT INTO job_tallies SELECT kind, status, COALESCE(error_slug, ''), COUNT(*), SUM(attempt) FROM jobs "
        "WHERE status IN ('done', 'failed', 'cancelled') GROUP BY kind, status, COALESCE(error_slug, '')"
    )


def downgrade() -> None:
    for table in ("job_tallies", "workers", "principals"):
        op.drop_table(table)
    op.drop_column("jobs", "fruitless")
    op.drop_column("jobs", "inputs")
