"""Pairs → checked, split dataset → the exact files to upload. What a run used is archived under its content hash."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

from providers.contract import Platform
from providers.records import Method, ProviderFile

from ..canonical import plain
from ..dataset import load, write_file
from ..dataset.records import Dataset
from ..ledger.codec import dump
from ..ledger.codec import load as decode
from ..settings import RunSettings
from .session import Session, writable

__all__ = ["archive", "load_pairs", "restore", "upload_files", "write_held_out"]

FILES = "files"
DATASETS = "datasets"


def load_pairs(settings: RunSettings) -> Dataset:
    """Read, check and split. Raises `UsageError` or `DataRefused`."""
    return load(
        settings.pairs,
        columns=settings.columns,
        policy=settings.policy,
        test=settings.test,
        validation=settings.validation,
    )


def upload_files(dataset: Dataset, platform: Platform, method: Method, directory: Path) -> tuple[ProviderFile, ...]:
    """The training file and, where there are rows for it, the validation file; never a held-out row."""
    dialect = platform.dialect(method)
    folder = writable(directory)
    files = [write_file(dataset.split.train, dialect, folder, "train")]
    if dataset.split.validation:
        files.append(write_file(dataset.split.validation, dialect, folder, "validation"))
    return tuple(files)


def write_held_out(dataset: Dataset, path: Path) -> Path:
    """The held-out rows as pairs, one JSON object a line: `messages` to ask, `output` to expect."""
    lines = [
        json.dumps({"messages": plain(row.example.prompt), "output": row.example.answer}, ensure_ascii=False)
        for row in dataset.split.test
    ]
    writable(path.parent)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def archive(session: Session, dataset: Dataset) -> None:
    """Keep the dataset with its split, so that later steps ask the very rows that were held out."""
    path = _archive_path(session, dataset.sha256)
    if path.exists():
        return
    writable(path.parent)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(gzip.compress(dump(dataset).encode(), compresslevel=5, mtime=0))
    part.replace(path)


def restore(session: Session, sha256: str) -> Dataset:
    """The archived dataset. Raises FileNotFoundError where it was deleted."""
    return decode(Dataset, gzip.decompress(_archive_path(session, sha256).read_bytes()).decode())


def _archive_path(session: Session, sha256: str) -> Path:
    return session.home / DATASETS / f"{sha256.removeprefix('sha256:')}.json.gz"
