"""Every failure of an SDK or of the wire becomes one error of our tree here, and nowhere else.

By HTTP status, then by the platform's code, by message text last. The SDKs are known here only by the shape of their
exceptions, so this module imports none of them. Whether a failure proves that nothing was created is decided by the
innermost cause: over the aiohttp transport both SDKs report a lost *reply* as a connect time-out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .errors import (
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
from .hints import retry_after_s
from .records import Decision

__all__ = ["PROVED_UNSENT_STATUS", "Asked", "decide", "looks_like_a_key", "redact", "translate", "was_sent"]

PROVED_UNSENT_STATUS = frozenset({400, 401, 402, 403, 404, 412, 413, 415, 422, 429})
"""Answers that refuse before anything is made. 408, 409 and 5xx are not here: the job may exist."""

_BY_STATUS: Mapping[int, type[ProviderError]] = {
    400: InvalidData,
    401: Auth,
    402: Billing,
    403: Auth,
    404: NotFound,
    412: InvalidData,
    413: InvalidData,
    415: InvalidData,
    422: InvalidData,
    429: RateLimited,
    529: Capacity,
}

_BY_CODE: Mapping[str, type[ProviderError]] = {
    "training_not_available": Closed,
    "endpoints_v1_create_access_disabled": Closed,
    "model_deprecated": Closed,
    "insufficient_quota": Billing,
    "billing_hard_limit_reached": Billing,
    "billing_not_active": Billing,
    "billing_limit": Billing,
    "credit_limit": Billing,
    "daily_rate_limit_exceeded": Quota,
    "exceeded_quota": Quota,
    "rate_limit_exceeded": RateLimited,
    "invalid_api_key": Auth,
    "model_not_found": NotFound,
    "model_not_available": NotFound,
    "content_policy_violation": SafetyBlocked,
    "content_filter": SafetyBlocked,
    "unsafe_file": SafetyBlocked,
    "engine_overloaded": Capacity,
    "model_overloaded": Capacity,
    "server_overloaded": Capacity,
    "no_capacity": Capacity,
    "DEPLOYMENT_SCALING_UP": Capacity,
    # Google
    "BILLING_DISABLED": Billing,
    # AWS
    "ResourceNotFoundException": NotFound,
    "ThrottlingException": RateLimited,
    "SlowDown": RateLimited,
    "ServiceQuotaExceededException": Quota,
    "TooManyTagsException": Quota,
    "ModelNotReadyException": Capacity,
    "ServiceUnavailableException": Capacity,
}

_BY_MESSAGE: tuple[tuple[re.Pattern[str], type[ProviderError], frozenset[int]], ...] = (
    (
        re.compile(
            r"free trial credits|billing|payment instrument|insufficient (funds|credit)|credit (limit|balance)|"
            r"spending limit",
            re.I,
        ),
        Billing,
        frozenset({400, 401, 403, 412, 429}),
    ),
    (
        re.compile(r"moderation|usage polic|safety (system|evaluation|check)", re.I),
        SafetyBlocked,
        frozenset({400, 403}),
    ),
    (
        re.compile(
            r"model\b.{0,120}\b(does not exist|not found|is not supported|unable to access|identifier is invalid)",
            re.I | re.S,
        ),
        NotFound,
        frozenset({400, 403, 422}),
    ),
    (
        re.compile(r"jobs? (per|a) day|concurrent( tuning)? jobs|storage (limit|quota)", re.I),
        Quota,
        frozenset({400, 403, 429}),
    ),
    (re.compile(r"overloaded|no capacity|out of capacity", re.I), Capacity, frozenset({429, 500, 503})),
)
"""(what the message says, what it means, with which statuses): read only when no code settled it."""

_UNSENT = frozenset({
    # aiohttp
    "ClientConnectorError", "ClientConnectorDNSError", "ClientConnectorSSLError", "ClientConnectorCertificateError",
    "ConnectionTimeoutError", "InvalidUrlClientError", "NonHttpUrlClientError",
    # httpx, httpx2, httpcore
    "ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL",
    # the standard library, which raises these only while connecting
    "gaierror", "ConnectionRefusedError", "SSLCertVerificationError",
})  # fmt: skip
"""Exception classes that prove that no byte of the request was sent, by name."""

_SENT = frozenset({
    # aiohttp: ClientConnectorError stands before ClientOSError in its own family, so it is met first
    "ServerDisconnectedError", "SocketTimeoutError", "ServerTimeoutError", "ClientPayloadError", "ClientOSError",
    "ClientError",
    # httpx, httpx2, httpcore
    "ReadError", "ReadTimeout", "WriteError", "WriteTimeout", "CloseError", "RemoteProtocolError", "ProxyError",
})  # fmt: skip
"""Exception classes after which the request may have arrived, by name."""

_CONNECTION = frozenset({"APIConnectionError", "APITimeoutError", "TransportError", "ClientError", "OSError"})
_KEY_SHAPE = re.compile(r"\b(?:(?:sk|tgp_v\d|hf|r8)[-_]|ya29\.)[A-Za-z0-9_\-]{12,}")
_MAX_BODY = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom we asked and for what. `secrets` are cut out of every text; `notes` (code → sentence) explain a refusal."""

    provider: str
    operation: str
    secrets: Sequence[str] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    fixes: Mapping[type[ProviderError], str] = field(default_factory=dict)


