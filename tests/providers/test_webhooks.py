"""Webhooks: what is signed by the platform and of now is read, and nothing else; the stock SDK agrees on both."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

import providers
from providers.contract import Secret
from providers.errors import Auth, InvalidData, ProviderError, Unsupported
from providers.records import Capability, WebhookNews
from providers.webhooks import MAX_BODY_BYTES, TOLERANCE_S, signature, signing_secrets

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = Secret("whsec_" + base64.b64encode(b"another key, of 24 bytes").decode())
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330
PLATFORM = providers.platform("openai")
KINDS = ("fine_tuning.job.succeeded", "fine_tuning.job.failed", "fine_tuning.job.cancelled")
VECTOR = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def event(kind: str = KINDS[0], job: Any = "ftjob-1") -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "created_at": AT, "type": kind, "data": {"id": job}}).encode()


def signed(body: bytes, *secrets: Secret, at: int = AT, id: str = ID) -> dict[str, str]:
    signatures = " ".join(signature(secret, id, at, body) for secret in secrets or (SECRET,))
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signatures}


def read(
    headers: Mapping[str, str], body: bytes, *secrets: Secret, now: float = AT, platform: str = "openai"
) -> WebhookNews | None:
    moment = datetime.fromtimestamp(now, UTC)
    return providers.platform(platform).webhook(headers, body, secrets or (SECRET,), moment)


def test_the_signature_is_that_of_the_published_vector() -> None:
    assert signature(SECRET, ID, AT, b'{"test": 2432232314}') == VECTOR


@pytest.mark.parametrize("kind", KINDS)
def test_news_of_a_job_name_the_job_the_kind_and_the_delivery(kind: str) -> None:
    assert read(signed(event(kind)), event(kind)) == WebhookNews(id=ID, kind=kind, job_id="ftjob-1")


@pytest.mark.parametrize(
    "body",
    [
        event("batch.completed"),
        event(job=None),
        event(job=7),
        b"[]",
        b'{"type": []}',
        b'{"type": "fine_tuning.job.failed", "data": 1}',
    ],
)
def test_what_is_the_platforms_own_and_about_no_job_is_nothing(body: bytes) -> None:
    assert read(signed(body), body) is None


def test_the_stock_sdk_takes_what_we_sign() -> None:
    at, body = int(time.time()), event()
    with openai.OpenAI(api_key="sk-none", webhook_secret=SECRET.reveal()) as client:
        told = client.webhooks.unwrap(body, signed(body, at=at))
    assert (told.type, told.data.id) == (KINDS[0], "ftjob-1")  # type: ignore[union-attr]


def _tampered(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body.replace(b"ftjob-1", b"ftjob-2"), headers


def _renamed(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body, headers | {"webhook-id": "msg_another"}


def _made_fresh(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}


def _of_another_version(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return body, headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}


def _reformatted(body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    return json.dumps(json.loads(body), indent=1).encode(), headers


@pytest.mark.parametrize("change", [_tampered, _renamed, _made_fresh, _of_another_version, _reformatted])
def test_whatever_was_changed_after_signing_is_refused(change: Callable[..., Any]) -> None:
    body, headers = change(event(), signed(event()))
    with pytest.raises(Auth, match="signature"):
        read(headers, body)


@pytest.mark.parametrize("change", [_tampered, _renamed, _made_fresh, _reformatted])
def test_the_stock_sdk_refuses_the_same(change: Callable[..., Any]) -> None:
    body, headers = change(event(), signed(event(), at=int(time.time())))
    with (
        openai.OpenAI(api_key="sk-none", webhook_secret=SECRET.reveal()) as client,
        pytest.raises(openai.InvalidWebhookSignatureError),
    ):
        client.webhooks.unwrap(body, headers)


@pytest.mark.parametrize("late_s", [-TOLERANCE_S, 0, TOLERANCE_S])
def test_a_delivery_within_five_minutes_either_way_is_taken(late_s: int) -> None:
    assert read(signed(event()), event(), now=AT + late_s) is not None


@pytest.mark.parametrize("late_s", [-TOLERANCE_S - 1, TOLERANCE_S + 1, 5 * 3600])
def test_a_delivery_older_or_newer_than_that_is_refused(late_s: int) -> None:
    with pytest.raises(Auth, match="not of now"):
        read(signed(event()), event(), now=AT + late_s)


def test_while_the_secret_is_being_changed_old_and_new_are_taken() -> None:
    assert read(signed(event(), OTHER), event(), OTHER, SECRET) is not None
    assert read(signed(event(), SECRET), event(), OTHER, SECRET) is not None
    assert read(signed(event(), SECRET, OTHER), event(), OTHER) is not None


def test_a_secret_that_was_withdrawn_signs_no_more() -> None:
    with pytest.raises(Auth, match="signature"):
        read(signed(event(), SECRET), event(), OTHER)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_delivery_that_lacks_a_header_is_no_webhook(name: str) -> None:
    headers = {key: value for key, value in signed(event()).items() if key != name}
    with pytest.raises(InvalidData, match="headers"):
        read(headers, event())


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "1e9", "1.5", "٣", "9" * 13])
def test_a_time_that_is_no_number_is_no_webhook(timestamp: str) -> None:
    with pytest.raises(InvalidData):
        read(signed(event()) | {"webhook-timestamp": timestamp}, event())


def test_the_case_of_header_names_does_not_matter() -> None:
    assert read({name.title(): value for name, value in signed(event()).items()}, event()) is not None


@pytest.mark.parametrize(("size", "refused"), [(MAX_BODY_BYTES, False), (MAX_BODY_BYTES + 1, True)])
def test_a_body_may_have_so_many_bytes_and_not_one_more(size: int, refused: bool) -> None:
    body = event() + b" " * (size - len(event()))
    if not refused:
        assert read(signed(body), body) is not None
        return
    with pytest.raises(InvalidData, match="bytes"):
        read(signed(body), body)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_signed_body_that_is_no_json_is_no_webhook(body: bytes) -> None:
    with pytest.raises(InvalidData, match="JSON"):
        read(signed(body), body)


@given(headers=st.dictionaries(st.sampled_from(sorted(signed(b""))), st.text()), body=st.binary())
def test_nothing_that_is_unsigned_gets_in_and_nothing_breaks(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(ProviderError):
        read(headers, body)


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_secrets_come_from_the_platforms_variable_one_or_several() -> None:
    environ = {str(PLATFORM.webhook_variable): f" {SECRET.reveal()}, {OTHER.reveal()} "}
    found = signing_secrets(environ, str(PLATFORM.webhook_variable), "openai")
    assert [secret.reveal() for secret in found] == [SECRET.reveal(), OTHER.reveal()]


@pytest.mark.parametrize("value", ["", "   ", "sk-proj-123", "whsec_", "whsec_###", "whsec_c2hvcnQ=", "whsec_é"])
def test_what_is_no_signing_secret_is_refused_by_its_variable_and_not_shown(value: str) -> None:
    with pytest.raises(Auth, match="OPENAI_WEBHOOK_SECRET") as refused:
        signing_secrets({"OPENAI_WEBHOOK_SECRET": value}, "OPENAI_WEBHOOK_SECRET", "openai")
    assert not value.strip() or value not in str(refused.value)


# ── platforms ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", providers.platform_names())
def test_a_platform_has_a_variable_for_secrets_exactly_where_it_can_send(name: str) -> None:
    platform = providers.platform(name)
    can = platform.capabilities(date(2026, 11, 22))[Capability.WEBHOOKS]
    assert bool(can) == (platform.webhook_variable is not None)
    assert can.reason


@pytest.mark.parametrize("name", ["together", "sandbox"])
def test_a_platform_without_webhooks_says_so(name: str) -> None:
    with pytest.raises(Unsupported, match="no webhooks"):
        read(signed(event()), event(), platform=name)
