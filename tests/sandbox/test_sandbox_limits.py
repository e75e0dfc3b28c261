"""The sandbox's rate limits: told in headers, refused above, whole again with time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
import together

from providers.sandbox import Sandbox

Ask = Callable[[str], Any]
MODEL = "gpt-4.1-mini-2025-04-14"


def ask_once(client: Any, ask: Ask, model: str = MODEL, **more: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model=model, messages=ask("hello"), max_tokens=50, **more)


def test_without_a_limit_no_header_speaks_of_one(client: openai.OpenAI, ask: Ask) -> None:
    assert not [name for name in ask_once(client, ask).headers if name.startswith("x-ratelimit")]


def test_what_is_left_is_told_with_every_answer(sandbox: Sandbox, client: openai.OpenAI, ask: Ask) -> None:
    sandbox.throttle.set(requests_per_min=60, tokens_per_min=6000)
    headers = ask_once(client, ask).headers
    told = {name: headers[f"x-ratelimit-{name}"] for name in ("limit-requests", "remaining-requests", "reset-requests")}
    assert told == {"limit-requests": "60", "remaining-requests": "59", "reset-requests": "1s"}
    assert int(headers["x-ratelimit-remaining-tokens"]) < 6000 - 50


def test_a_streamed_answer_tells_it_too(sandbox: Sandbox, client: openai.OpenAI, ask: Ask) -> None:
    sandbox.throttle.set(requests_per_min=60)
    assert ask_once(client, ask, stream=True).headers["x-ratelimit-remaining-requests"] == "59"


def test_above_the_limit_429_says_how_long_and_keeping_to_it_helps(
    sandbox: Sandbox, client: openai.OpenAI, ask: Ask
) -> None:
    sandbox.throttle.set(requests_per_min=60, burst_s=2)
    for _ in range(2):
        ask_once(client, ask)
    with pytest.raises(openai.RateLimitError) as refused:
        ask_once(client, ask)
    assert refused.value.response.headers["retry-after-ms"] == "1000"
    sandbox.clock.advance(1)
    assert ask_once(client, ask).headers["x-ratelimit-remaining-requests"] == "0"


def test_tokens_asked_for_count_before_they_are_spoken(sandbox: Sandbox, tog: together.Together, ask: Ask) -> None:
    sandbox.throttle.set(tokens_per_min=100)
    ask_once(tog, ask, "Qwen/Qwen3-8B")
    with pytest.raises(together.RateLimitError):
        ask_once(tog, ask, "Qwen/Qwen3-8B")
    assert sandbox.throttle.refused == 1


def test_each_model_has_a_limit_of_its_own(sandbox: Sandbox, client: openai.OpenAI, ask: Ask) -> None:
    sandbox.throttle.set(MODEL, requests_per_min=1)
    ask_once(client, ask)
    for _ in range(3):
        ask_once(client, ask, "gpt-4.1-nano-2025-04-14")


def test_limits_are_set_over_http_too(http: httpx.Client, sandbox: Sandbox) -> None:
    http.post("/_sandbox/limits", json={"requests_per_min": 30})
    assert http.get("/_sandbox/limits").json()["limits"][""]["requests_per_min"] == 30
    assert http.post("/_sandbox/limits", json={"requests_per_min": 0}).status_code == 400
    http.delete("/_sandbox/limits")
    assert sandbox.throttle.active() == {}
