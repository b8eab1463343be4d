"""The trace of the request that made a job."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("traceparent", sa.String(55)))


def downgrade() -> None:
    op.drop_column("jobs", "traceparent")
