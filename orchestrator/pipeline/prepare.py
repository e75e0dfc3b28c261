"""Pairs → checked, split dataset → the exact files to upload. What a run used is archived under its content hash."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

from providers.contract import Dialect
from providers.dialects import write_conversation
from providers.records import Method, ProviderFile

from ..dataset.records import Dataset, Split
from ..folders import replacing, writable
from ..ledger.codec import dump
from ..ledger.codec import load as decode
from ..settings import Target
from .converting import convert, write_readably
from .session import Session, platform_named
from .suiting import refuse_unsuitable

__all__ = [
    "archive",
    "prepare_files",
    "prepare_for",
    "restore",
    "upload_files",
    "without_findings",
    "write_held_out",
]

FILES = "files"
DATASETS = "datasets"


def upload_files(dataset: Dataset, dialect: Dialect, method: Method, directory: Path) -> tuple[ProviderFile, ...]:
    """The training file and, where there are rows for it, the validation file; never a held-out row.

    Raises `UsageError` where the rows do not suit the method, `DataRefused` where a file passes the format's limits.
    """
    refuse_unsuitable(dataset, method)
    return convert(dataset, dialect, directory)


def prepare_files(dataset: Dataset, dialect: Dialect, method: Method, directory: Path) -> tuple[ProviderFile, ...]:
    """The same files for people, as `train.jsonl` and `validation.jsonl`."""
    refuse_unsuitable(dataset, method)
    return write_readably(dataset, dialect, directory)


def prepare_for(dataset: Dataset, target: Target, method: Method, directory: Path) -> tuple[ProviderFile, ...]:
    """`prepare_files` for a target by its name, so that another process can do it."""
    dialect = platform_named(target.provider).dialect_for(target.model, method)
    return prepare_files(dataset, dialect, method, directory)


def without_findings(dataset: Dataset) -> Dataset:
    """The rows and their split alone: what converting needs."""
    return replace(dataset, rows=(), findings=(), dropped=(), fixed=(), measured=None)


def write_held_out(dataset: Dataset, path: Path) -> Path:
    """The held-out rows as chat lines that every command reads, with other right answers under `accept`.

    Readable by its owner only, as the files to upload are.
    """
    writable(path.parent)
    with replacing(path) as stream:
        for row in dataset.split.test:
            line = write_conversation(row.example)
            if row.accept:
                line["accept"] = list(row.accept)
            stream.write(json.dumps(line, ensure_ascii=False, default=dict) + "\n")
    return path


def archive(session: Session, dataset: Dataset) -> None:
    """Keep the dataset with its split, so that later steps ask the very rows that were held out."""
    path = _archive_path(session, dataset.sha256)
    if path.exists():
        return
    told = dataset.split
    split = Split(tuple(told.train), tuple(told.validation), tuple(told.test), told.balance)
    kept = dump(replace(dataset, rows=(), split=split, measured=None)).encode()
    writable(path.parent)
    with replacing(path) as stream:
        stream.buffer.write(gzip.compress(kept, compresslevel=5, mtime=0))


def restore(session: Session, sha256: str) -> Dataset:
    """The archived dataset, its rows by their sides. Raises FileNotFoundError where it was deleted."""
    kept = decode(Dataset, gzip.decompress(_archive_path(session, sha256).read_bytes()).decode())
    return replace(kept, rows=(*kept.split.train, *kept.split.validation, *kept.split.test))


def _archive_path(session: Session, sha256: str) -> Path:
    return session.home / DATASETS / f"{sha256.removeprefix('sha256:')}.json.gz"
