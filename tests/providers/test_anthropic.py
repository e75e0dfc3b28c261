"""Claude on Anthropic's own API: asked over real HTTP through its SDK, once each, and nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.contract import Provider, Secret
from providers.errors import Auth, Capacity, NotFound, ProviderError, RateLimited, Unsupported
from providers.records import Message, Sampling

anthropic = pytest.importorskip("anthropic")

pytestmark = pytest.mark.anyio

KEY = "sk-ant-canary-0123456789abcdef"
ASK = (Message("system", "Answer with one label"), Message("user", "I think my card is lost"))
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-9",
    "content": [{"type": "text", "text": "lost_card"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 3},
}
anthropic.types.Message.model_validate(MESSAGE)  # the SDK's own model of an answer


@dataclass
class Api:
    """What the server answers, and what it was asked. Refuses any other key."""

    url: str = ""
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def api() -> Iterator[Api]:
    told = Api(body=MESSAGE)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, sent))
            status, body = told.status, told.body
            if self.headers.get("authorization") != f"Bearer {KEY}":  # as anthropic 2.14 sends it
                told_key = self.headers.get("authorization")
                problem = {"type": "authentication_error", "message": f"invalid key {told_key}"}
                status, body = 401, {"type": "error", "error": problem}
            stream = sent.get("stream") and status == 200
            data = _events(body) if stream else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "text/event-stream" if stream else "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("request-id", "req_1")
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *told: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join(10)


def _events(message: Any) -> bytes:
    begun = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 12, "output_tokens": 0}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    events.append({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    for word in ("lost", "_card"):
        events.append({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    events.append({"type": "content_block_stop", "index": 0})
    done = {"stop_reason": "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": done, "usage": {"output_tokens": 3}})
    events.append({"type": "message_stop"})
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


@pytest.fixture
async def claude(api: Api, tmp_path: Path) -> AsyncIterator[Provider]:
    platform = providers.platform("anthropic")
    environ = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": f"{api.url}/v1"}
    async with platform.open(platform.connection(environ, None, tmp_path)) as account:
        yield account


async def test_an_answer_comes_with_usage_and_the_question_is_as_the_api_wants_it(api: Api, claude: Provider) -> None:
    answer = await claude.complete("claude-haiku-9", ASK, Sampling(max_tokens=9))
    assert (answer.text, answer.finish_reason, answer.request_id) == ("lost_card", "stop", "req_1")
    assert (answer.input_tokens, answer.output_tokens) == (12, 3)
    ((path, headers, body),) = api.asked
    assert path == "/v1/messages"
    assert headers["anthropic-version"]
    assert body == {
        "model": "claude-haiku-9",
        "max_tokens": 9,
        "system": "Answer with one label",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "I think my card is lost"}]}],
    }


async def test_a_streamed_answer_says_the_same_and_when_it_began(claude: Provider) -> None:
    answer = await claude.complete("claude-haiku-9", ASK, Sampling(stream=True))
    assert (answer.text, answer.output_tokens, answer.finish_reason) == ("lost_card", 3, "stop")
    assert answer.first_token_s is not None
    assert 0 < answer.first_token_s <= answer.latency_s


async def test_tools_are_offered_called_and_answered(api: Api, claude: Provider) -> None:
    use = {"type": "tool_use", "id": "tu_1", "name": "freeze", "input": {"card": 7}}
    api.body = {**MESSAGE, "content": [use], "stop_reason": "tool_use"}
    tool = {"type": "function", "function": {"name": "freeze", "parameters": {"type": "object"}}}
    answer = await claude.complete("claude-haiku-9", ASK, Sampling(), (tool,))
    assert answer.finish_reason == "tool_calls"
    assert json.loads(answer.tool_calls[0]["function"]["arguments"]) == {"card": 7}
    turns = (*ASK, Message("assistant", None, answer.tool_calls), Message("tool", "done", tool_call_id="tu_1"))
    await claude.complete("claude-haiku-9", turns, Sampling())
    sent = api.asked[-1][2]["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == [use]
    assert sent[2]["content"] == [{"type": "tool_result", "tool_use_id": "tu_1", "content": "done"}]


async def test_a_refusal_is_told(api: Api, claude: Provider) -> None:
    api.body = {**MESSAGE, "content": [], "stop_reason": "refusal"}
    assert (await claude.complete("claude-haiku-9", ASK, Sampling())).refusal


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (429, "rate_limit_error", RateLimited),
        (529, "overloaded_error", Capacity),
        (404, "not_found_error", NotFound),
        (500, "api_error", ProviderError),
    ],
)
async def test_a_failure_is_one_of_ours_after_one_question(
    api: Api, claude: Provider, status: int, kind: str, error: type[ProviderError]
) -> None:
    api.status, api.headers = status, {"retry-after": "3"}
    api.body = {"type": "error", "error": {"type": kind, "message": "no"}}
    with pytest.raises(error) as failed:
        await claude.complete("claude-haiku-9", ASK, Sampling())
    assert len(api.asked) == 1
    assert claude.decide(failed.value).kind == {429: "rate_limit", 404: "no"}.get(status, "transient")


@pytest.mark.parametrize("body", ["<html>soon</html>", "{", {"type": "message"}])
async def test_what_is_no_answer_is_a_fault(api: Api, claude: Provider, body: Any) -> None:
    api.body = body
    with pytest.raises(ProviderError):
        await claude.complete("claude-haiku-9", ASK, Sampling())


async def test_a_wrong_key_is_an_auth_error_that_does_not_repeat_it(api: Api, tmp_path: Path) -> None:
    platform = providers.platform("anthropic")
    wrong = "ak-some-other-canary-0123456789"
    connection = platform.connection({"ANTHROPIC_API_KEY": wrong, "ANTHROPIC_BASE_URL": api.url}, None, tmp_path)
    assert isinstance(connection.api_key, Secret)
    async with platform.open(connection) as account:
        with pytest.raises(Auth) as refused:
            await account.complete("claude-haiku-9", ASK, Sampling())
    assert wrong not in f"{refused.value}{refused.value.body}"


async def test_nothing_is_trained_there(claude: Provider, make_plan: Any) -> None:
    with pytest.raises(Unsupported, match="tunes no model"):
        await claude.create(make_plan("anthropic", "claude-haiku-9"), {}, "tw-" + "a" * 16)
