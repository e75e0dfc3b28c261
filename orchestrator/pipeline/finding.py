"""A run of this ledger, by its id or as the newest."""

from __future__ import annotations

from ..errors import UsageError
from ..ledger import Run
from .project import Project

__all__ = ["find_run"]


async def find_run(project: Project, run: str | None) -> Run:
    """The run of that id, by default the newest. Raises `UsageError`."""
    known = project.known
    if known is None:
        raise UsageError("no runs here yet", where=project.place, fix="tunewright run PAIRS --to PLATFORM:MODEL")
    desk = known.desk
    try:
        found = await desk.db(desk.ledger.runs.get, run) if run else await desk.db(desk.ledger.runs.newest)
    except KeyError:
        found = None
    if found is None:
        what = f"no run {run!r} in this ledger" if run else "there is no run in this ledger yet"
        raise UsageError(what, where=desk.ledger.place, fix="tunewright runs ls, or tunewright run PAIRS --to …")
    return found
