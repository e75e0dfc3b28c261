"""Files of recorded answers: kept by their content beside the ledger, so that later steps find what was compared."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..evaluation.questions import Answer, Candidate, Question, Spec
from ..evaluation.recorded import Recording, lines, matched, read
from ..folders import replacing, writable
from ..settings import RunSettings, Target
from .answering import Served
from .session import Account

__all__ = ["RECORDED", "has_place", "pinned", "recorded_candidate", "save_answers", "tuned_of"]

RECORDED = "answers"
"""What stands before the colon of `answers:FILE`, and the platform that nobody can ask."""

_FOLDER = "answers"


def tuned_of(settings: RunSettings) -> Target | None:
    """The tuned model of a comparison of existing models; None in a run that trains."""
    text = settings.extra.get("tuned")
    return None if text is None else Target.parse(text)


def pinned(home: Path, settings: RunSettings, *, anew: bool = True) -> RunSettings:
    """The settings with every file of answers that they name kept in `home`, and known by its hash from here on.

    `anew`: a file that is there is read again, else the one that was kept counts. Raises `UsageError` for one that
    cannot be read, `DataRefused` for one that holds no answers.
    """
    texts = [entry.removeprefix(f"{RECORDED}:") for entry in settings.also if entry.startswith(f"{RECORDED}:")]
    texts += [t.model for t in (*settings.to[:1], tuned_of(settings)) if t is not None and t.provider == RECORDED]
    known: Mapping[str, Any] = settings.extra.get("recorded", {})
    kept = {text: known[text] if text in known and not anew else _kept(home, text) for text in texts}
    return replace(settings, extra={**settings.extra, "recorded": kept}) if kept else settings


def _kept(home: Path, text: str) -> dict[str, str | None]:
    path, candidate = Path(text), None
    if not path.exists() and "#" in text:
        name, _, candidate = text.rpartition("#")
        path = Path(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        fix = "answers:FILE, or answers:FILE#CANDIDATE"
        raise UsageError(f"recorded answers cannot be read: {error.strerror}", where=str(path), fix=fix) from error
    read(content, str(path), candidate)
    digest = hashlib.sha256(content).hexdigest()
    place = _place(home, digest)
    if not place.exists():
        writable(place.parent)
        with replacing(place) as stream:
            stream.buffer.write(content)
    return {"sha256": digest, "file": str(path), "candidate": candidate}


def recorded_candidate(
    home: Path, settings: RunSettings, account: Account, text: str, name: str, asked: Sequence[Question]
) -> Served:
    """The candidate whose answers stand in the file. Raises `DataRefused` where they are not of these questions."""
    told = settings.extra["recorded"][text]
    place = _place(home, told["sha256"])
    if not place.exists():
        raise UsageError("the kept copy of recorded answers is gone", where=str(place), fix="start a new evaluation")
    recording = read(place.read_bytes(), told["file"], told["candidate"])
    candidate = Candidate(
        name=name,
        provider=RECORDED,
        model=recording.sha256,
        label=_label(recording),
        serving="recorded",
    )
    return Served(candidate=candidate, account=account, recorded=matched(recording, asked, settings.samples))


def _label(recording: Recording) -> str:
    whose = ", ".join(part for part in (recording.candidate, recording.model) if part)
    return f"{RECORDED}:{Path(recording.name).name}" + (f" ({whose})" if whose else "")


def has_place(path: Path) -> Path:
    """The path, if a file can be made there: asked before anything is paid. Raises `UsageError`."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        what = "is a folder" if path.is_dir() else "cannot be written: its folder is not there, or is not yours"
        raise UsageError(what, where=str(path), fix="--save-answers FILE, in a folder that exists")
    return path


def save_answers(
    path: Path, spec: Spec, asked: Sequence[Question], answers: Mapping[tuple[str, str, int], Answer]
) -> Path:
    """Every answer of an evaluation, the whole file or none; for its owner alone: it holds what stands in rows."""
    with replacing(path) as stream:
        stream.writelines(lines(spec, asked, answers))
    return path


def _place(home: Path, digest: str) -> Path:
    return home / _FOLDER / f"{digest}.jsonl"
