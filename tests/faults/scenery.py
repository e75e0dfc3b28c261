"""What each forked process works with: the case's ledger, the sandbox's clock, an adapter opened to be killed in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, cast

import providers
from orchestrator.canonical import intent_id, tag_of
from orchestrator.jobs.desk import Desk
from orchestrator.ledger import Ledger
from providers.contract import Dialect, Platform, Provider
from providers.records import Example, Hyperparameters, Message, Method, Price, Settling

from .dying import watched
from .passing import PlatformClock
from .platforms import PLATFORMS

__all__ = ["BREATH_S", "Scenery", "Variant", "desk_at", "fresh_tag", "opened", "platform_at", "training_rows"]

BREATH_S = 20.0
"""How long somebody waits before the same command again."""

_ANSWER_WITHIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Variant:
    """How the buyer goes about it. `window_s`: its settling window; None: the one of the platform's facts.

    `naive`: no protocol at all, the request is repeated until an answer comes.
    """

    name: str = "protocol"
    window_s: float | None = None
    naive: bool = False


@dataclass(frozen=True, slots=True)
class Scenery:
    """Where a case is played: the folder of its ledger, the sandbox, and what its clock says."""

    folder: Path
    environ: dict[str, str]
    address: str
    at: float


def platform_at(name: str, window_s: float | None = None) -> Platform:
    """The platform with its own facts, but for a settling window of somebody else's choice (None: its own too), and
    for the buyer's own price where it has none."""
    here = PLATFORMS[name]
    own: Any = type(providers.platform(here.second_way or name))
    usd = here.usd_per_mtok

    class Patient(own):  # type: ignore[misc]
        def settling(self) -> Settling:
            told: Settling = super().settling()
            return told if window_s is None else replace(told, window_s=window_s)

        def prices(self, model: str, method: Method, hyperparameters: Hyperparameters) -> Sequence[Price]:
            told: Sequence[Price] = super().prices(model, method, hyperparameters)
            return [replace(price, usd=usd) if price.usd is None and price.per == "mtok" else price for price in told]

    return cast(Platform, Patient())


def training_rows(dialect: Dialect, words: str) -> bytes:
    """Ten rows that all hold these words."""
    turns = [(Message("user", f"{words} {number}"), Message("assistant", "yes")) for number in range(10)]
    return "".join(json.dumps(dialect.encode(Example(turn))) + "\n" for turn in turns).encode()


def fresh_tag() -> str:
    """A name made anew, as a script makes one for every attempt."""
    return tag_of(intent_id({"one": token_hex(8)}))


def desk_at(scenery: Scenery) -> Desk:
    """The desk on the case's ledger, by the sandbox's clock."""
    return Desk(ledger=Ledger.open(scenery.folder, {}), clock=PlatformClock(scenery.address, scenery.at), patience_s=60)


@asynccontextmanager
async def opened(name: str, variant: Variant, scenery: Scenery) -> AsyncIterator[Provider]:
    """The real adapter over its SDK's ordinary transport, which has little patience and can kill."""
    here, platform = PLATFORMS[name], platform_at(name, variant.window_s)
    connection = platform.connection({**scenery.environ, **here.environ}, None, scenery.folder)
    connection = replace(connection, options={**connection.options, "read_timeout_s": str(_ANSWER_WITHIN_S)})
    async with watched(here, connection) as connection, platform.open(connection) as provider:
        yield provider
