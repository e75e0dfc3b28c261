"""Each failure gets one name, and "nothing was created" only when that is proved."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from typing import Any

import aiohttp
import httpcore
import httpx
import httpx2
import openai
import pytest
import together

from providers.classify import PROVED_UNSENT_STATUS, Asked, decide, redact, translate, was_sent
from providers.errors import (
    Auth,
    Billing,
    Capacity,
    Closed,
    InvalidData,
    NotFound,
    PlatformFault,
    ProviderError,
    Quota,
    RateLimited,
    SafetyBlocked,
    Unreachable,
)

KEY = "sk-canary-0123456789abcdefghij"
ASKED = Asked("somewhere", "create", (KEY,), {"training_not_available": "closed to new jobs since 2026-05-07"})


def refused(status: int, body: Any = None, headers: dict[str, str] | None = None) -> ProviderError:
    """What comes of such an answer, through the SDK's own making of its exception."""
    content = body if isinstance(body, str) else json.dumps(body or {})
    response = httpx2.Response(status, text=content, headers=headers, request=httpx2.Request("POST", "http://x/"))
    client = openai.AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient())
    return translate(client._make_status_error_from_response(response), ASKED)


def said(code: str | None, message: str = "no") -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidData), (401, Auth), (402, Billing), (403, Auth), (404, NotFound), (408, PlatformFault),
     (409, PlatformFault), (413, InvalidData), (415, InvalidData), (422, InvalidData), (429, RateLimited),
     (500, PlatformFault), (502, PlatformFault), (503, PlatformFault), (529, Capacity), (307, PlatformFault)],
)  # fmt: skip
def test_a_status_alone_has_one_name(status: int, kind: type[ProviderError]) -> None:
    error = refused(status, said(None))
    assert type(error) is kind
    assert error.status == status
    assert error.nothing_created is (status in PROVED_UNSENT_STATUS)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(403, "training_not_available", Closed), (403, "endpoints_v1_create_access_disabled", Closed),
     (429, "insufficient_quota", Billing), (400, "billing_hard_limit_reached", Billing),
     (429, "daily_rate_limit_exceeded", Quota), (429, "rate_limit_exceeded", RateLimited),
     (404, "model_not_found", NotFound), (400, "model_not_available", NotFound), (401, "invalid_api_key", Auth),
     (400, "content_policy_violation", SafetyBlocked), (503, "model_overloaded", Capacity),
     (500, "insufficient_quota", PlatformFault)],
)  # fmt: skip
def test_a_code_says_more_than_the_status(status: int, code: str, kind: type[ProviderError]) -> None:
    assert type(refused(status, said(code))) is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [(401, "This job would exceed your free trial credits.", Billing), (400, "Flagged by moderation", SafetyBlocked),
     (400, "The model `x` does not exist or you do not have access to it.", NotFound),
     (503, "The engine is currently overloaded", Capacity), (429, "At most 3 jobs per day", Quota),
     (500, "billing service down", PlatformFault)],
)  # fmt: skip
def test_a_message_is_read_last(status: int, message: str, kind: type[ProviderError]) -> None:
    assert type(refused(status, said(None, message))) is kind


def test_a_closed_door_comes_with_our_dates_and_their_words() -> None:
    error = refused(403, said("training_not_available", "Fine-tuning is not available."))
    assert "2026-05-07" in str(error)
    assert "Fine-tuning is not available." in str(error)


def test_what_helps_people_is_kept() -> None:
    error = refused(429, said("rate_limit_exceeded"), {"x-request-id": "req_1", "retry-after-ms": "1500"})
    assert (error.request_id, error.retry_after_s, error.wire_code) == ("req_1", 1.5, "rate_limit_exceeded")
    assert json.loads(str(error.body))["error"]["code"] == "rate_limit_exceeded"


def test_a_page_instead_of_an_answer_is_named_and_kept() -> None:
    error = refused(502, "<html><h1>502 Bad Gateway</h1></html>")
    assert "HTML" in error.message
    assert "Bad Gateway" in str(error.body)


def test_no_secret_gets_through() -> None:
    error = refused(401, said("invalid_api_key", f"Incorrect API key provided: {KEY}"))
    assert KEY not in str(error) + str(error.body)


