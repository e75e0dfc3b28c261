"""Claude on Anthropic's own API: asked, and nothing else. The SDK is loaded when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ..contract import Connection, Platform, Provider
from ..environment import account_name, base_url, required_key
from ..errors import Unsupported
from ..evaluation_only import EvaluationOnlyPlatform

__all__ = ["NAME", "PLATFORM", "AnthropicPlatform"]

NAME = "anthropic"
OWN_HOST = "https://api.anthropic.com"


class AnthropicPlatform(EvaluationOnlyPlatform):
    """`anthropic:MODEL` among the candidates: a Claude to be asked beside what was tuned elsewhere."""

    name = NAME
    title = "Anthropic"
    key_variable: str | None = "ANTHROPIC_API_KEY"
    reason = (
        "no, because Anthropic tunes no model on its own API; the only tunable Claude, Claude 3 Haiku on Amazon "
        "Bedrock, reached its end of life on 2026-09-10 (as of 2026-11-22). A Claude can be asked here as a candidate"
    )

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Key and URL from the environment. Raises `Auth` naming the missing variable."""
        url = base_url(environ, "ANTHROPIC_BASE_URL", OWN_HOST, without="/v1")
        return Connection(
            api_key=required_key(environ, "ANTHROPIC_API_KEY", self.name),
            base_url=url,
            account=account_name(None, url, account),
            state_dir=state_dir,
        )

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """The API, with the SDK loaded now. Raises `Unsupported` where the extra is not installed."""
        try:
            from .account import opened
        except ImportError as error:
            raise Unsupported(
                f"the anthropic SDK is not installed ({error.name or error} is missing)",
                provider=self.name,
                operation="open",
                nothing_created=True,
                fix="pip install 'tunewright[anthropic]'",
            ) from None
        return opened(self, connection)


PLATFORM: Platform = AnthropicPlatform()
