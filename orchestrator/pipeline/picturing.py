"""The data page of some pairs, counted as their targets count, and what is kept beside prepared files."""

from __future__ import annotations

from pathlib import Path

from ..dataset import Dataset
from ..dataset.dropped_rows import write_dropped
from ..errors import TunewrightError, UsageError
from ..report.data_building import picture_of
from ..report.data_lengths import Limit, TokenCounts
from ..report.data_page import write_data_page
from ..report.data_view import DataPicture
from ..settings import RunSettings
from .counting import Counted, counted

__all__ = ["must_be_a_page", "picture", "write_beside", "write_page"]

DROPPED, PAGE = "dropped.jsonl", "data.html"


def write_beside(settings: RunSettings, dataset: Dataset, folder: Path) -> None:
    """`dropped.jsonl` with every row that is not used, and the data page, beside the prepared files."""
    write_dropped(dataset.dropped, folder / DROPPED)
    write_page(picture(settings, dataset, str(folder / DROPPED)), folder / PAGE)


def must_be_a_page(path: Path) -> None:
    """Raises `UsageError` where no page can stand: at a folder, or in a folder that is not there."""
    if not path.name or path.is_dir():
        raise UsageError("is a folder", where=f"--page {path}", fix="name the file to write, such as data.html")
    if not path.parent.is_dir():
        what = "is no folder" if path.parent.exists() else "does not exist"
        raise UsageError(f"{path.parent} {what}", where=f"--page {path}", fix="make the folder first, or name another")


def write_page(made: DataPicture, path: Path) -> None:
    """The page at `path`. Raises `TunewrightError` where it cannot be written."""
    try:
        write_data_page(made, path)
    except OSError as error:
        what = f"the data page cannot be written: {error.strerror}"
        raise TunewrightError(what, where=str(path), fix="check the directory and its permissions") from error


def picture(settings: RunSettings, dataset: Dataset, dropped_file: str | None = None) -> DataPicture:
    """What the page shows. Tokens are those of the first target; each limit is held against its own target's count."""
    targets = {str(target): counted(dataset, target, settings) for target in settings.to}
    first = next(iter(targets.values()), None)
    return picture_of(
        dataset,
        pairs=str(settings.pairs),
        tokens=_tokens(first) if first else None,
        limits=[Limit(name, one.longest, one.rows.whole) for name, one in targets.items() if one.longest],
        fixed=dataset.fixed if settings.policy.fix else None,
        skipped=settings.policy.skip,
        dropped_file=dropped_file,
    )


def _tokens(counted: Counted) -> TokenCounts:
    rows = counted.rows
    return TokenCounts(rows.whole - rows.answer, rows.answer, counted.tokenizer, float(counted.margin))
