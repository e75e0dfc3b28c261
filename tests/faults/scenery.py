"""What each forked process works with: the case's ledger, the sandbox's clock, an adapter opened to be killed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import httpx2
import openai
import together

from orchestrator.jobs.desk import Desk
from orchestrator.ledger import Ledger
from providers.contract import Provider
from providers.fireworks.platform import FireworksPlatform
from providers.openai.platform import OpenAIPlatform
from providers.records import Settling
from providers.replicate.platform import ReplicatePlatform
from providers.together.platform import TogetherPlatform

from . import dying
from .passing import PlatformClock

__all__ = ["BREATH_S", "PLATFORMS", "Scenery", "Variant", "desk_at", "opened"]

BREATH_S = 20.0
"""How long somebody waits before the same command again."""

_PLAIN = SimpleNamespace(DefaultAsyncHttpxClient=httpx.AsyncClient, Timeout=httpx.Timeout)
"""For an SDK that has no HTTP client of its own."""

_SDKS = {"openai": (openai, httpx2), "together": (together, httpx)}
if find_spec("fireworks"):
    _SDKS["fireworks"] = (import_module("fireworks"), httpx)
if find_spec("replicate"):
    _SDKS["replicate"] = (_PLAIN, httpx)
_MORE = {"REPLICATE_USD_PER_SECOND": "0.001"}
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


class _OpenAI(OpenAIPlatform):
    """OpenAI's facts with a settling window of somebody else's choice."""

    window_s: float | None = None

    def settling(self) -> Settling:
        told = super().settling()
        return told if self.window_s is None else replace(told, window_s=self.window_s)


class _Together(TogetherPlatform):
    """The same for Together."""

    window_s: float | None = None

    def settling(self) -> Settling:
        told = super().settling()
        return told if self.window_s is None else replace(told, window_s=self.window_s)


class _Fireworks(FireworksPlatform):
    """The same for Fireworks."""

    window_s: float | None = None

    def settling(self) -> Settling:
        told = super().settling()
        return told if self.window_s is None else replace(told, window_s=self.window_s)


class _Replicate(ReplicatePlatform):
    """The same for Replicate, where the window is how long a person waits before saying that there is none."""

    window_s: float | None = None

    def settling(self) -> Settling:
        told = super().settling()
        return told if self.window_s is None else replace(told, window_s=self.window_s)


_ALL = {"openai": _OpenAI, "together": _Together, "fireworks": _Fireworks, "replicate": _Replicate}
PLATFORMS: dict[str, Any] = {name: platform for name, platform in _ALL.items() if name in _SDKS}
"""Those whose SDK is installed."""


def desk_at(scenery: Scenery) -> Desk:
    """The desk on the case's ledger, by the sandbox's clock."""
    return Desk(ledger=Ledger.open(scenery.folder, {}), clock=PlatformClock(scenery.address, scenery.at), patience_s=60)


@asynccontextmanager
async def opened(name: str, variant: Variant, scenery: Scenery) -> AsyncIterator[Provider]:
    """The real adapter over its SDK's ordinary transport, which has little patience and can kill."""
    platform = PLATFORMS[name]()
    platform.window_s = variant.window_s
    connection = platform.connection(scenery.environ | _MORE, None, scenery.folder)
    connection = replace(connection, options={**connection.options, "read_timeout_s": str(_ANSWER_WITHIN_S)})
    http = dying.client(*_SDKS[name], connection)
    async with http, platform.open(replace(connection, http=http)) as provider:
        yield provider
