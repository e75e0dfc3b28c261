"""The same nouns without `await`: each is called on an event loop of its own, none written twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyio.from_thread import start_blocking_portal

__all__ = ["Blocking", "blocking"]

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """Holds the async object whose methods are called."""

    def __init__(self, asynchronous: Any) -> None:
        self._async = asynchronous


def blocking(method: Callable[Concatenate[Any, P], Awaitable[T]]) -> Callable[Concatenate[Blocking, P], T]:
    """The blocking twin of an async method, with its signature and docstring. Works inside a running loop too."""

    def call(self: Blocking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def run() -> T:
            return await method(self._async, *args, **kwargs)

        with start_blocking_portal() as portal:
            return portal.call(run)

    update_wrapper(call, method)
    return call
