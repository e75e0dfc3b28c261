"""What holds for a platform as a whole: capabilities on a day, end dates, presets, the settling window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

from ..batches import BatchLimits
from ..records import Capability, Method, Settling, Support
from ._tables import Row, Table, source, table

__all__ = ["Lifecycle", "Preset", "auto_epochs", "batch_limits", "capabilities", "lifecycle", "presets", "settling"]

_NOT_LISTED = Support(answer="no", reason="not offered by this platform, as far as our facts go")


class Preset(NamedTuple):
    """A cautious value and the sentence that says why."""

    value: Any
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """Something that ends or narrows on that day. `models` empty: the whole platform."""

    on: date
    kind: Literal["restricted", "jobs_close", "shutdown", "other"]
    effect: str
    models: tuple[str, ...] = ()
    source: str = ""
    as_of: date | None = None


def settling(platform: str) -> Settling:
    """How long a lost job may still turn up in the platform's list."""
    facts = table(platform)
    told = facts["settling"]
    return Settling(window_s=told["window_s"], reason=told["reason"], source=source(facts, told["source"]).text)


def batch_limits(platform: str) -> BatchLimits | None:
    """The most that one batch may hold; None where the platform has no batches."""
    facts = table(platform)
    told = facts.get("batch")
    if told is None:
        return None
    said_by = source(facts, told["source"])
    return BatchLimits(
        requests=told["requests"],
        size=told["size"],
        window_h=told["window_h"],
        source=said_by.text,
        as_of=said_by.as_of,
    )


def capabilities(platform: str, on: date) -> Mapping[Capability, Support]:
    """Every capability, as it stands on that day; what no row claims is "no"."""
    facts = table(platform)
    told = {Capability(row["name"]): _support(facts, row, on) for row in facts["capabilities"]}
    return {capability: told.get(capability, _NOT_LISTED) for capability in Capability}


def lifecycle(platform: str) -> tuple[Lifecycle, ...]:
    """Dates on which something ends, in their order."""
    facts = table(platform)
    return tuple(sorted((_lifecycle(facts, row) for row in facts.get("lifecycle", ())), key=lambda row: row.on))


def presets(
    platform: str, model: str, method: Method, rows: int, validation_rows: int, *, lora: bool | None = None
) -> Mapping[str, Preset]:
    """Cautious values for what the user left open, by hyperparameter name (those of `Hyperparameters`, else `extra`).

    `rows` are training rows after cleaning. `lora` None: the platform's default. No preset depends on `model` yet.
    """
    facts = table(platform)
    lora = facts.get("lora_default") if lora is None else lora
    found = {"epochs": auto_epochs(platform, rows)}
    for row in facts.get("presets", ()):
        if row.get("method", method) == method and row.get("lora", lora) == lora:
            found[row["name"]] = Preset(row["value"], row["reason"])
    if validation_rows and "evaluations" in facts:
        found[facts["evaluations"]["key"]] = _evaluations(facts, found["epochs"].value)
    return found


def auto_epochs(platform: str, rows: int) -> Preset:
    """Epochs by the cookbook's heuristic: 3, more when fewer than 100 examples would be seen, fewer above 25,000.

    Source: openai-cookbook, Chat_finetuning_data_prep.ipynb. Fixed here, so that the quote knows what it multiplies by.
    """
    rule = table(platform)["epochs"]
    target, least, most = rule["target"], rule["least_seen"], rule["most_seen"]
    if rows < 1 or least <= rows * target <= most:
        return Preset(target, f"{target} passes: the cookbook's start, cautious against memorising")
    if rows * target < least:
        epochs = min(rule["most_epochs"], least // rows)
        return Preset(epochs, f"only {rows:,} rows: {epochs} passes bring the model near {least} examples")
    epochs = max(1, most // rows)
    return Preset(epochs, f"{rows:,} rows: more than {epochs} would pass {most:,} examples in all")


def _evaluations(facts: Table, epochs: int) -> Preset:
    least = facts["evaluations"]["least"]
    count = max(least, epochs)
    return Preset(
        count, f"without it the validation file is ignored; {count} let overfitting show and early stopping work"
    )


def _support(facts: Table, row: Row, on: date) -> Support:
    said_by = source(facts, row["source"])
    since, until = row.get("since"), row.get("until")
    told = Support(
        answer=row.get("answer", "yes"),
        reason=row["reason"],
        since=since,
        until=until,
        source=said_by.text,
        as_of=said_by.as_of,
    )
    if until and on > until:
        return _no(told, row["ended"])
    if since and on < since:
        return _no(told, f"not before {since}")
    return told


def _no(told: Support, reason: str) -> Support:
    return Support(answer="no", reason=reason, since=told.since, until=told.until, source=told.source, as_of=told.as_of)


def _lifecycle(facts: Table, row: Row) -> Lifecycle:
    said_by = source(facts, row["source"])
    return Lifecycle(
        on=row["date"],
        kind=row["kind"],
        effect=row["effect"],
        models=tuple(row.get("models", ())),
        source=said_by.text,
        as_of=said_by.as_of,
    )
