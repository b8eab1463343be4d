"""Style images of principals, and what generators make of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "style_images",
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("hash", sa.String(32), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("principal", "hash", name="pk_style_images"),
    )
    op.create_index("ix_style_images_expires_at", "style_images", ["expires_at"])
    op.create_table(
        "style_readings",
        sa.Column("principal", sa.String(128), nullable=False),
        sa.Column("hash", sa.String(32), nullable=False),
        sa.Column("generator", sa.String(64), nullable=False),
        sa.Column("encoder", sa.String(80), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("row", sa.LargeBinary(), nullable=False),
        sa.Column("refined", sa.Boolean(), nullable=False),
        sa.Column("job", sa.String(36)),
        sa.PrimaryKeyConstraint("principal", "hash", "generator", name="pk_style_readings"),
        sa.ForeignKeyConstraint(
            ["principal", "hash"],
            ["style_images.principal", "style_images.hash"],
            name="fk_style_readings_principal_style_images",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    for table in ("style_readings", "style_images"):
        op.drop_table(table)
