"""Opens an account whose jobs are processes; says it where a system cannot have such."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from ..errors import Unsupported

if TYPE_CHECKING:
    from .account import ProcessAccount

__all__ = ["opened", "refuse_elsewhere"]

A = TypeVar("A", bound="ProcessAccount")


@asynccontextmanager
async def opened(make: Callable[[], A], provider: str) -> AsyncIterator[A]:
    """The account; the servers that were started only to be asked by it end with it. Raises `Unsupported`."""
    refuse_elsewhere(provider)
    account = make()
    try:
        yield account
    finally:
        await account.aclose()


def refuse_elsewhere(provider: str) -> None:
    """Raises `Unsupported` where there are no process groups and no file locks that end with their process."""
    if os.name != "posix":
        raise Unsupported(
            f"jobs on this machine need process groups, which {os.name!r} has not",
            provider=provider,
            operation="open",
            nothing_created=True,
            fix="run it on Linux or macOS, or in WSL",
        )
