"""Answers that were kept in a file: a place among the platforms that nobody can ask any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from .contract import Connection, Provider
from .evaluation_only import EvaluationOnlyAccount, EvaluationOnlyPlatform
from .records import Completion, JsonObject, Message, Sampling

__all__ = ["NAME", "PLATFORM", "RecordedPlatform"]

NAME = "answers"


class RecordedPlatform(EvaluationOnlyPlatform):
    """`answers:FILE`. Needs no key and no network; the answers are read by whoever evaluates."""

    name = NAME
    title = "Recorded answers"
    reason = "these are answers kept in a file; there is no model behind them"

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Nothing to reach."""
        return Connection(api_key=None, account="file")

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """An account that answers no new question."""
        return _opened(self, connection)


@asynccontextmanager
async def _opened(platform: RecordedPlatform, connection: Connection) -> AsyncIterator[Provider]:
    yield _Silent(platform, connection)


class _Silent(EvaluationOnlyAccount):
    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """Raises `Unsupported`."""
        raise self._unsupported("complete", self._why)


PLATFORM = RecordedPlatform()
