"""Questions over each SDK's aiohttp transport: the first as the SDK sends it, the others like it, and how they fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.contract import Provider
from providers.errors import InvalidData, PlatformFault, RateLimited, Unreachable
from providers.records import Message, Sampling

pytestmark = pytest.mark.anyio

QUESTION = (Message("user", "wo ist „meine“ Karte?"),)
GAP_S = 0.15
Chunks = list[dict[str, Any] | float]


def delta(finish: str | None = None, **told: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": told, "finish_reason": finish}]}


def whole(text: str = "yes") -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return reply(json.dumps({"model": "m", "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}))


def reply(body: str, status: str = "200 OK", *more: str, kind: str = "application/json") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body.encode())}", *more)
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass
class Server:
    """Remembers the head and the body of every request; `answers`: bytes, chunks of a stream, or None: it hangs up."""

    answers: Callable[[int], bytes | Chunks | None] = lambda _number: whole()
    heads: list[list[str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            length = next(int(line[15:]) for line in head if line.lower().startswith("content-length:"))
            self.heads.append(head)
            self.bodies.append(json.loads(await reader.readexactly(length)))
            answer = self.answers(len(self.heads))
            if answer is None:
                break
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await self._stream(writer, answer)
                break
        writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, chunks: Chunks) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for chunk in chunks:
            if isinstance(chunk, float):
                await asyncio.sleep(chunk)
            else:
                writer.write(f"data: {json.dumps(chunk)}\n\n".encode())
            await writer.drain()
        writer.write(b"data: [DONE]\n\n")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture(params=["openai", "together"])
async def provider(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> AsyncIterator[Provider]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    name = request.param.upper()
    environ = {f"{name}_BASE_URL": f"{url}/v1", f"{name}_API_KEY": "sk-sandbox-canary-0123456789"}
    environ["TOGETHER_PROJECT_ID"] = "proj"
    platform = providers.platform(request.param)
    async with platform.open(platform.connection(environ, None, tmp_path)) as opened:
        yield opened
    listening.close()
    await listening.wait_closed()


async def ask(provider: Provider, **sampling: Any) -> Any:
    return await provider.complete("m", QUESTION, Sampling(**sampling))


async def test_every_question_is_sent_as_the_sdk_sends_the_first(provider: Provider, server: Server) -> None:
    first, second = await ask(provider), await ask(provider)
    assert first.text == second.text == "yes"
    assert server.bodies[0] == server.bodies[1]
    sent = [{line.lower() for line in head if "content-length" not in line.lower()} for head in server.heads]
    assert sent[0] == sent[1]
    assert any(line.startswith("authorization: bearer sk-") for line in sent[1])


async def test_a_later_question_is_of_its_own_length_and_words(provider: Provider, server: Server) -> None:
    await ask(provider)
    await provider.complete("other", (Message("user", "straße " * 300),), Sampling(max_tokens=9, seed=None))
    assert server.bodies[1]["model"] == "other"
    assert server.bodies[1]["messages"] == [{"role": "user", "content": "straße " * 300}]
    assert "seed" not in server.bodies[1]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply('{"error": {"message": "too odd", "code": "bad"}}', "400 Bad Request"), InvalidData),
        (reply('{"error": {"message": "slower"}}', "429 Too Many", "retry-after: 7"), RateLimited),
        (reply("<html>", "502 Bad Gateway", kind="text/html"), PlatformFault),
        (reply("<html>", kind="text/html"), PlatformFault),
        (reply("{", "200 OK"), PlatformFault),
        (reply("[]", "200 OK"), PlatformFault),
    ],
)
async def test_the_first_question_and_a_later_one_fail_alike(
    provider: Provider, server: Server, number: int, answer: bytes, error: type[Exception]
) -> None:
    server.answers = lambda sent: answer if sent == number else whole()
    for _ in range(number - 1):
        await ask(provider)
    with pytest.raises(error) as failed:
        await ask(provider)
    told: Any = failed.value
    assert (told.provider, told.operation) == (provider.platform.name, "complete")
    assert told.retry_after_s == (7 if error is RateLimited else None)
    assert (await ask(provider)).text == "yes"


@pytest.mark.parametrize("number", [1, 2])
async def test_a_lost_reply_is_never_taken_for_a_refused_connection(
    provider: Provider, server: Server, number: int
) -> None:
    server.answers = lambda sent: None if sent == number else whole()
    for _ in range(number - 1):
        await ask(provider)
    with pytest.raises(Unreachable) as lost:
        await ask(provider)
    assert not lost.value.nothing_created


async def test_where_a_question_was_redirected_to_is_not_remembered(provider: Provider, server: Server) -> None:
    server.answers = lambda sent: reply("", "307 Elsewhere", "location: /elsewhere") if sent % 2 else whole()
    await ask(provider)
    await ask(provider)
    paths = [head[0].split()[1] for head in server.heads]
    assert paths[1] == paths[3] == "/elsewhere" != paths[0] == paths[2]


async def test_no_key_is_shown_by_what_is_remembered(provider: Any) -> None:
    await ask(provider)
    assert "sk-sandbox" not in repr(provider._questions) + repr(provider._questions._known)


async def test_the_first_token_is_the_first_words_and_not_the_first_byte(provider: Provider, server: Server) -> None:
    server.answers = lambda _sent: [
        delta(role="assistant", content=""),
        GAP_S,
        delta(content="ye"),
        GAP_S,
        delta(content="s"),
        delta("stop"),
    ]
    answer = await ask(provider, stream=True)
    assert answer.text == "yes"
    assert GAP_S * 0.9 <= answer.first_token_s <= answer.latency_s - GAP_S * 0.9


async def test_no_first_token_is_made_up(provider: Provider, server: Server) -> None:
    assert (await ask(provider)).first_token_s is None
    server.answers = lambda _sent: [delta(role="assistant", content=""), delta("stop")]
    assert (await ask(provider, stream=True)).first_token_s is None


async def test_a_first_token_may_be_a_call_of_a_tool(provider: Provider, server: Server) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    server.answers = lambda _sent: [delta(role="assistant"), GAP_S, delta(tool_calls=[call]), delta("tool_calls")]
    answer = await ask(provider, stream=True)
    assert answer.first_token_s >= GAP_S * 0.9
    assert answer.tool_calls[0]["function"]["name"] == "look"


async def test_odd_words_of_an_answer_are_words_or_nothing(provider: Provider, server: Server) -> None:
    choice = {"finish_reason": 3, "message": {"content": None, "refusal": {"why": 1}}}
    usage = {"prompt_tokens": "7", "completion_tokens": None}
    server.answers = lambda _sent: reply(json.dumps({"choices": [choice], "usage": usage}))
    answer = await ask(provider)
    assert (answer.text, answer.finish_reason, answer.refusal) == ("", "3", "{'why': 1}")
    assert (answer.input_tokens, answer.output_tokens) == (7, None)
