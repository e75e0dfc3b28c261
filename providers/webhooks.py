"""Standard Webhooks, read and signed: is this delivery the platform's own, is it fresh, and which job is it about?

Pure: the raw body, the headers, the secrets and the time are handed in. A webhook is a hint to look at a job, never
its state. Which event types and fields a platform uses stands in its fact file (`[webhooks]`).
Specification: https://github.com/standard-webhooks/standard-webhooks (spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from .contract import Secret
from .errors import Auth, InvalidData
from .facts import WebhookFacts
from .records import WebhookNews

__all__ = ["MAX_BODY_BYTES", "TOLERANCE_S", "read_webhook", "signature", "signing_secrets"]

MAX_BODY_BYTES = 256 * 1024
TOLERANCE_S = 300
"""How far a delivery's timestamp may lie from our clock, either way."""

_PREFIX = "whsec_"
_VERSION = "v1,"
_DIGITS = re.compile(r"[0-9]{1,12}")
_ID = re.compile(r"[\x21-\x7e]{1,256}")
_MOST_SIGNATURES = 16
_LEAST_KEY_BYTES = 16


def signing_secrets(environ: Mapping[str, str], variable: str, provider: str) -> tuple[Secret, ...]:
    """Every secret in the variable, separated by spaces or commas; while one is being changed both are accepted.

    Raises `Auth` naming the variable where it is not set or holds what is no signing secret.
    """
    found = re.split(r"[\s,]+", environ.get(variable, "").strip(" \t\n,"))
    if found == [""]:
        raise Auth(
            f"{variable} is not set", provider=provider, fix=f"export {variable}={_PREFIX}…, or put it into .env"
        )
    for place, text in enumerate(found, start=1):
        if _key(text) is None:
            which = f" (number {place} of {len(found)})" if len(found) > 1 else ""
            raise Auth(
                f"{variable} holds no signing secret{which}",
                provider=provider,
                fix=f"a secret is {_PREFIX} followed by base64; the platform shows it when the endpoint is made",
            )
    return tuple(Secret(text) for text in found)


def signature(secret: Secret, id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`. Raises `ValueError` for what is no signing secret."""
    key = _key(secret.reveal())
    if key is None:
        raise ValueError(f"a signing secret is {_PREFIX} followed by base64")
    return _VERSION + base64.b64encode(_digest(key, id, str(timestamp), body)).decode()


def read_webhook(
    facts: WebhookFacts,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[Secret],
    now: datetime,
    provider: str,
) -> WebhookNews | None:
    """What a delivery says; None for one that is the platform's own and about no job.

    `headers` in any case; `body` exactly as it came. Raises `InvalidData` for what is no webhook, `Auth` for a
    signature or a time that does not hold. Nothing of the body is believed, or even parsed, before its signature.
    """
    id, timestamp, signed = _headers(facts, headers, provider)
    if len(body) > MAX_BODY_BYTES:
        raise InvalidData(f"the body has more than {MAX_BODY_BYTES:,} bytes", provider=provider, operation="webhook")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise Auth("the webhook is not of now", provider=provider, operation="webhook")
    keys = [key for secret in secrets if (key := _key(secret.reveal())) is not None]
    if not _matches([_digest(key, id, timestamp, body) for key in keys], signed):
        raise Auth("the webhook's signature does not hold", provider=provider, operation="webhook")
    return _news(facts, id, _event(body, provider))


def _headers(facts: WebhookFacts, headers: Mapping[str, str], provider: str) -> tuple[str, str, str]:
    low = {name.lower(): value for name, value in headers.items()}
    id, timestamp, signed = (low.get(f"{facts.header_prefix}-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (_ID.fullmatch(id) and _DIGITS.fullmatch(timestamp) and signed):
        raise InvalidData("the headers of a webhook are missing", provider=provider, operation="webhook")
    return id, timestamp, signed


def _key(secret: str) -> bytes | None:
    """The key's bytes; None where the text is no signing secret."""
    if not secret.startswith(_PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= _LEAST_KEY_BYTES else None


def _digest(key: bytes, id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.new(key, f"{id}.{timestamp}.".encode() + body, sha256).digest()


def _matches(expected: Sequence[bytes], signed: str) -> bool:
    """Whether any signature in the header is one we expect; each is compared in constant time."""
    given = [_decoded(part) for part in signed.split(" ")[:_MOST_SIGNATURES] if part.startswith(_VERSION)]
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given)


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part.removeprefix(_VERSION), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _event(body: bytes, provider: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidData("the body is not JSON", provider=provider, operation="webhook") from error


def _news(facts: WebhookFacts, id: str, event: Any) -> WebhookNews | None:
    kind, job_id = _at(event, facts.kind_at), _at(event, facts.job_at)
    if not (isinstance(kind, str) and kind in facts.kinds and isinstance(job_id, str) and job_id):
        return None
    return WebhookNews(id=id, kind=kind, job_id=job_id)


def _at(event: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for key in path.split("."):
        event = event.get(key) if isinstance(event, dict) else None
    return event
