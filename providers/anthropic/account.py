"""Asks Claude through the anthropic SDK, which is kept from asking again by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import anthropic
import httpx2

from ..contract import Connection, Platform
from ..evaluation_only import EvaluationOnlyAccount
from ..http import http_clients, timeout
from ..records import Completion, JsonObject, Message, Sampling
from ..wire import plain
from . import OWN_HOST
from .messages import completion_of, request_of

__all__ = ["AnthropicAccount", "opened"]


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[AnthropicAccount]:
    """The API, its HTTP clients closed at the end."""
    async with http_clients(connection, anthropic, httpx2) as http:
        client = anthropic.AsyncAnthropic(
            api_key=connection.api_key.reveal() if connection.api_key else "",
            base_url=connection.base_url or OWN_HOST,
            max_retries=0,
            timeout=timeout(anthropic, connection),
            http_client=http.evaluation,
        )
        yield AnthropicAccount(platform, connection, client)


class AnthropicAccount(EvaluationOnlyAccount):
    """Messages, and nothing else."""

    def __init__(self, platform: Platform, connection: Connection, client: anthropic.AsyncAnthropic) -> None:
        super().__init__(platform, connection)
        self._client = client

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer."""
        body: Any = request_of(model, messages, sampling, tools)
        with self._asking("complete"):
            started = perf_counter()
            if sampling.stream:
                return await self._streamed(body, started)
            answer = await self._client.messages.with_raw_response.create(**body)
            told = plain(await _parsed(answer))
            return completion_of(told, perf_counter() - started, answer.headers.get("request-id"), None)

    async def _streamed(self, body: Any, started: float) -> Completion:
        first_s: float | None = None
        async with self._client.messages.stream(**body) as stream:
            async for event in stream:
                if event.type == "content_block_delta" and first_s is None:
                    first_s = perf_counter() - started
            told = plain(await stream.get_final_message())
            return completion_of(told, perf_counter() - started, stream.response.headers.get("request-id"), first_s)


async def _parsed(answer: Any) -> Any:
    told = answer.parse()
    return await told if hasattr(told, "__await__") else told
