"""Chat completions through an SDK's client, for every platform that speaks OpenAI's shape.

The first question goes through the client's own `post`, which says where requests go and with what headers; those after
it are the same request with another body, sent over the same HTTP client. Building each of thousands anew took two
thirds of a question's CPU time (openai 3.57, measured 2026-11-25).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from .chat import StreamedAnswer, chat_body, completion_of
from .records import Completion, JsonObject, Message, Sampling
from .wire import plain

__all__ = ["Questions"]

_OF_ONE_REQUEST = (b"content-length", b"transfer-encoding", b"idempotency")
"""Beginnings of headers that belong to one body, and are not repeated with another."""


@dataclass(slots=True)
class Questions:
    """Where and how to ask. `response` and `stream` are the SDK's raw response and its stream of plain JSON objects.

    `http`: the HTTP client under `client`. `length_field`: the platform's name for the most tokens of an answer.
    `refused`: the SDK's error of an HTTP status. `usage_on_request`: whether a stream tells its usage only when asked.
    """

    client: Any
    http: Any
    path: str
    length_field: str
    response: type[Any]
    stream: Any
    refused: type[Exception]
    usage_on_request: bool = True
    _known: _Known | None = field(default=None, repr=False)

    async def ask(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer, with wall time to its last byte and, when streamed, to its first words."""
        body = chat_body(
            model,
            messages,
            sampling,
            tools,
            length_field=self.length_field,
            usage_on_request=self.usage_on_request,
        )
        if sampling.stream:
            return await self._streamed(body)
        started = perf_counter()
        answer = await (self._first(body) if self._known is None else self._again(self._known, body))
        latency_s = perf_counter() - started
        return completion_of(plain(answer.json()), latency_s, _told(answer.headers))

    async def _first(self, body: JsonObject) -> Any:
        answer = await self.client.post(self.path, cast_to=self.response, body=body)
        if not answer.history:  # redirected requests are not those that the SDK would send
            self._known = _Known.of(answer.request)
        return answer

    async def _again(self, known: _Known, body: JsonObject) -> Any:
        answer = await self.http.send(known.request(body))
        if not answer.is_success:
            raise self.refused(f"status {answer.status_code}", response=answer, body=_read(answer))  # type: ignore[call-arg]
        return answer

    async def _streamed(self, body: JsonObject) -> Completion:
        gathered, started = StreamedAnswer(), perf_counter()
        sent = self.client.post(self.path, cast_to=object, body=body, stream=True, stream_cls=self.stream)
        async with await sent as stream:
            async for chunk in stream:
                gathered.add(plain(chunk), perf_counter() - started)
            return gathered.completion(perf_counter() - started, _told(stream.response.headers))


@dataclass(frozen=True, slots=True, repr=False)  # the headers hold the key
class _Known:
    """What every question has in common on the wire. `made` and `stream`: the HTTP library's request and its body."""

    made: type[Any]
    stream: type[Any]
    url: Any
    headers: Any

    @classmethod
    def of(cls, request: Any) -> _Known:
        kept = [(name, value) for name, value in request.headers.raw if not name.lower().startswith(_OF_ONE_REQUEST)]
        headers = type(request.headers)(kept)
        return cls(type(request), type(request.stream), request.url, headers)

    def request(self, body: JsonObject) -> Any:
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        made = self.made("POST", self.url, headers=self.headers, stream=self.stream(content))
        made.headers["content-length"] = str(len(content))
        made.read()  # a body that was read is sent whole, not in chunks
        return made


def _told(headers: Any) -> Mapping[str, str]:
    """An answer's headers by their names in small letters, read once: the HTTP library reads all for each look-up."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}


def _read(answer: Any) -> object:
    """The body of a refusal: JSON where it is, else its text."""
    try:
        return answer.json()
    except ValueError:
        return answer.text
