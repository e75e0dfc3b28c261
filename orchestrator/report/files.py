"""Writing pages and their JSON twins, each whole or not at all."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from .page import render
from .rows_csv import rows_csv
from .twin import dumps, to_json
from .view import ReportView

__all__ = ["ReportFiles", "replace", "write", "write_rows"]


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """Where a report's page and its JSON twin lie."""

    html: Path
    json: Path


def write(view: ReportView, directory: Path) -> ReportFiles:
    """`report.html` and `report.json` in `directory`, which is made if need be. Raises `OSError` if it cannot."""
    directory.mkdir(parents=True, exist_ok=True)
    files = ReportFiles(html=directory / "report.html", json=directory / "report.json")
    page = render(view)
    replace(files.json, dumps(to_json(view), indent=2) + "\n")
    replace(files.html, page)
    return files


def write_rows(view: ReportView, path: Path) -> Path:
    """Every prompt with all its answers as CSV at `path`. Raises `OSError` if it cannot."""
    replace(path, rows_csv(view))
    return path


def replace(path: Path, text: str) -> None:
    """Put the text at `path`, the whole of it or nothing, for its owner alone: it holds what stands in rows."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
