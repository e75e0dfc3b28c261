"""boto3's clients behind one awaitable call, run in threads, with no retry of their own.

boto3 is synchronous. It is used all the same, in a bounded pool of threads, rather than signed by hand and sent over
another library: AWS's service model then checks every request and reads every answer, and boto3's own chain finds the
credentials (environment, profile, SSO, instance role) and renews them. botocore repeats a failed request by itself, the
paid one too (three attempts, botocore 1.44.8): `total_max_attempts` 1 forbids it, whatever the environment says.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, partial
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidConfigError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from ..contract import Connection
from ..errors import Auth, InvalidData, PlatformFault, Unreachable
from ..records import JsonObject

__all__ = ["Clients", "Refused", "plain_answer", "secrets_of"]

Service = Literal["bedrock", "bedrock-runtime", "s3"]
T = TypeVar("T")

_CONNECT_S, _READ_S = 10.0, 120.0
_CONTROL_AT_ONCE, _QUESTIONS_AT_ONCE = 8, 64
"""Threads for jobs, files and money, and for questions: many questions in flight must not hold up a job."""

_UNSENT = (EndpointConnectionError, ConnectTimeoutError)
"""botocore's errors that prove that no byte of the request was sent: it raises them only while connecting."""

_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    MetadataRetrievalError,
    InvalidConfigError,
)
"""Nothing was signed, so nothing was sent."""


class Refused(Exception):
    """An answer with an error status, in the shape in which every SDK's refusal is read (see `classify`)."""

    def __init__(self, error: ClientError) -> None:
        told: Mapping[str, Any] = error.response
        about: Mapping[str, Any] = told.get("ResponseMetadata") or {}
        said: Mapping[str, Any] = told.get("Error") or {}
        self.code = str(said.get("Code") or "")
        self.status_code = int(about.get("HTTPStatusCode") or 500)
        self.body = {"code": self.code, "message": str(said.get("Message") or told.get("message") or error)}
        headers = {str(name).lower(): str(value) for name, value in (about.get("HTTPHeaders") or {}).items()}
        if about.get("RequestId"):
            headers["x-request-id"] = str(about["RequestId"])
        self.response = _Response(headers)
        super().__init__(self.body["message"])


@dataclass(frozen=True, slots=True)
class _Response:
    headers: Mapping[str, str]
    text: str = ""


@dataclass(slots=True)
class Clients:
    """One client a service, made when it is first needed: loading a service's model takes a tenth of a second."""

    connection: Connection
    _made: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _control: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_CONTROL_AT_ONCE))
    _questions: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_QUESTIONS_AT_ONCE))

    async def call(self, service: Service, operation: str, **request: Any) -> JsonObject:
        """One request, exactly; its answer as botocore reads it. Raises `Refused`, or an error of our tree."""
        return await self.run(service, partial(_asked, operation=operation, request=request))

    async def run(self, service: Service, work: Callable[[Any], T]) -> T:
        """`work(client)` in a thread of the service's pool.

        A thread is never left to itself when the caller is cancelled: what a paid request brought must be known.
        """
        limiter = self._questions if service == "bedrock-runtime" else self._control
        return await anyio.to_thread.run_sync(self._work, service, work, limiter=limiter)

    def _work(self, service: Service, work: Callable[[Any], T]) -> T:
        try:
            return work(self._client(service))
        except ClientError as error:
            raise Refused(error) from None
        except ParamValidationError as error:
            raise InvalidData(f"not a request that AWS takes: {error}", nothing_created=True) from None
        except _NO_CREDENTIALS as error:
            raise Auth(
                f"boto3 finds no usable credentials ({error})",
                nothing_created=True,
                fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run `aws sso login`",
            ) from None
        except (*_UNSENT, HTTPClientError) as error:
            raise _unreachable(error) from None
        except BotoCoreError as error:
            # Of the many others most are about profiles, tokens and configuration; none of them proves what was sent.
            raise PlatformFault(f"{type(error).__name__}: {error}") from None

    def _client(self, service: Service) -> Any:
        with self._lock:
            if service not in self._made:
                self._made[service] = _client(self.connection, service)
            return self._made[service]

    def close(self) -> None:
        """Close every connection."""
        for client in self._made.values():
            client.close()


def secrets_of(connection: Connection) -> tuple[str, ...]:
    """Each part of the credentials alone, to be cut out of every text: AWS repeats a wrong key's id."""
    return tuple(part for part in connection.api_key.reveal().split(":") if part) if connection.api_key else ()


def plain_answer(answer: JsonObject) -> dict[str, Any]:
    """An answer as JSON: without botocore's own part, times as text."""
    told = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    plain: dict[str, Any] = json.loads(json.dumps(told, default=_text))
    return plain


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _asked(client: Any, operation: str, request: Mapping[str, Any]) -> JsonObject:
    answer: JsonObject = getattr(client, operation)(**request)
    return answer


def _unreachable(error: BotoCoreError) -> Unreachable:
    unsent = isinstance(error, _UNSENT)
    words = "no connection" if unsent else "the answer was lost"
    cause = error.kwargs.get("error") if isinstance(error, ConnectionClosedError) else None
    return Unreachable(
        f"{words} ({type(cause or error).__name__}: {error})",
        nothing_created=unsent,
        fix="check the network, the region and the AWS status page" if unsent else None,
    )


def _client(connection: Connection, service: Service) -> Any:
    options = connection.options
    urls = {"bedrock": connection.base_url, "bedrock-runtime": options.get("runtime_url"), "s3": options.get("s3_url")}
    url = urls[service]
    pool = _QUESTIONS_AT_ONCE if service == "bedrock-runtime" else _CONTROL_AT_ONCE
    config = Config(
        region_name=options.get("region"),
        connect_timeout=_CONNECT_S,
        read_timeout=float(options.get("read_timeout_s", _READ_S)),
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=pool,
        proxies={} if connection.is_sandbox else None,
        ignore_configured_endpoint_urls=True,  # the connection alone says whom we talk to
        request_checksum_calculation="when_required",  # we send the checksums that we know
        s3={"addressing_style": "path"} if url else None,
        user_agent_extra="tunewright",
    )
    return _session(connection).client(service, endpoint_url=url, config=config)


def _session(connection: Connection) -> Any:
    core = botocore.session.Session()
    core.register_component("data_loader", _loader())
    if connection.api_key is None:
        return boto3.session.Session(botocore_session=core, profile_name=connection.options.get("profile"))
    key, _, rest = connection.api_key.reveal().partition(":")
    secret, _, token = rest.partition(":")
    return boto3.session.Session(
        botocore_session=core,
        aws_access_key_id=key,
        aws_secret_access_key=secret or "none",
        aws_session_token=token or None,
    )


@cache
def _loader() -> Any:
    """AWS's service models, megabytes of JSON: read once a process, not once an account."""
    return botocore.loaders.create_loader()
