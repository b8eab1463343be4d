"""Webhooks of jobs, until they are delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("job", sa.String(36), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name="fk_webhooks_job_jobs", ondelete="CASCADE"),
    )
    op.create_index("ix_webhooks_due_at", "webhooks", ["due_at"])


def downgrade() -> None:
    op.drop_table("webhooks")
