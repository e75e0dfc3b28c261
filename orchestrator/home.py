"""Where a project keeps its ledger, and whether it has one. Needs no database: a quote or a listing asks only this.

Opening, and making one where there is none, is left to `ledger`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["FILE_NAME", "HOME_NAME", "URL_VARIABLE", "find_home", "has_ledger", "project_name"]

HOME_NAME = ".tunewright"
FILE_NAME = "ledger.sqlite3"
URL_VARIABLE = "TUNEWRIGHT_DATABASE_URL"


def find_home(start: Path) -> Path:
    """The nearest `.tunewright/` at or above `start`, as git finds `.git`; else where a new one would go."""
    for folder in (start, *start.parents):
        if (folder / HOME_NAME).is_dir():
            return folder / HOME_NAME
    return start / HOME_NAME


def project_name(home: Path, given: str | None = None) -> str:
    """What the project is called where several share a database: as given, else the folder that holds `home`."""
    return given or home.parent.name or "project"


def has_ledger(home: Path, environ: Mapping[str, str]) -> bool:
    """Whether there is a ledger to open, rather than one to make. A database by URL is taken to be there."""
    return URL_VARIABLE in environ or (home / FILE_NAME).is_file()
