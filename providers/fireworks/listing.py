"""Lists cut into pages by a token, as Fireworks' gateway gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from ..errors import CannotTell, PlatformFault
from ..records import JsonObject
from ..wire import MAX_PAGES, plain

__all__ = ["every"]


async def every(fetch: Callable[[str | None], Awaitable[Any]], key: str) -> AsyncIterator[JsonObject]:
    """Each entry under `key`, page by page.

    Raises `CannotTell` after `MAX_PAGES`, for an unfinished list must never look like a finished one, and
    `PlatformFault` for an answer that is no list. An empty one may come without its key.
    """
    token: str | None = None
    for _ in range(MAX_PAGES):
        told = plain(await fetch(token))
        rows = told.get(key, [])
        if not isinstance(rows, list) or (key not in told and set(told) - {"nextPageToken", "totalSize"}):
            raise PlatformFault("the answer is not a listing", body=str(dict(told))[:65_536])
        for row in rows:
            if isinstance(row, Mapping):
                yield row
        following = told.get("nextPageToken")
        if not following or following == token:
            return
        token = str(following)
    raise CannotTell(f"the listing does not end within {MAX_PAGES} pages")
