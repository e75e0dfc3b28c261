"""The error tree of the seam. Adapters translate every SDK or wire failure into one of these.

    ProviderError
    ├── Closed            the platform no longer does this for this account, model or date
    ├── Auth              the key is missing, wrong, or not allowed here
    ├── Billing           no credit, a spending limit, an unpaid account
    ├── Quota             a hard quota (jobs a day, storage) that waiting a minute does not lift
    ├── RateLimited       too many requests just now; `retry_after_s` when the server says
    ├── InvalidData       the platform refuses the file or the request as it stands
    │   └── Unsupported   a hyperparameter, method or shape this platform cannot take, refused by name
    ├── SafetyBlocked     refused by moderation or a safety evaluation
    ├── Capacity          the platform has no machines for it now
    ├── NotFound          no such job, file, model
    ├── CannotTell        the platform has no way to answer the question (for example: find by tag)
    ├── PlatformFault     5xx, an unreadable answer, a status that makes no sense
    └── Unreachable       no connection, DNS, TLS, time-out

`nothing_created` answers the one question that matters after a paid request: does this failure *prove*
that nothing was bought? It is False unless proved, so a forgotten case is treated as in doubt.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "Auth",
    "Billing",
    "CannotTell",
    "Capacity",
    "Closed",
    "InvalidData",
    "NotFound",
    "PlatformFault",
    "ProviderError",
    "Quota",
    "RateLimited",
    "SafetyBlocked",
    "Unreachable",
    "Unsupported",
]


class ProviderError(Exception):
    """A platform said no, or could not be heard. Survives pickling; the raw body is always kept."""

    code = "provider_error"

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        operation: str = "",
        status: int | None = None,
        wire_code: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        body: str | None = None,
        nothing_created: bool = False,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.operation = operation
        self.status = status
        self.wire_code = wire_code
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.body = body
        self.nothing_created = nothing_created
        self.fix = fix

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, {k: v for k, v in self.__dict__.items() if k != "message"}))

    def __str__(self) -> str:
        where = " ".join(part for part in (self.provider, self.operation) if part)
        status = f" (HTTP {self.status})" if self.status else ""
        return f"{where}: {self.message}{status}" if where else f"{self.message}{status}"


def _rebuild(kind: type[ProviderError], message: str, fields: dict[str, Any]) -> ProviderError:
    error = kind(message)
    error.__dict__.update(fields)
    return error


class Closed(ProviderError):
    """The platform no longer does this for this account, model or date."""

    code = "closed"


class Auth(ProviderError):
    """The key is missing, wrong, or not allowed here."""

    code = "auth"


class Billing(ProviderError):
    """No credit, a spending limit, an unpaid account."""

    code = "billing"


class Quota(ProviderError):
    """A hard quota that a short wait does not lift."""

    code = "quota"


class RateLimited(ProviderError):
    """Too many requests just now; `retry_after_s` when the server says."""

    code = "rate_limited"


class InvalidData(ProviderError):
    """The platform refuses the file or the request as it stands."""

    code = "invalid_data"


class Unsupported(InvalidData):
    """A hyperparameter, method or shape this platform cannot take, refused by name before anything is sent."""

    code = "unsupported"


class SafetyBlocked(ProviderError):
    """Refused by moderation or by a safety evaluation."""

    code = "safety_blocked"


class Capacity(ProviderError):
    """The platform has no machines for it now."""

    code = "capacity"


class NotFound(ProviderError):
    """No such job, file or model."""

    code = "not_found"


class CannotTell(ProviderError):
    """The platform has no way to answer the question, for example to find a job by our tag."""

    code = "cannot_tell"


class PlatformFault(ProviderError):
    """5xx, an unreadable answer, or one that makes no sense."""

    code = "platform_fault"


class Unreachable(ProviderError):
    """No connection: refused, DNS, TLS, time-out."""

    code = "unreachable"
