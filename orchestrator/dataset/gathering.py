"""A path as the files that it stands for: one file, every data file of a folder, or what a pattern matches."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from ..errors import UsageError
from .files import must_be_a_name
from .unpacking import PACKED_SUFFIXES

__all__ = ["files_of"]

_SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather"}
_MOST_FILES = 10_000
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "eval", "heldout"), "test"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
}
_WORDS = re.compile(r"[a-z]+")


def files_of(path: Path) -> tuple[Path, ...]:
    """The files to read, sorted by name. Raises `UsageError` where there are none, or files of several splits."""
    must_be_a_name(path)
    if path.is_dir():
        return _in_folder(path)
    if has_magic(str(path)) and not path.exists():
        names = sorted(glob(str(path), recursive=True))  # noqa: PTH207  # a pattern has no folder of its own
        found = [Path(name) for name in names if Path(name).is_file()]
        if not found:
            raise UsageError("matches no file", where=str(path), fix="check the pattern, and quote it for the shell")
        return _one_split(found, path)
    return (path,)


def _in_folder(folder: Path) -> tuple[Path, ...]:
    if (folder / "dataset_dict.json").is_file():
        splits = sorted(child.name for child in folder.iterdir() if (child / "state.json").is_file())
        raise UsageError(
            f"is a folder of the splits {', '.join(splits) or 'none'}", where=str(folder), fix=_name_one(folder, splits)
        )
    if (folder / "state.json").is_file():
        return _saved_dataset(folder)
    found = sorted(_data_files(folder))
    if not found:
        fix = f"name a file, or a folder that holds some of {_listed(_SUFFIXES)}"
        raise UsageError("holds no data files", where=str(folder), fix=fix)
    return _one_split(found, folder)


def _saved_dataset(folder: Path) -> tuple[Path, ...]:
    """What `datasets.Dataset.save_to_disk` wrote: its state names the Arrow files in their order."""
    state = folder / "state.json"
    try:
        names = [str(entry["filename"]) for entry in json.loads(state.read_text(encoding="utf-8"))["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError("does not name the data files", where=str(state), fix="save the dataset again") from error
    if not names or any(Path(name).name != name for name in names):
        raise UsageError("names no data files of this folder", where=str(state), fix="save the dataset again")
    return tuple(folder / name for name in names)


def _data_files(folder: Path) -> Iterator[Path]:
    """Hidden files and folders are left out, links to folders are not followed."""
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or not _is_data(Path(name)):
                continue
            count += 1
            if count > _MOST_FILES:
                raise UsageError(f"holds over {_MOST_FILES:,} data files", where=str(folder), fix="join them first")
            yield Path(root) / name


def _is_data(path: Path) -> bool:
    bare = path.with_suffix("") if path.suffix.lower() in PACKED_SUFFIXES else path
    return bare.suffix.lower() in _SUFFIXES


def _one_split(files: Sequence[Path], asked: Path) -> tuple[Path, ...]:
    """Held-out rows must not be gathered into training only because they lie beside it."""
    by_split: dict[str, Path] = {}
    for file in files:
        name = str(file.relative_to(asked)) if asked.is_dir() else file.name
        for word in _WORDS.findall(name.lower()):
            if word in _SPLITS:
                by_split.setdefault(_SPLITS[word], file)
    if len(by_split) > 1:
        listed = ", ".join(str(file) for file in by_split.values())
        raise UsageError(f"holds files of several splits: {listed}", where=str(asked), fix=_name_one(asked, by_split))
    return tuple(files)


def _name_one(folder: Path, splits: Sequence[str] | dict[str, Path]) -> str:
    options = [f"--{split}" for split in ("test", "validation") if split in splits]
    more = f"; give the others with {' and '.join(options)}" if options else ""
    return f"name the part of {folder.name} to train on{more}"


def _listed(suffixes: set[str]) -> str:
    return " ".join(sorted(suffixes))
