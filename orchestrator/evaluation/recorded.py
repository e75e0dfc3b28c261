"""Answers kept in a file, one a line of JSON: written from an evaluation, read in place of a model that is gone.

A line is {"key" or "prompt", "answer", "sample", "candidate", …}: `key` names the question exactly, `prompt` is the
user's last turn, for files that other tools wrote. Nothing is guessed: what fits no question, or one twice, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ValidationError

from providers.records import Example

from ..canonical import plain
from ..errors import DataRefused
from ..ledger.codec import load
from .questions import Answer, Question, Spec

__all__ = ["Recording", "asked_text", "lines", "matched", "read"]

_OF_AN_ANSWER = tuple(item.name for item in fields(Answer) if item.name not in ("text", "paid_by"))
_FORMAT = 'a line is {"key": …, "answer": …} or {"prompt": …, "answer": …}'


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds of one candidate: line number → line. `name` is the file's, `model` whose answers they are."""

    name: str
    candidate: str
    model: str
    rows: Mapping[int, Mapping[str, Any]]
    sha256: str


def asked_text(example: Example) -> str:
    """The user's last turn: by this a question is known to people."""
    return next((message.text for message in reversed(example.prompt) if message.role == "user"), "")


def lines(spec: Spec, asked: Sequence[Question], answers: Mapping[tuple[str, str, int], Answer]) -> Iterator[str]:
    """The file of an evaluation: every candidate's answer to every question and sample, also those that are missing."""
    for candidate in spec.candidates:
        for question in asked:
            for sample in range(spec.samples):
                answer = answers.get((candidate.name, question.key, sample), Answer(text="", error="not asked"))
                told = {name: getattr(answer, name) for name in _OF_AN_ANSWER}
                row = {
                    "candidate": candidate.name,
                    "model": candidate.label or candidate.model,
                    "key": question.key,
                    "sample": sample,
                    "prompt": asked_text(question.row.example),
                    "answer": answer.text,
                    **{name: value for name, value in told.items() if value is not None},
                }
                yield json.dumps(plain(row), ensure_ascii=False) + "\n"


def read(content: bytes, name: str, candidate: str | None = None) -> Recording:
    """One candidate's lines; None where the file holds but one. Raises `DataRefused` naming the file and the row."""
    rows = dict(_rows(content, name))
    held = {str(row.get("candidate", "")) for row in rows.values()}
    if not rows:
        raise DataRefused("the file holds no answer", where=name, fix=_FORMAT)
    if candidate is None and len(held) > 1:
        names = ", ".join(sorted(held))
        fix = f"say which one: answers:{name}#{min(held)}"
        raise DataRefused(f"the file holds the answers of several candidates: {names}", where=name, fix=fix)
    if candidate is not None and candidate not in held:
        names = ", ".join(sorted(held))
        raise DataRefused(f"the file holds no answers of {candidate!r}", where=name, fix=f"it has those of {names}")
    chosen = next(iter(held)) if candidate is None else candidate
    mine = {number: row for number, row in rows.items() if str(row.get("candidate", "")) == chosen}
    model = str(next(iter(mine.values())).get("model", ""))
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Recording(name, chosen, model, mine, f"sha256:{digest}#{chosen}")


def matched(recording: Recording, asked: Sequence[Question], samples: int) -> dict[tuple[str, int], Answer]:
    """(question key, sample) → answer. What the file does not hold is left out, and counts as missing.

    Raises `DataRefused` for a row that answers no held-out question, or one that another row answered before.
    """
    by_key = {question.key for question in asked}
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for question in asked:
        by_prompt[asked_text(question.row.example)].append(question.key)
    found: dict[tuple[str, int], Answer] = {}
    first: dict[tuple[str, int], int] = {}
    for number, row in recording.rows.items():
        where = f"{recording.name}, row {number}"
        key, sample = _key_of(row, by_key, by_prompt, where), _sample_of(row, samples, where)
        if (key, sample) in found:
            what = f"answers the same question as row {first[key, sample]}"
            raise DataRefused(what, where=where, fix='keep one of them, or number them: "sample": 0, 1, …')
        found[key, sample], first[key, sample] = _answer_of(row, recording, where), number
    return found


def _rows(content: bytes, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{name}, row {number}"
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise DataRefused("is no JSON", where=where, fix=_FORMAT) from error
        if not isinstance(row, dict):
            raise DataRefused("is no JSON object", where=where, fix=_FORMAT)
        if not isinstance(row.get("answer"), str):
            raise DataRefused('has no "answer" that is text', where=where, fix=_FORMAT)
        yield number, row


def _key_of(row: Mapping[str, Any], by_key: set[str], by_prompt: Mapping[str, list[str]], where: str) -> str:
    if "key" in row:
        if row["key"] in by_key:
            return str(row["key"])
        fix = "it was recorded with other held-out rows, or another system prompt; leave it out"
        raise DataRefused(f"answers no question that is held out here: {row['key']!r}", where=where, fix=fix)
    prompt = row.get("prompt")
    if not isinstance(prompt, str):
        raise DataRefused('has neither "key" nor a "prompt" that is text', where=where, fix=_FORMAT)
    keys = by_prompt.get(prompt, [])
    if not keys:
        short = prompt if len(prompt) <= 60 else f"{prompt[:60]}…"
        raise DataRefused(f"answers no question that is held out here: {short!r}", where=where, fix="leave it out")
    if len(keys) > 1:
        fix = f'say which one by "key": {", ".join(keys)}'
        raise DataRefused(f"{len(keys)} held-out questions end with this prompt", where=where, fix=fix)
    return keys[0]


def _sample_of(row: Mapping[str, Any], samples: int, where: str) -> int:
    sample = row.get("sample", 0)
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 0:
        raise DataRefused(f"sample is {sample!r}, not 0, 1, 2 …", where=where, fix='"sample" numbers from 0')
    if sample >= samples:
        what = f"is sample {sample}, and {samples} a prompt are compared here"
        raise DataRefused(what, where=where, fix=f"--samples {sample + 1}, or leave the row out")
    return sample


def _answer_of(row: Mapping[str, Any], recording: Recording, where: str) -> Answer:
    told = {name: row[name] for name in _OF_AN_ANSWER if row.get(name) is not None}
    try:
        return load(Answer, json.dumps({**told, "text": row["answer"], "paid_by": f"answers:{recording.name}"}))
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{first['loc'][0] if first['loc'] else 'row'}: {first['msg']}"
        raise DataRefused(what, where=where, fix="mend the value, or leave it out") from error