def translate(error: BaseException, asked: Asked) -> ProviderError:
    """The error of our tree for any exception of an SDK call. Never raises; unknown failures are in doubt."""
    if isinstance(error, ProviderError):
        return _completed(error, asked)
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 300:
        return _from_status(error, status, asked)
    if isinstance(error, json.JSONDecodeError):
        return _fault("the answer is torn or not JSON", asked, body=error.doc)
    if isinstance(getattr(error, "body", None), Mapping):
        return _from_status(error, None, asked)
    if isinstance(error, OSError) and error.filename is not None:
        return _unreadable(error, asked)
    if _names(error) & _CONNECTION:
        return _unreachable(error, asked)
    return _fault(f"the answer makes no sense ({type(error).__name__}: {error})", asked)


def decide(error: Exception) -> Decision:
    """Whether an idempotent call is worth repeating. Quotas, bills and refusals are not lifted by waiting."""
    if isinstance(error, RateLimited):
        return Decision("rate_limit", error.retry_after_s)
    if isinstance(error, Unreachable | PlatformFault | Capacity):
        return Decision("transient", error.retry_after_s)
    return Decision("no")


def was_sent(error: BaseException) -> bool:
    """False only when the innermost telling cause proves that the request never left; True is also "not known"."""
    for cause in reversed(tuple(_chain(error))):
        for kind in type(cause).__mro__:
            if kind.__name__ in _UNSENT:
                return False
            if kind.__name__ in _SENT:
                return True
    return True


def redact(text: str, secrets: Sequence[str]) -> str:
    """`text` without any of the secrets, and without anything shaped like a platform's key."""
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return _KEY_SHAPE.sub("***", text)


def looks_like_a_key(text: str) -> bool:
    """Whether it is shaped like a platform's key."""
    return _KEY_SHAPE.search(text) is not None


def _from_status(error: BaseException, status: int | None, asked: Asked) -> ProviderError:
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = getattr(response, "headers", {})
    said = _said(error)
    kind = _kind(status, said.code, said.message)
    note = asked.notes.get(said.code or "")
    message = f"{note} ({said.message})" if note else said.message
    return kind(
        redact(message, asked.secrets),
        provider=asked.provider,
        operation=asked.operation,
        status=status,
        wire_code=said.code,
        request_id=headers.get("x-request-id") or headers.get("cf-ray"),
        retry_after_s=retry_after_s(headers, datetime.now(UTC), resets=kind is RateLimited),
        body=redact(_raw_body(error), asked.secrets),
        nothing_created=status in PROVED_UNSENT_STATUS,
        fix=asked.fixes.get(kind),
    )


def _kind(status: int | None, code: str | None, message: str) -> type[ProviderError]:
    # A 5xx stays a fault whatever its words: only then is it repeated where that is safe.
    coded = _BY_CODE.get(code or "")
    if coded and (status is None or status < 500 or coded is Capacity):
        return coded
    for pattern, kind, statuses in _BY_MESSAGE:
        if status in statuses and pattern.search(message):
            return kind
    return _BY_STATUS.get(status or 0, PlatformFault)


@dataclass(frozen=True, slots=True)
class _Said:
    code: str | None
    message: str


def _said(error: BaseException) -> _Said:
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    if not isinstance(inner, Mapping):
        return _Said(getattr(error, "code", None), _brief(inner if isinstance(inner, str) and inner else str(error)))
    code = inner.get("code") or inner.get("type")
    message = inner.get("message") or inner.get("detail") or inner.get("error") or str(error)
    return _Said(str(code) if code else None, _brief(message if isinstance(message, str) else json.dumps(message)))


def _brief(text: str) -> str:
    if text.lstrip()[:1] == "<":
        return "an HTML page instead of an answer"
    return " ".join(text.split())[:500] or "no reason given"


def _raw_body(error: BaseException) -> str:
    text: Any = getattr(getattr(error, "response", None), "text", None)
    if isinstance(text, str) and text:
        return text[:_MAX_BODY]
    body = getattr(error, "body", None)
    return (body if isinstance(body, str) else json.dumps(body, default=str))[:_MAX_BODY]


def _unreachable(error: BaseException, asked: Asked) -> ProviderError:
    sent = was_sent(error)
    cause = tuple(_chain(error))[-1]
    reason = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    words = "the answer was lost" if sent else "no connection"
    return Unreachable(
        redact(f"{words} ({reason})", asked.secrets),
        provider=asked.provider,
        operation=asked.operation,
        nothing_created=not sent,
        fix="check the network and the platform's status page" if not sent else None,
    )


def _unreadable(error: OSError, asked: Asked) -> ProviderError:
    return InvalidData(
        f"{error.filename} cannot be read: {error.strerror}",
        provider=asked.provider,
        operation=asked.operation,
        nothing_created=True,
        fix="prepare the file again",
    )


def _fault(message: str, asked: Asked, body: str | None = None) -> ProviderError:
    return PlatformFault(
        redact(message[:500], asked.secrets),
        provider=asked.provider,
        operation=asked.operation,
        body=redact(body[:_MAX_BODY], asked.secrets) if body else None,
    )


def _completed(error: ProviderError, asked: Asked) -> ProviderError:
    error.provider = error.provider or asked.provider
    error.operation = error.operation or asked.operation
    if error.body:
        error.body = redact(error.body, asked.secrets)
    return error


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for cause in _chain(error) for kind in type(cause).__mro__}


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
