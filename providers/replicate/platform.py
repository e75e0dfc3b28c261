"""Replicate without a key and without the network: facts, the row format, and the requests of a submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ..contract import Connection, Dialect, Provider
from ..environment import account_name, base_url, required_key
from ..errors import InvalidData, NotFound, Unsupported
from ..published import PublishedFacts
from ..records import Hyperparameters, Method, ModelFacts, Plan, PlannedRequest, ProviderFile
from .bodies import OWN_HOST, RATE, WEBHOOK, Known, check, planned_requests
from .names import reference
from .places import DESTINATION

__all__ = ["ReplicatePlatform"]


class ReplicatePlatform(PublishedFacts):
    """Replicate's own API, and every server that speaks it (`REPLICATE_BASE_URL`)."""

    name = "replicate"
    title = "Replicate"
    key_variable: str | None = "REPLICATE_API_TOKEN"

    def __init__(self) -> None:
        self._known = Known()

    def dialect(self, method: Method) -> Dialect:
        """Conversations, one `messages` list a line, as TRL and scripts after it read them."""
        from ..dialects import TRL_CHAT

        return TRL_CHAT

    def model(self, name: str) -> ModelFacts:
        """What can be said of any model here. Raises `NotFound` for what is not OWNER/NAME or OWNER/NAME:VERSION."""
        if reference(name) is None:
            raise NotFound(
                f"{name!r} is no model of Replicate's",
                provider=self.name,
                fix=f"write it as {self.name}:OWNER/TRAINER:VERSION",
            )
        return replace(super().model(name), tuned_serving="serverless")  # a prediction on any version

    def refuse_settings(self, model: str, method: Method, given: Hyperparameters) -> None:
        """Raises `Unsupported` for a trainer without its version; what the trainer itself takes is asked of it before
        anything is uploaded."""
        check(model, given, self.name)

    def suffix_limit(self) -> int:
        """None is possible: a training has no name of its own."""
        return 0

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Every request of a submission, in order; at `base_url`, by default Replicate's own host."""
        if plan.suffix:
            raise Unsupported("suffix: a training has no name of its own", provider=self.name, nothing_created=True)
        return planned_requests(plan, files, (base_url or OWN_HOST).rstrip("/"), self._known, ids)

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Token, URL, destination, webhook and the price of the hardware from the environment.

        Raises `Auth` naming the missing variable, `InvalidData` for a price that is none.
        """
        url = base_url(environ, "REPLICATE_BASE_URL", OWN_HOST, without="/v1")
        named = {
            DESTINATION: environ.get("REPLICATE_DESTINATION", "").strip(),
            WEBHOOK: environ.get("REPLICATE_WEBHOOK_URL", "").strip(),
            RATE: _price(environ.get("REPLICATE_USD_PER_SECOND", "").strip()),
        }
        return Connection(
            api_key=required_key(environ, "REPLICATE_API_TOKEN", self.name),
            base_url=url,
            account=account_name(None, url, account),
            state_dir=state_dir,
            options={name: value for name, value in named.items() if value},
        )

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """One account, with the SDK loaded now. Raises `Unsupported` when the extra is not installed."""
        try:
            from .account import opened
        except ImportError as error:
            raise Unsupported(
                f"Replicate's SDK is not installed ({error.name or error} is missing)",
                provider=self.name,
                operation="open",
                nothing_created=True,
                fix="pip install 'tunewright[replicate]'",
            ) from None
        known = Known(connection.options.get(DESTINATION), connection.options.get(WEBHOOK))
        mine = copy(self)
        mine._known = known
        return opened(mine, connection, known)


def _price(text: str) -> str:
    if not text:
        return ""
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal(-1)
    if not usd.is_finite() or usd < 0:
        raise InvalidData(
            f"REPLICATE_USD_PER_SECOND is {text!r}, not an amount of dollars",
            nothing_created=True,
            fix='write it as "0.001400", as the page of the trainer tells it',
        )
    return text