def test_anything_shaped_like_a_key_is_cut_out() -> None:
    assert redact("key sk-proj-AbCdEf0123456789 and tgp_v1_AbCdEf0123456789", ()) == "key *** and ***"


def test_an_error_survives_pickling() -> None:
    error = refused(403, said("training_not_available"))
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_a_torn_answer_is_in_doubt_and_kept() -> None:
    error = translate(json.JSONDecodeError("Expecting value", '{"id": "ftjob', 7), ASKED)
    assert type(error) is PlatformFault
    assert (error.body, error.nothing_created) == ('{"id": "ftjob', False)


def test_a_file_of_ours_that_is_gone_is_not_the_platforms_fault() -> None:
    error = translate(FileNotFoundError(2, "No such file or directory", "train.jsonl"), ASKED)
    assert type(error) is InvalidData
    assert "train.jsonl" in error.message


def test_whatever_else_breaks_is_in_doubt() -> None:
    error = translate(AttributeError("'str' object has no attribute 'x'"), ASKED)
    assert type(error) is PlatformFault
    assert error.nothing_created is False


def chained(*causes: BaseException) -> BaseException:
    """The first one, caused by the second, caused by the third …"""
    for outer, inner in pairwise(causes):
        outer.__cause__ = inner
    return causes[0]


REQUEST = httpx2.Request("POST", "http://x/")
LOST: tuple[BaseException, ...] = (
    chained(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout("?"), aiohttp.ServerDisconnectedError()),
    chained(openai.APITimeoutError(REQUEST), httpx2.ReadTimeout("?"), aiohttp.SocketTimeoutError()),
    chained(openai.APIConnectionError(request=REQUEST), httpx2.ReadError("?"), httpcore.ReadError("?")),
    chained(openai.APIConnectionError(request=REQUEST), httpx2.RemoteProtocolError("?")),
    chained(openai.APIConnectionError(request=REQUEST), httpx2.WriteError("?"), ConnectionResetError("?")),
    chained(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout("?"), aiohttp.ClientConnectionError("closed")),
    chained(openai.APIConnectionError(request=REQUEST), httpx2.ConnectTimeout("?"), aiohttp.ClientOSError("?")),
    openai.APIConnectionError(request=REQUEST),
    httpx2.ReadError("in the middle of a stream"),
)
UNSENT: tuple[BaseException, ...] = (
    chained(openai.APIConnectionError(request=REQUEST), httpx2.ConnectError("?"), httpcore.ConnectError("?")),
    chained(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout("?"), httpcore.ConnectTimeout("?"), TimeoutError()),
    chained(openai.APITimeoutError(REQUEST), httpx2.PoolTimeout("?")),
    chained(openai.APITimeoutError(REQUEST), httpx2.ConnectTimeout("?"), aiohttp.ConnectionTimeoutError()),
    chained(together.APIConnectionError(request=httpx.Request("POST", "http://x/")), httpx.ConnectError("?")),
)


@pytest.mark.parametrize("error", LOST, ids=lambda error: repr(error.__cause__))
def test_a_lost_reply_is_in_doubt_whatever_it_is_called(error: BaseException) -> None:
    assert was_sent(error)
    told = translate(error, ASKED)
    assert (type(told), told.nothing_created) == (Unreachable, False)


@pytest.mark.parametrize("error", UNSENT, ids=lambda error: repr(error.__cause__))
def test_a_connection_that_never_was_proves_that_nothing_was_sent(error: BaseException) -> None:
    assert not was_sent(error)
    told = translate(error, ASKED)
    assert (type(told), told.nothing_created) == (Unreachable, True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(RateLimited("x", retry_after_s=3), "rate_limit"), (PlatformFault("x"), "transient"), (Capacity("x"), "transient"),
     (Unreachable("x"), "transient"), (Billing("x"), "no"), (Quota("x"), "no"), (Closed("x"), "no"), (Auth("x"), "no"),
     (InvalidData("x"), "no"), (NotFound("x"), "no"), (SafetyBlocked("x"), "no"), (ValueError("x"), "no")],
)  # fmt: skip
def test_only_what_time_can_heal_is_repeated(error: Exception, kind: str) -> None:
    assert decide(error).kind == kind
