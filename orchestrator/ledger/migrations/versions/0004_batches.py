"""Batches of questions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Text(), nullable=False, comment="derived: evaluation, candidate, model, what is asked"),
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the input file"),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True, comment="the platform's own word"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Text(), nullable=True),
        sa.Column("empty_looks", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider", "account", "remote_id"),
    )
    op.create_index(op.f("ix_batch_evaluation_id"), "batch", ["evaluation_id"], unique=False)
