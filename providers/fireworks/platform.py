"""Fireworks without a key and without the network: facts, formats, and the exact requests of a submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ..contract import Connection, Dialect, Provider
from ..environment import account_name, base_url, required_key
from ..errors import Unsupported
from ..published import PublishedFacts
from ..records import Hyperparameters, Method, Plan, PlannedRequest, ProviderFile
from .bodies import OWN_HOST, SUFFIX_LIMIT, check, planned_requests

__all__ = ["FireworksPlatform"]

_ACCOUNT_UNKNOWN = "<account>"


class FireworksPlatform(PublishedFacts):
    """Fireworks' own API, and every server that speaks it (`FIREWORKS_BASE_URL`: the root, above `/inference`)."""

    name = "fireworks"
    title = "Fireworks"
    key_variable: str | None = "FIREWORKS_API_KEY"

    def dialect(self, method: Method) -> Dialect:
        """Fireworks' chat lines, or its preference lines."""
        from ..dialects import FIREWORKS_CHAT, FIREWORKS_PREFERENCE

        return FIREWORKS_PREFERENCE if method is Method.DPO else FIREWORKS_CHAT

    def refuse_settings(self, model: str, method: Method, given: Hyperparameters) -> None:
        """Raises `Unsupported` naming a setting that cannot be sent, also where two contradict each other."""
        check(method, given, self.name)

    def suffix_limit(self) -> int:
        """Most characters of the user's own suffix, in the tuned model's id before our tag."""
        return SUFFIX_LIMIT

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Every request of a submission, in order; at `base_url`, by default Fireworks' own host."""
        named = plan.account.partition("@")[0]
        account = named if named and "#" not in named and named != "default" else _ACCOUNT_UNKNOWN
        return planned_requests(plan, files, tag, (base_url or OWN_HOST).rstrip("/"), account, ids)

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Key, URL and account id from the environment. Raises `Auth` naming the missing variable."""
        url = base_url(environ, "FIREWORKS_BASE_URL", OWN_HOST, without="/inference/v1")
        own = environ.get("FIREWORKS_ACCOUNT_ID") or None
        return Connection(
            api_key=required_key(environ, "FIREWORKS_API_KEY", self.name),
            base_url=url,
            account=account_name(own, url, account),
            project=own,
            state_dir=state_dir,
        )

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """One account, with the SDK loaded now. Raises `Unsupported` where it is not installed."""
        try:
            from .account import opened
        except ModuleNotFoundError as error:
            if error.name != "fireworks":
                raise
            raise Unsupported(
                "the Fireworks SDK is not installed",
                provider=self.name,
                operation="open",
                nothing_created=True,
                fix="pip install 'tunewright[fireworks]'",
            ) from None
        return opened(self, connection)
