"""Which webhooks a platform sends: its headers, the event types that concern a job, and where the job's id stands."""

from __future__ import annotations

from dataclasses import dataclass

from ._tables import source, table

__all__ = ["WebhookFacts", "webhooks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFacts:
    """`variable`: the environment variable of the signing secrets. `kind_at`, `job_at`: dotted paths in the body.

    The signature is that of Standard Webhooks; `header_prefix` is `webhook`, or what a sender writes in its place.
    """

    variable: str
    kinds: frozenset[str]
    kind_at: str
    job_at: str
    header_prefix: str = "webhook"
    source: str = ""


def webhooks(platform: str) -> WebhookFacts | None:
    """What a platform sends; None where it sends none."""
    facts = table(platform)
    row = facts.get("webhooks")
    if row is None:
        return None
    return WebhookFacts(
        variable=row["variable"],
        kinds=frozenset(row["kinds"]),
        kind_at=row["kind_at"],
        job_at=row["job_at"],
        header_prefix=row.get("header_prefix", "webhook"),
        source=source(facts, row["source"]).text,
    )
