"""Plain HTTP to a server of the test's own, without reading the machine's trusted certificates (100 ms) every time."""

from __future__ import annotations

from functools import partial

import httpx

__all__ = ["delete", "get", "post", "request"]

request = partial(httpx.request, trust_env=False, verify=False)
get, post, delete = partial(request, "GET"), partial(request, "POST"), partial(request, "DELETE")
