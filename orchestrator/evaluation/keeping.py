"""Answers on their way to the ledger and back: committed in groups, read by pages.

Whatever is killed loses at most the group that was under way: `GROUP_S` of answers, and what the disk took to keep the
one before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

import anyio
import msgspec

from ..canonical import canonical_json
from ..jobs.desk import Desk
from .questions import Answer

__all__ = ["GROUP_S", "Keeper", "Kept", "answered", "pages", "stored"]

GROUP_S = 0.05
"""Between the beginnings of two commits: those answered meanwhile share a transaction. Half of what is promised."""

_MOST_WAITING = 1_000
"""Answers not yet committed at which the asking waits for the disk."""

_PAGE = 2_000
_ENCODE = msgspec.json.Encoder(order="sorted").encode
_DECODE = msgspec.json.Decoder(Answer).decode


class Kept(NamedTuple):
    """One answer and whose it is."""

    candidate: str
    key: str
    sample: int
    answer: Answer


class Keeper:
    """Stores what is `put`, and tells `progress` (done, total) after each commit. `run` ends once it is closed."""

    def __init__(
        self, desk: Desk, evaluation_id: str, done: int, total: int, progress: Callable[[int, int], None]
    ) -> None:
        self._desk, self._evaluation_id = desk, evaluation_id
        self._done, self._total, self._progress = done, total, progress
        self._waiting: list[Kept] = []
        self._some, self._room, self._closed = anyio.Event(), anyio.Event(), anyio.Event()
        self._began_s = float("-inf")

    async def put(self, kept: Kept) -> None:
        """Keep an answer: from now on no interruption loses it. Waits only while far too many do."""
        self._waiting.append(kept)
        self._some.set()
        if len(self._waiting) >= _MOST_WAITING:
            await self._room.wait()

    def close(self) -> None:
        """Nothing more comes."""
        self._closed.set()
        self._some.set()

    async def run(self) -> None:
        """Shielded: an interruption loses no answer that was put."""
        with anyio.CancelScope(shield=True):
            while self._waiting or not self._closed.is_set():
                await self._some.wait()
                with anyio.move_on_after(self._began_s + GROUP_S - anyio.current_time()):
                    await self._closed.wait()
                self._began_s = anyio.current_time()
                await self._commit()

    async def _commit(self) -> None:
        group, self._waiting = self._waiting, []
        if not self._closed.is_set():
            self._some = anyio.Event()
        if group:
            await self._desk.db(self._desk.ledger.answers.put, self._evaluation_id, [_row(kept) for kept in group])
            self._done += len(group)
            self._progress(self._done, self._total)
        self._room.set()
        self._room = anyio.Event()


def _row(kept: Kept) -> tuple[str, str, int, str]:
    return kept.candidate, kept.key, kept.sample, _text(kept.answer)


def _text(answer: Answer) -> str:
    try:
        return _ENCODE(answer).decode()
    except UnicodeEncodeError:  # half of a surrogate pair: a model may well write it, and no database takes it
        return canonical_json(answer).encode(errors="replace").decode()


async def pages(desk: Desk, evaluation_id: str) -> AsyncIterator[Sequence[Kept]]:
    """Everything answered so far, in the order of its keys, some thousands at a time."""
    after: tuple[str, str, int] | None = None
    while rows := await desk.db(desk.ledger.answers.page, evaluation_id, after, _PAGE):
        yield [Kept(candidate, key, sample, _DECODE(text)) for candidate, key, sample, text in rows]
        after = rows[-1][:3]


async def answered(desk: Desk, evaluation_id: str) -> AsyncIterator[Sequence[tuple[str, str, int]]]:
    """(candidate, question key, sample) of what need not be asked again: what is there, and is no error."""
    async for page in pages(desk, evaluation_id):
        yield [(kept.candidate, kept.key, kept.sample) for kept in page if kept.answer.error is None]


async def stored(desk: Desk, evaluation_id: str) -> dict[tuple[str, str, int], Answer]:
    """(candidate, question key, sample) → answer, for everything answered so far; all of it at once."""
    return {kept[:3]: kept.answer async for page in pages(desk, evaluation_id) for kept in page}
