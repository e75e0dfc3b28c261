"""How each wire says no: error bodies in the platform's own shape, and the exception that carries one to the route.

Also reads a request's JSON body, which is the first thing a route may have to refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from .aws_signature import AWS, service_of

__all__ = ["Refused", "body_of", "error_response", "refuse", "response_of"]

_AWS_NAMES: Mapping[int, str] = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_GOOGLE_NAMES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}
_S3_NAMES: Mapping[str, str] = {
    "ThrottlingException": "SlowDown",
    "AccessDeniedException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InternalServerException": "InternalError",
    "ResourceNotFoundException": "NoSuchKey",
}


class Refused(Exception):
    """The request is answered with an error. Raised by routes, turned into a response by `refuse`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        type: str = "invalid_request_error",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.type = status, message, code, param, type
        self.headers = dict(headers or {})


async def refuse(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for `Refused`."""
    assert isinstance(error, Refused)
    return response_of(error, request.scope)


def response_of(error: Refused, scope: Scope) -> Response:
    """The refusal in the shape of the wire that was asked."""
    if scope["path"].startswith("/replicate/"):
        return _problem(error)
    if scope["path"].startswith("/vertex/"):
        return _by_google(error)
    return _by_aws(error, scope) if scope["path"].startswith(f"{AWS}/") else error_response(error)


def _problem(error: Refused) -> JSONResponse:
    """Problem details (RFC 7807), as Replicate sends them: `title` is the kind, `detail` the sentence."""
    body = {"title": error.type, "detail": error.message, "status": error.status}
    return JSONResponse(body, error.status, headers=error.headers, media_type="application/problem+json")


def _by_google(error: Refused) -> JSONResponse:
    """google.rpc.Status in JSON; a code that is no status's name is the reason in its details."""
    status = _GOOGLE_NAMES.get(error.status, "INTERNAL")
    named = error.code if error.code in (*_GOOGLE_NAMES.values(), "FAILED_PRECONDITION") else status
    told: dict[str, Any] = {"code": error.status, "message": error.message, "status": named}
    if error.code not in (None, named):
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": error.code, "domain": "googleapis.com"}
        told["details"] = [info]
    return JSONResponse({"error": told}, error.status, headers=error.headers)


def _by_aws(error: Refused, scope: Scope) -> Response:
    """JSON with the error's name in a header; XML where S3 is asked."""
    name, service = error.code or _AWS_NAMES.get(error.status, "InternalServerException"), service_of(scope["headers"])
    if service != "s3":
        return JSONResponse({"message": error.message}, error.status, {**error.headers, "x-amzn-errortype": name})
    status = 503 if error.status == 429 else error.status
    told = f"<Code>{_S3_NAMES.get(name, name)}</Code><Message>{escape(error.message)}</Message>"
    body = f"<?xml version='1.0'?><Error>{told}</Error>"
    return Response(body, status, headers=error.headers, media_type="application/xml")


def error_response(error: Refused) -> JSONResponse:
    """The body both platforms use: an `error` object with message, type, param and code."""
    body = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    return JSONResponse({"error": body}, error.status, headers=error.headers)


async def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused` (400) when it is none."""
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise Refused(400, "The body of the request must be a JSON object.")
    return body
