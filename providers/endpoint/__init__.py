"""Any server that speaks OpenAI's chat completions, by its URL: it is asked, and nothing else.

The URL is the platform's name, so that it names the account, the price rows and the limits too. The SDK is loaded when
it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

from ..contract import Connection, Provider
from ..environment import account_name
from ..errors import NotFound
from ..evaluation_only import EvaluationOnlyPlatform

__all__ = ["EndpointPlatform", "endpoint"]


class EndpointPlatform(EvaluationOnlyPlatform):
    """One such server. A key is needed only where one is given beside the URL."""

    reason = "a server known only by its URL is asked for answers; jobs need a platform that is known by name"

    def __init__(self, url: str) -> None:
        self.name = url
        self.title = f"the server at {url}"

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """The URL alone: whoever knows the key puts it in. `account` names who asks where one server knows several."""
        return Connection(api_key=None, base_url=self.name, account=account_name(None, self.name, account))

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """The server, with the SDK loaded now."""
        from .account import opened

        return opened(self, connection)


def endpoint(url: str) -> EndpointPlatform:
    """The server at `http://HOST:PORT/v1`. Raises `NotFound` for a URL that cannot be one, or that holds a password."""
    try:
        parts = urlsplit(url)
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_a_number = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_a_number:
        raise NotFound("not the URL of a server", provider=url, fix="write it as http://127.0.0.1:8000/v1#MODEL")
    if parts.username or parts.password or parts.query:
        raise NotFound(
            "this URL holds a name, a password or a query, and it would be kept in the ledger",
            fix="take them out; a key belongs into an environment variable, named in [evaluation.endpoint_keys]",
        )
    return EndpointPlatform(url.rstrip("/"))
