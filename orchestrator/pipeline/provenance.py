"""What is needed to do a run again and to check that it was done so: hashes, seeds, prices, ids, rule, verdict."""

from __future__ import annotations

import platform as machine
import re
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from ..canonical import plain, sha256_of
from ..evaluation.questions import Candidate
from .deciding import verdict_json
from .story import Story

__all__ = ["SCHEMA_VERSION", "provenance"]

SCHEMA_VERSION = 1
_US = "tunewright"


def provenance(story: Story, ledger: str, now: datetime) -> dict[str, Any]:
    """The record, JSON-ready. Holds no key and no row of the data, only hashes of both."""
    begun = story.begun
    return {
        "schema_version": SCHEMA_VERSION,
        "run": begun.run.id,
        "written_at": now.isoformat(),
        "started_at": begun.run.created_at.isoformat(),
        "ledger": ledger,
        "versions": versions(),
        "data": _data(story),
        "training": _training(story),
        "quote": None if begun.quote is None else begun.quote.to_json(),
        "billed": None if story.billed is None else plain(story.billed),
        "evaluation": _evaluation(story),
        "verdict": None if story.judged is None else verdict_json(story.judged),
    }


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of all that it requires; what is not installed is left out."""
    found = {"python": machine.python_version()}
    for name in _packages():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _packages() -> list[str]:
    """Our distribution and those that its metadata names, optional ones too."""
    try:
        named = (re.match(r"[\w.-]+", line) for line in requires(_US) or ())
    except PackageNotFoundError:
        return []
    return sorted({_US, *(name.group() for name in named if name)})


def _data(story: Story) -> dict[str, Any]:
    dataset = story.begun.dataset
    return {
        "sha256": dataset.sha256,
        "sources": [source.to_json() for source in dataset.sources],
        "rows": len(dataset.rows),
        "dropped": len(dataset.dropped),
        "split": {
            "train": len(dataset.split.train),
            "validation": len(dataset.split.validation),
            "test": len(dataset.split.test),
        },
        "files": [
            {"role": f.role, "sha256": f.sha256, "rows": f.rows, "bytes": f.size, "dialect": f.dialect}
            for f in story.begun.files
        ],
    }


def _training(story: Story) -> dict[str, Any] | None:
    intent = story.intent
    if intent is None:
        return None
    job = intent.job
    return {
        "intent": intent.id,
        "tag": intent.tag,
        "plan": plain(intent.plan),
        "hyperparameters_sent": plain(intent.plan.hyperparameters),
        "request": None if intent.request is None else plain(intent.request),
        "hyperparameters_at_platform": None if job is None else plain(job.hyperparameters),
        "health": plain(intent.health),
        "evaluated": story.begun.run.record.get("evaluated"),
        "job": intent.job_id,
        "state": None if job is None else job.label,
        "tuned_model": None if job is None else job.tuned_model,
        "requests_sent": intent.attempt,
    }


def _evaluation(story: Story) -> dict[str, Any] | None:
    evaluated = story.evaluated
    if evaluated is None:
        return None
    return {
        "id": evaluated.spec.id,
        "candidates": [_candidate(candidate) for candidate in evaluated.spec.candidates],
        "samples": evaluated.spec.samples,
        "sampling": plain(evaluated.spec.sampling),
        "order_seed": evaluated.spec.order_seed,
        "questions": len(evaluated.questions),
        "rule": plain(evaluated.rule),
        "rule_sha256": evaluated.rule.sha256,
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    """The examples that it was shown are rows of the data: their hash alone."""
    told: dict[str, Any] = plain(candidate)
    return {**told, "shots": sha256_of(candidate.shots) if candidate.shots else None}
