"""Questions as input files of batches, and the lines of an output as answers. Pure, but for the file it writes.

A line's id says which batch, question and sample it is, so that an output needs nothing else to be understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from providers.batches import CUSTOM_ID_LIMIT, BatchAnswer, BatchLimits
from providers.records import ProviderFile

from .questions import Answer, Question

__all__ = ["Key", "Line", "Prices", "Wanted", "answer_of", "ids_in", "key_of", "split", "write_file"]

_MILLION = Decimal(1_000_000)


class Key(NamedTuple):
    """Which answer: the question's key, and which of its samples."""

    question: str
    sample: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """One answer that is wanted."""

    question: Question
    sample: int

    @property
    def key(self) -> Key:
        """Under which it will be kept."""
        return Key(self.question.key, self.sample)


class Prices(NamedTuple):
    """Dollars a million tokens of a batch; None where not known."""

    input_usd_per_mtok: Decimal | None
    output_usd_per_mtok: Decimal | None


Line = Callable[[str, Wanted], bytes]
"""(custom id, what is asked) → one line of the platform's input file."""


def split(wanted: Sequence[Wanted], line: Line, tag: str, limits: BatchLimits) -> Iterator[tuple[Wanted, ...]]:
    """In order, as many a file as it may hold. `tag`: one as long as any will be."""
    chunk: list[Wanted] = []
    size = 0
    for one in wanted:
        length = len(line(_custom_id(tag, one), one))
        if chunk and (len(chunk) >= limits.requests or size + length > limits.size):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(one)
        size += length
    if chunk:
        yield tuple(chunk)


def write_file(wanted: Sequence[Wanted], line: Line, tag: str, folder: Path) -> ProviderFile:
    """The input file in `folder`, named by its bytes: the same questions and tag make the same file."""
    digest, size, part = sha256(), 0, folder / f"{tag}.part"
    with part.open("wb") as out:
        for one in wanted:
            data = line(_custom_id(tag, one), one)
            digest.update(data)
            size += out.write(data)
    name = digest.hexdigest()
    file = ProviderFile(folder / f"tw-{name[:24]}.jsonl", name, size, len(wanted), "batch", "batch")
    part.replace(file.path)
    return file


def _custom_id(tag: str, wanted: Wanted) -> str:
    custom_id = f"{tag}.{wanted.question.key}.{wanted.sample}"
    if len(custom_id) > CUSTOM_ID_LIMIT:
        raise ValueError(f"the id {custom_id} is longer than {CUSTOM_ID_LIMIT} characters")
    return custom_id


def key_of(custom_id: str, tag: str) -> Key | None:
    """Which answer a line is; None for one that is not of this batch."""
    mine, _, rest = custom_id.partition(".")
    question, _, sample = rest.rpartition(".")
    return Key(question, int(sample)) if mine == tag and question and sample.isdecimal() else None


def ids_in(file: Path, tag: str) -> Iterator[Key]:
    """Every answer that an input file asks for; nothing where the file is gone."""
    if not file.exists():
        return
    mark = f'"custom_id": "{tag}.'.encode()
    with file.open("rb") as lines:
        for line in lines:
            rest = line.partition(mark)[2].partition(b'"')[0].decode()
            found = key_of(f"{tag}.{rest}", tag)
            if found is not None:
                yield found


def answer_of(told: BatchAnswer, prices: Prices) -> Answer:
    """The answer to be kept. How long it took says nothing, since a batch is answered when there is room: None."""
    completion = told.completion
    if completion is None:
        return Answer(text="", error=f"batch: {told.error}")
    return Answer(
        text=completion.text,
        refusal=completion.refusal,
        finish_reason=completion.finish_reason,
        tool_calls=completion.tool_calls,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        usd=_usd(completion.input_tokens, completion.output_tokens, prices),
    )


def _usd(tokens_in: int | None, tokens_out: int | None, prices: Prices) -> Decimal | None:
    into, out = prices
    if into is None or out is None or tokens_in is None or tokens_out is None:
        return None
    return (tokens_in * into + tokens_out * out) / _MILLION
