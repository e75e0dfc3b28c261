"""The tables, in SQLAlchemy Core, the same on SQLite and PostgreSQL. Changed only together with a migration."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = [
    "METADATA",
    "answer",
    "batch",
    "bucket",
    "cap",
    "delivery",
    "evaluation",
    "event",
    "intent",
    "job_event",
    "lease",
    "metric",
    "run",
    "spending",
    "track_record",
    "training_set",
    "upload",
    "upload_part",
    "watched",
]

METADATA = sa.MetaData()

# Money is text holding a Decimal: SQLite has no exact numeric type. Times are ISO 8601 UTC text, which sorts.

run = sa.Table(
    "run",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("updated_at", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("provider", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("intent_id", sa.Text),
    sa.Column("evaluation_id", sa.Text),
    sa.Column("record", sa.Text, nullable=False, comment="JSON: settings, quote, rule, verdict, paths"),
    sa.Column("project", sa.Text),
)

intent = sa.Table(
    "intent",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="derived from the canonical plan"),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("sent_at", sa.Text),
    sa.Column("empty_looks", sa.Integer, nullable=False, default=0),
    sa.Column("looked_at", sa.Text),
    sa.Column("job_id", sa.Text),
    sa.Column("job_state", sa.Text),
    sa.Column("job_status", sa.Text, comment="the platform's own word"),
    sa.Column("job", sa.Text, comment="JSON of the last RemoteJob seen"),
    sa.Column("sandbox", sa.Boolean, nullable=False, default=False),
    sa.Column("reserved_usd", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("updated_at", sa.Text, nullable=False),
    sa.Column("request", sa.Text, comment="JSON body of the paid request"),
    sa.Column("health", sa.Text, comment="JSON of the last diagnoses"),
    sa.UniqueConstraint("provider", "account", "job_id"),
)

event = sa.Table(
    "event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True, comment="'intent:ID', 'run:ID', 'lease:ID'"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)

upload = sa.Table(
    "upload",
    METADATA,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("remote_id", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)

spending = sa.Table(
    "spending",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="'training:INTENT', 'evaluation:ID', 'lease:ID'"),
    sa.Column("run_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("sandbox", sa.Boolean, nullable=False),
    sa.Column("month", sa.Text, nullable=False, comment="'2026-11'"),
    sa.Column("state", sa.Text, nullable=False, comment="reserved | settled | released"),
    sa.Column("quoted_usd", sa.Text),
    sa.Column("usd", sa.Text, nullable=False, comment="reserved, then what was billed"),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("project", sa.Text),
    sa.Column("basis", sa.Text, comment="how the sum came about, in words"),
)

cap = sa.Table(
    "cap",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True, comment="'run', 'month', 'provider:NAME', 'project:NAME'"),
    sa.Column("usd", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)

metric = sa.Table(
    "metric",
    METADATA,
    sa.Column("intent_id", sa.Text, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("point", sa.Text, nullable=False),
)

job_event = sa.Table(
    "job_event",
    METADATA,
    sa.Column("intent_id", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("seen", sa.Integer, nullable=False, comment="order in which we saw it"),
    sa.Column("event", sa.Text, nullable=False),
)

evaluation = sa.Table(
    "evaluation",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="hash of candidates, rows, sampling"),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False, comment="recorded before the first question"),
    sa.Column("created_at", sa.Text, nullable=False),
)

answer = sa.Table(
    "answer",
    METADATA,
    sa.Column("evaluation_id", sa.Text, primary_key=True),
    sa.Column("candidate", sa.Text, primary_key=True),
    sa.Column("row_key", sa.Text, primary_key=True),
    sa.Column("sample", sa.Integer, primary_key=True),
    sa.Column("answer", sa.Text, nullable=False, comment="JSON of the Answer record"),
)

batch = sa.Table(
    "batch",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="derived: evaluation, candidate, model, what is asked"),
    sa.Column("evaluation_id", sa.Text, nullable=False, index=True),
    sa.Column("candidate", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sandbox", sa.Boolean, nullable=False),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False, comment="of the input file"),
    sa.Column("file_id", sa.Text),
    sa.Column("remote_id", sa.Text),
    sa.Column("status", sa.Text, comment="the platform's own word"),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("sent_at", sa.Text),
    sa.Column("empty_looks", sa.Integer, nullable=False, default=0),
    sa.Column("looked_at", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("updated_at", sa.Text, nullable=False),
    sa.UniqueConstraint("provider", "account", "remote_id"),
)

lease = sa.Table(
    "lease",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="derived: account, model, run, moment"),
    sa.Column("run_id", sa.Text),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("tag", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("remote_id", sa.Text),
    sa.Column("usd_per_hour", sa.Text),
    sa.Column("sandbox", sa.Boolean, nullable=False),
    sa.Column("owner", sa.Text, comment="host:pid:start of the process that uses it"),
    sa.Column("started_at", sa.Text),
    sa.Column("stopped_at", sa.Text),
    sa.Column("updated_at", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("empty_looks", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("looked_at", sa.Text),
    sa.Column("last_error", sa.Text),
    sa.Column("idle_timeout_s", sa.Integer),
    sa.Column("deadline", sa.Text, comment="stopped by then, whoever uses it"),
)

training_set = sa.Table(
    "training_set",
    METADATA,
    sa.Column("intent_id", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("dataset_sha256", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("inputs", sa.LargeBinary, nullable=False, comment="sorted little-endian 64-bit hashes"),
)

watched = sa.Table(
    "watched",
    METADATA,
    sa.Column("intent_id", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("next_at", sa.Text, nullable=False, index=True, comment="when it is due"),
    sa.Column("lease_until", sa.Text, nullable=False, default="", comment="'' while nobody holds it"),
    sa.Column("owner", sa.Text, comment="host:pid:start of the worker"),
    sa.Column(
        "fence", sa.Integer, nullable=False, default=0, comment="rises with each claim; every later write names it"
    ),
    sa.Column("polls", sa.Integer, nullable=False, default=0),
    sa.Column("failures", sa.Integer, nullable=False, default=0, comment="looks in a row that could not be had"),
    sa.Column("progress", sa.Text, comment="JSON: what changes while a job gets on"),
    sa.Column("progressed_at", sa.Text),
    sa.Column("stuck_at", sa.Text, comment="when the lack of progress was told"),
    sa.Column("ended_at", sa.Text),
    sa.Column("notified_at", sa.Text, comment="when --notify was run for the end"),
)

delivery = sa.Table(
    "delivery",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True, comment="the webhook's own id: a repeated one is known"),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("job_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)

# Not money: seconds and rates are floats.
bucket = sa.Table(
    "bucket",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True, comment="'PROVIDER ACCOUNT MODEL KIND'"),
    sa.Column("per_s", sa.Float, comment="units a second; NULL: no rate known"),
    sa.Column("tat", sa.Float, nullable=False, default=0.0, comment="GCRA's theoretical arrival time, Unix seconds"),
    sa.Column("not_before", sa.Float, nullable=False, default=0.0, comment="nobody sends before, Unix seconds"),
    sa.Column("tokens", sa.Float, comment="what is left of a retry budget"),
    sa.Column("cuts", sa.Integer, nullable=False, default=0, comment="how often it was cut for a 429"),
    sa.Column("slept_s", sa.Float, nullable=False, default=0.0, comment="what every worker has waited for it"),
    sa.Column("updated_at", sa.Text, nullable=False),
)

track_record = sa.Table(
    "track_record",
    METADATA,
    sa.Column("intent_id", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("sandbox", sa.Boolean, nullable=False),
    sa.Column("quoted_low_usd", sa.Text),
    sa.Column("quoted_high_usd", sa.Text),
    sa.Column("billed_usd", sa.Text),
    sa.Column("quoted_tokens_low", sa.BigInteger),
    sa.Column("quoted_tokens_high", sa.BigInteger),
    sa.Column("billed_tokens", sa.BigInteger),
    sa.Column("at", sa.Text, nullable=False),
)

upload_part = sa.Table(
    "upload_part",
    METADATA,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("upload_id", sa.Text, nullable=False),
    sa.Column("part_id", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
)
