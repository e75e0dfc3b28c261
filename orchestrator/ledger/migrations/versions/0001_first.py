"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "answer",
        sa.Column("evaluation_id", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("row_key", sa.Text(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False, comment="JSON of the Answer record"),
        sa.PrimaryKeyConstraint("evaluation_id", "candidate", "row_key", "sample"),
    )
    op.create_table(
        "cap",
        sa.Column("scope", sa.Text(), nullable=False, comment="'run', 'month', 'provider:NAME'"),
        sa.Column("usd", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "evaluation",
        sa.Column("id", sa.Text(), nullable=False, comment="hash of candidates, rows, sampling"),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False, comment="recorded before the first question"),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="'intent:ID', 'run:ID', 'lease:ID'"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_event_subject"), "event", ["subject"], unique=False)
    op.create_table(
        "intent",
        sa.Column("id", sa.Text(), nullable=False, comment="derived from the canonical plan"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Text(), nullable=True),
        sa.Column("empty_looks", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("job_state", sa.Text(), nullable=True),
        sa.Column("job_status", sa.Text(), nullable=True, comment="the platform's own word"),
        sa.Column("job", sa.Text(), nullable=True, comment="JSON of the last RemoteJob seen"),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("reserved_usd", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("provider", "account", "job_id"),
    )
    op.create_table(
        "job_event",
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False, comment="order in which we saw it"),
        sa.Column("event", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("intent_id", "event_id"),
    )
    op.create_table(
        "lease",
        sa.Column("id", sa.Text(), nullable=False, comment="derived: account, model, run, moment"),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("usd_per_hour", sa.Text(), nullable=True),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True, comment="host:pid:start of the process that uses it"),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("stopped_at", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "metric",
        sa.Column("intent_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("intent_id", "step"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("intent_id", sa.Text(), nullable=True),
        sa.Column("evaluation_id", sa.Text(), nullable=True),
        sa.Column("record", sa.Text(), nullable=False, comment="JSON: settings, quote, rule, verdict, paths"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "spending",
        sa.Column("id", sa.Text(), nullable=False, comment="'training:INTENT', 'evaluation:ID', 'lease:ID'"),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sandbox", sa.Boolean(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False, comment="'2026-11'"),
        sa.Column("state", sa.Text(), nullable=False, comment="reserved | settled | released"),
        sa.Column("quoted_usd", sa.Text(), nullable=True),
        sa.Column("usd", sa.Text(), nullable=False, comment="reserved, then what was billed"),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "upload",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "account", "sha256"),
    )
