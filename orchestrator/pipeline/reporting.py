"""A run's story as a report view, and the provenance record beside it. Reads the ledger, decides nothing."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..canonical import plain
from ..folders import writable
from ..report import ReportView, write
from .provenance import provenance
from .session import Session
from .story import Story
from .viewing import view_of

__all__ = ["Written", "write_report"]

REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report, its JSON twin and the provenance record are."""

    html: Path
    json: Path
    provenance: Path


async def write_report(session: Session, story: Story, out: Path | None = None) -> Written:
    """Write all three into `out`, by default `.tunewright/reports/RUN/`."""
    desk = session.desk
    folder = writable(out or session.home / REPORTS / story.begun.run.id)
    metrics = await desk.db(desk.ledger.intents.metrics, story.intent.id) if story.intent else ()
    events = await desk.db(desk.ledger.intents.events, story.intent.id) if story.intent else ()
    record = provenance(story, desk.ledger.place, desk.clock.now())
    view: ReportView = view_of(story, metrics, record, desk.clock.now(), events)
    files = write(view, folder)
    path = folder / "provenance.json"
    _write_json(path, record)
    return Written(html=files.html, json=files.json, provenance=path)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False), encoding="utf-8")
    part.replace(path)
