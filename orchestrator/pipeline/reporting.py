"""A run's story as a report view, and the provenance record beside it. Reads the ledger, decides nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..canonical import plain
from ..errors import UsageError
from ..folders import replacing, writable
from ..report import ReportView, write, write_rows
from .provenance import provenance
from .session import Session
from .story import Story
from .viewing import view_of

__all__ = ["Written", "write_report"]

REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report, its JSON twin and the provenance record are, and what they show. `csv`: where asked for."""

    html: Path
    json: Path
    provenance: Path
    view: ReportView
    csv: Path | None = None


async def write_report(session: Session, story: Story, out: Path | None = None, *, csv: Path | None = None) -> Written:
    """Write all three into `out`, by default `.tunewright/reports/RUN/`, and every prompt with its answers to `csv`.

    Raises `UsageError` for a CSV of a run that has no answers yet.
    """
    if csv is not None and story.evaluated is None:
        fix = f"tunewright evaluate {story.begun.run.id}"
        raise UsageError(f"run {story.begun.run.id} has no answers yet to write as CSV", where=str(csv), fix=fix)
    desk = session.desk
    folder = writable(out or session.home / REPORTS / story.begun.run.id)
    metrics = await desk.db(desk.ledger.intents.metrics, story.intent.id) if story.intent else ()
    events = await desk.db(desk.ledger.intents.events, story.intent.id) if story.intent else ()
    record = provenance(story, desk.ledger.place, desk.clock.now())
    view: ReportView = view_of(story, metrics, record, desk.clock.now(), events)
    files = write(view, folder)
    path = folder / "provenance.json"
    _write_json(path, record)
    if csv is not None:
        write_rows(view, writable(csv.parent) / csv.name)
    return Written(html=files.html, json=files.json, provenance=path, view=view, csv=csv)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with replacing(path) as stream:
        stream.write(json.dumps(plain(value), indent=2, ensure_ascii=False))
