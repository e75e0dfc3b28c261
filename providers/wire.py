"""Small readers of what a platform answers: SDK objects to plain JSON, times, numbers, pages; odd fields break none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, TypeVar

from .errors import CannotTell, PlatformFault
from .records import JsonObject

__all__ = [
    "MAX_PAGES",
    "day",
    "every",
    "given_files",
    "integer",
    "iso_time",
    "items",
    "json_or_text",
    "latest_attempt",
    "loss",
    "mapping",
    "number",
    "plain",
    "unix_time",
]

T = TypeVar("T")

MAX_PAGES = 500
"""Where a listing is given up: at 100 a page, 50,000 jobs or files."""


def plain(answer: Any, *, as_it_came: bool = False) -> JsonObject:
    """An SDK object as the JSON it was. An HTML page comes out of both SDKs as `str`: that is no answer.

    `as_it_came`: without pydantic's JSON mode, which makes null of a NaN; for answers that hold losses and no times.
    """
    if isinstance(answer, Mapping):
        return answer
    if not hasattr(answer, "to_dict"):
        raise PlatformFault("the answer is not a JSON object", body=str(answer)[:65_536])
    found: JsonObject = answer.to_dict(mode="python" if as_it_came else "json", warnings=False)
    return found


def mapping(value: object) -> JsonObject:
    """What should be an object; an empty one where it is something else, or missing."""
    return value if isinstance(value, Mapping) else {}


def json_or_text(response: Any) -> object:
    """The body of an HTTP answer (httpx's or httpx2's, read) as JSON; as its text where it is none."""
    try:
        return response.json()
    except ValueError:
        return response.text


def items(answer: Any, *, as_it_came: bool = False) -> list[JsonObject]:
    """The `data` of a listing; a null list is an empty one. An answer without `data` is no listing, and no "none"."""
    listing = plain(answer, as_it_came=as_it_came)
    if "data" not in listing:
        raise PlatformFault("the answer is not a listing", body=str(dict(listing))[:65_536])
    data = listing["data"]
    return [entry for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []


async def every(
    fetch: Callable[[str | None], Awaitable[Any]], *, as_it_came: bool = False
) -> AsyncIterator[JsonObject]:
    """Each entry of a listing paged by the last id; stops at a page with nothing new, whatever `has_more` says.

    `as_it_came`: see `plain`. Raises `CannotTell` after `MAX_PAGES`: an unfinished listing must never look like a
    finished one.
    """
    seen: set[str] = set()
    after: str | None = None
    for _ in range(MAX_PAGES):
        answer = await fetch(after)
        fresh = [entry for entry in items(answer, as_it_came=as_it_came) if str(entry.get("id")) not in seen]
        for entry in fresh:
            seen.add(str(entry.get("id")))
            yield entry
        if not fresh or plain(answer).get("has_more") is False:
            return
        after = str(fresh[-1].get("id"))
    raise CannotTell(f"the listing does not end within {MAX_PAGES} pages")


def unix_time(value: object) -> datetime | None:
    """Seconds since 1970 as an aware UTC time; missing, zero and nonsense are None."""
    seconds = number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OverflowError, OSError, ValueError):
        return None


def iso_time(value: object) -> datetime | None:
    """An ISO 8601 text as an aware UTC time; nonsense is None."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def day(value: object) -> date | None:
    """A YYYY-MM-DD text as a date; nonsense is None."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def number(value: object) -> float | None:
    """A finite number, also when it came as text; nonsense is None."""
    found = loss(value)
    return found if found is not None and isfinite(found) else None


def loss(value: object) -> float | None:
    """A number, also when it came as text, NaN and infinity too: a loss that is no number tells of a divergence."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def integer(value: object) -> int | None:
    """A whole number, also when it came as text or float; nonsense is None."""
    found = number(value)
    return None if found is None else int(found)


def given_files(job: JsonObject) -> dict[str, str]:
    """A job's files by role, as both wires name them."""
    named = {"train": job.get("training_file"), "validation": job.get("validation_file")}
    return {role: str(file_id) for role, file_id in named.items() if file_id}


def latest_attempt(told: Iterable[tuple[int, T]]) -> list[tuple[int, T]]:
    """Training steps in the order told, without those of an attempt that was thrown away.

    A step that is told again after later ones was trained again: the job went back to it, and what came after it the
    first time is no part of the model.
    """
    kept: list[tuple[int, T]] = []
    seen: set[int] = set()
    for step, value in told:
        if step in seen and kept and step < kept[-1][0]:
            while kept and kept[-1][0] >= step:
                kept.pop()
        seen.add(step)
        kept.append((step, value))
    return kept
