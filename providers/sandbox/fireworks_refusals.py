"""How Fireworks' gateway says no: a gRPC code, its words, and no `error` around them.

Also what every route there needs: names of resources taken apart, and lists cut into pages.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .refusals import Refused

__all__ = ["ACCOUNT", "exists", "gateway", "invalid", "listed", "missing", "own_id", "part_of", "precondition"]

ACCOUNT = "sandbox"
"""The one account here. What is everybody's belongs to the account `fireworks`."""

_CODES = {400: 3, 404: 5, 409: 6, 403: 7, 429: 8, 401: 16}
_FAILED_PRECONDITION = 9
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_MOST_ON_A_PAGE, _ON_A_PAGE = 200, 50  # fireworks-ai 1.2.30, `page_size`

_Endpoint = Callable[[Request], Awaitable[Response]]


def gateway(endpoint: _Endpoint) -> _Endpoint:
    """The same route, for the one account that there is, with refusals in the gateway's shape."""

    async def told(request: Request) -> Response:
        try:
            if request.path_params.get("account", ACCOUNT) not in (ACCOUNT, "fireworks"):
                raise missing(f"account {request.path_params['account']}")
            return await endpoint(request)
        except Refused as refused:
            code = _FAILED_PRECONDITION if refused.code == "FAILED_PRECONDITION" else _CODES.get(refused.status, 2)
            return JSONResponse({"code": code, "message": refused.message, "details": []}, refused.status)

    return told


def invalid(message: str) -> Refused:
    """INVALID_ARGUMENT."""
    return Refused(400, message, code="INVALID_ARGUMENT")


def missing(what: str) -> Refused:
    """NOT_FOUND."""
    return Refused(404, f"{what} not found", code="NOT_FOUND")


def exists(what: str) -> Refused:
    """ALREADY_EXISTS."""
    return Refused(409, f"{what} already exists", code="ALREADY_EXISTS")


def precondition(message: str) -> Refused:
    """FAILED_PRECONDITION."""
    return Refused(400, message, code="FAILED_PRECONDITION")


def own_id(given: Any, what: str) -> str:
    """An id that a client has chosen: lower case, digits and hyphens, a letter first. Raises `Refused`."""
    if not isinstance(given, str) or not _ID.fullmatch(given):
        raise invalid(f"invalid {what} {given!r}: 1 to 63 of a-z, 0-9 and -, and a letter first")
    return given


def part_of(name: Any, collection: str) -> str:
    """The id in `accounts/sandbox/COLLECTION/ID`, or an id as it is. Raises `Refused`."""
    text = str(name or "")
    id = text.removeprefix(f"accounts/{ACCOUNT}/{collection}/")
    if not id or "/" in id:
        raise invalid(f"invalid resource name {text!r}: accounts/{ACCOUNT}/{collection}/ID")
    return id


def listed(request: Request, key: str, rows: Sequence[Mapping[str, Any]]) -> Response:
    """One page. Raises `Refused` for a filter, which the sandbox does not have, and a token that it did not give."""
    query = request.query_params
    if query.get("filter"):
        raise invalid("filter is not available in the sandbox")
    if query.get("orderBy", "") not in ("", "name", "createTime", "createTime desc"):
        raise invalid("orderBy takes name, createTime or createTime desc in the sandbox")
    field, _, direction = (query.get("orderBy") or "name").partition(" ")
    ordered = sorted(rows, key=lambda row: str(row[field]), reverse=bool(direction))
    size = min(int(query.get("pageSize") or _ON_A_PAGE) or _ON_A_PAGE, _MOST_ON_A_PAGE)
    start = query.get("pageToken") or "0"
    if not start.isdigit():
        raise invalid(f"invalid page token {start!r}")
    end = int(start) + size
    following = str(end) if end < len(ordered) else ""
    page = ordered[int(start) : end]
    return JSONResponse({key: page, "nextPageToken": following, "totalSize": len(ordered)})
