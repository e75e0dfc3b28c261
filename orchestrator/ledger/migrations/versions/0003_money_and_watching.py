"""Watching by many workers, webhooks, shared rates, leases in doubt, budgets by project, quotes against bills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _watching()
    _rates()
    _money()
    _leases()
    _uploads()


def _watching() -> None:
    op.create_table(
        "watched",
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("next_at", sa.Text(), nullable=False, comment="when it is due"),
        sa.Column("lease_until", sa.Text(), nullable=False, comment="'' while nobody holds it"),
        sa.Column("owner", sa.Text(), nullable=True, comment="host:pid:start of the worker"),
        sa.Column("fence", sa.Integer(), nullable=False, comment="rises with each claim; every later write names it"),
        sa.Column("polls", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, comment="looks in a row that could not be had"),
        sa.Column("progress", sa.Text(), nullable=True, comment="JSON: what changes while a job gets on"),
        sa.Column("progressed_at", sa.Text(), nullable=True),
        sa.Column("stuck_at", sa.Text(), nullable=True, comment="when the lack of progress was told"),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("notified_at", sa.Text(), nullable=True, comment="when --notify was run for the end"),
        sa.PrimaryKeyConstraint("intent_id"),
    )
    op.create_index(op.f("ix_watched_next_at"), "watched", ["next_at"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.Text(), nullable=False, comment="the webhook's own id: a repeated one is known"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _rates() -> None:
    op.create_table(
        "bucket",
        sa.Column("key", sa.Text(), nullable=False, comment="'PROVIDER ACCOUNT MODEL KIND'"),
        sa.Column("per_s", sa.Float(), nullable=True, comment="units a second; NULL: no rate known"),
        sa.Column("tat", sa.Float(), nullable=False, comment="GCRA's theoretical arrival time, Unix seconds"),
        sa.Column("not_before", sa.Float(), nullable=False, comment="nobody sends before, Unix seconds"),
        sa.Column("tokens", sa.Float(), nullable=True, comment="what is left of a retry budget"),
        sa.Column("cuts", sa.Integer(), nullable=False, comment="how often it was cut for a 429"),
        sa.Column("slept_s", sa.Float(), nullable=False, comment="what every worker has waited for it"),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _money() -> None:
    op.add_column("run", sa.Column("project", sa.Text(), nullable=True))
    op.add_column("spending", sa.Column("project", sa.Text(), nullable=True))
    op.add_column("spending", sa.Column("basis", sa.Text(), nullable=True, comment="how the sum came about, in words"))
    op.add_column("intent", sa.Column("request", sa.Text(), nullable=True, comment="JSON body of the paid request"))
    op.add_column("intent", sa.Column("health", sa.Text(), nullable=True, comment="JSON of the last diagnoses"))
    op.create_table(
        "track_record",
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("quoted_low_usd", sa.Text(), nullable=True),
        sa.Column("quoted_high_usd", sa.Text(), nullable=True),
        sa.Column("billed_usd", sa.Text(), nullable=True),
        sa.Column("quoted_tokens_low", sa.BigInteger(), nullable=True),
        sa.Column("quoted_tokens_high", sa.BigInteger(), nullable=True),
        sa.Column("billed_tokens", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("intent_id"),
    )
    if op.get_context().dialect.supports_comments:
        said = "'run', 'month', 'provider:NAME', 'project:NAME'"
        op.alter_column("cap", "scope", comment=said, existing_comment="'run', 'month', 'provider:NAME'")


def _leases() -> None:
    op.add_column("lease", sa.Column("attempt", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("lease", sa.Column("empty_looks", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("lease", sa.Column("looked_at", sa.Text(), nullable=True))
    op.add_column("lease", sa.Column("last_error", sa.Text(), nullable=True))
    op.add_column("lease", sa.Column("idle_timeout_s", sa.Integer(), nullable=True))
    op.add_column("lease", sa.Column("deadline", sa.Text(), nullable=True, comment="stopped by then, whoever uses it"))


def _uploads() -> None:
    with op.batch_alter_table("upload") as upload:
        upload.alter_column("size", type_=sa.BigInteger(), existing_type=sa.Integer(), existing_nullable=False)
    op.create_table(
        "upload_part",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("part_id", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "account", "sha256", "number"),
    )
