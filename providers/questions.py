"""Chat completions through an SDK's client, for every platform that speaks OpenAI's shape.

The request goes through the client's own `post` and not its chat method: walking the typed parameters of each body took
a third of a question's CPU time (openai 3.54, measured 2026-11-22), and there are thousands of questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from .chat import StreamedAnswer, chat_body, completion_of
from .records import Completion, JsonObject, Message, Sampling
from .wire import plain

__all__ = ["Questions"]


@dataclass(frozen=True, slots=True)
class Questions:
    """Where and how to ask. `response` and `stream` are the SDK's raw response and its stream of plain JSON objects.

    `length_field` is the platform's name for the most tokens of an answer.
    """

    client: Any
    path: str
    length_field: str
    response: type[Any]
    stream: Any

    async def ask(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer, with wall time to its last byte and, when streamed, to its first words."""
        body = chat_body(model, messages, sampling, tools, length_field=self.length_field)
        if sampling.stream:
            return await self._streamed(body)
        started = perf_counter()
        answer = await self.client.post(self.path, cast_to=self.response, body=body)
        latency_s = perf_counter() - started
        return completion_of(plain(answer.json()), latency_s, answer.headers)

    async def _streamed(self, body: JsonObject) -> Completion:
        gathered, started = StreamedAnswer(), perf_counter()
        sent = self.client.post(self.path, cast_to=object, body=body, stream=True, stream_cls=self.stream)
        async with await sent as stream:
            async for chunk in stream:
                gathered.add(plain(chunk), perf_counter() - started)
            return gathered.completion(perf_counter() - started, stream.response.headers)
