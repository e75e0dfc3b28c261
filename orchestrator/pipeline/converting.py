"""A dataset as the training and validation file of one format, refused where they pass what its platform takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from providers.contract import Dialect
from providers.dialects import Breach, Format, Limits, breaches, format_of, named
from providers.errors import NotFound, Unsupported
from providers.records import FileRole, ProviderFile

from ..dataset import write_file
from ..dataset.records import Dataset, Row
from ..errors import DataRefused, UsageError
from ..folders import replacing, writable
from .suiting import refuse_unfit_for

__all__ = ["convert", "dashed", "format_named", "limits_of", "write_format", "write_readably"]

_UNLIMITED = Limits()


def convert(
    dataset: Dataset, dialect: Dialect, directory: Path, *, limits: Limits | None = None
) -> tuple[ProviderFile, ...]:
    """The training file and, where there are rows for it, the validation file, each named by its hash.

    `limits`: by default those documented for the format. Raises `DataRefused` for a file that its platform would
    refuse: too few or too many rows before anything is written, too many bytes after, and then nothing is left.
    """
    allowed = limits_of(dialect) if limits is None else limits
    shares: dict[FileRole, Sequence[Row]] = {"train": dataset.split.train}
    if dataset.split.validation:
        shares["validation"] = dataset.split.validation
    for role, rows in shares.items():
        _refuse([*breaches(allowed, role, len(rows))], dialect, role)
    folder = writable(directory)
    return tuple([_written(rows, dialect, folder, role, allowed) for role, rows in shares.items()])


def write_readably(
    dataset: Dataset, dialect: Dialect, directory: Path, *, limits: Limits | None = None
) -> tuple[ProviderFile, ...]:
    """The same files as `train.jsonl` and `validation.jsonl`, for people; their hashes stay in the records.

    All of them or, where one is refused, none. A validation file that an earlier call left is removed where there are
    no validation rows now.
    """
    with _no_empty_folder(directory), TemporaryDirectory(prefix=".", suffix=".part", dir=writable(directory)) as draft:
        files = convert(dataset, dialect, Path(draft), limits=limits)
        made = [replace(file, path=directory / f"{file.role}.jsonl") for file in files]
        sources = [file.path for file in files]
        for number, source in enumerate(sources, 1):
            # Two shares with the very same rows are one file in the draft.
            move = shutil.copy if source in sources[number:] else os.replace
            move(source, made[number - 1].path)
    if len(made) == 1:
        directory.joinpath("validation.jsonl").unlink(missing_ok=True)
    return tuple(made)


@contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """What is refused leaves no folder behind that was not there before."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise


def write_format(dataset: Dataset, told: Format, directory: Path) -> tuple[ProviderFile, ...]:
    """The files of a format, and beside them what its reader needs to find them. Raises as `write_readably` does, and
    `UsageError` for rows of the kind that the format has no place for.
    """
    refuse_unfit_for(told, dataset)
    made = write_readably(dataset, told.dialect, directory)
    for name, text in told.side_files({file.role: file.path.name for file in made}).items():
        with replacing(directory / name) as stream:
            stream.write(text)
    return made


def dashed(name: str) -> str:
    """A dialect's name as the documents write it."""
    return name.replace("_", "-")


def format_named(name: str) -> Format:
    """The format. Raises `UsageError` with the nearest name."""
    try:
        return format_of(named(name).name)
    except NotFound as error:
        raise UsageError(error.message, where="--format", fix=error.fix or "") from error


def limits_of(dialect: Dialect) -> Limits:
    """What is documented of the format; nothing for one that another package brings."""
    try:
        return format_of(dialect.name).limits
    except NotFound:
        return _UNLIMITED


def _written(rows: Sequence[Row], dialect: Dialect, folder: Path, role: FileRole, limits: Limits) -> ProviderFile:
    try:
        file = write_file(rows, dialect, folder, role)
    except Unsupported as error:
        raise Unsupported(error.message + _more(rows, dialect), fix=error.fix, nothing_created=True) from error
    broken = [*breaches(limits, role, file.rows, file.size)]
    if broken:
        file.path.unlink(missing_ok=True)
    _refuse(broken, dialect, role)
    return file


def _more(rows: Sequence[Row], dialect: Dialect) -> str:
    """How many rows beside the first one have no place in the format: one to drop, or another format to choose?"""
    count = sum(not _holds(dialect, row) for row in rows) - 1
    return f" (and {count:,} more of {len(rows):,} rows cannot be expressed)" if count else ""


def _holds(dialect: Dialect, row: Row) -> bool:
    try:
        dialect.encode(row.example)
    except Unsupported:
        return False
    return True


def _refuse(broken: Sequence[Breach], dialect: Dialect, role: FileRole) -> None:
    if broken:
        raise DataRefused(
            f"the {role} file of {dashed(dialect.name)} has {'; and '.join(breach.what for breach in broken)}",
            fix="change the number of rows, or choose a format that takes as many; `docs/formats.md` lists the limits",
        )
