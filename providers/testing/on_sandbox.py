"""The whole suite over real HTTP, for an adapter whose wire our sandbox speaks: `pip install 'tunewright[sandbox]'`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from ..contract import Connection, Platform, Provider, Secret
from ..errors import Auth
from ..records import Plan
from .over_http import OverHTTP
from .whole import ProviderContract

if TYPE_CHECKING:
    from ..sandbox import RunningSandbox

__all__ = ["OnSandbox", "SandboxControls"]


class SandboxControls(OverHTTP):
    """The clock, the faults and the counted requests of the sandbox that the account is reached at: over plain HTTP, so
    that no certificates are read."""

    async def pass_time(self, provider: Provider, seconds: float) -> None:
        """Moves the sandbox's clock: nobody waits."""
        await self.tell(provider, "clock", {"advance_s": seconds})

    async def tell(self, provider: Provider, path: str, body: dict[str, Any]) -> None:
        """Post to the sandbox's own controls."""
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            (await http.post(self.control(provider, path), json=body)).raise_for_status()

    def control(self, provider: Provider, path: str) -> str:
        """The URL of one of the sandbox's own controls."""
        place = urlsplit(str(provider.connection.base_url))
        return f"{place.scheme}://{place.netloc}/_sandbox/{path}"

    @pytest.fixture
    def fault(self, provider: Provider) -> Callable[..., None]:
        """Switch on one of the sandbox's faults."""

        def switch_on(name: str, **fields: Any) -> None:
            with httpx.Client(trust_env=False, verify=False) as http:
                http.post(self.control(provider, "faults"), json={"name": name, **fields}).raise_for_status()

        return switch_on

    @pytest.fixture
    def asked(self, provider: Provider) -> Callable[[str, str], int]:
        """How often the sandbox was asked for exactly this."""

        def count(method: str, path: str) -> int:
            with httpx.Client(trust_env=False, verify=False) as http:
                rows = http.get(self.control(provider, "requests")).json()["requests"]
            return sum(row["count"] for row in rows if (row["method"], row["path"]) == (method, path))

        return count

    @pytest.fixture
    def queued(self, fault: Callable[..., None]) -> None:
        """The next job waits in the queue for an hour, so that it is not over before the test acts."""
        fault("stuck_queue")


class OnSandbox(SandboxControls, ProviderContract):
    """A sandbox of its own for every test, reached as any user would: by the environment."""

    pace_s = 0.0
    """Seconds of the sandbox's clock that an epoch takes."""

    wrong_key = "sk-wrong-canary-0123456789abcdef"
    """Of the platform's form, and nobody's."""

    @pytest.fixture
    def running(self) -> Iterator[RunningSandbox]:
        pytest.importorskip("starlette", reason="pip install 'tunewright[sandbox]'")
        from ..sandbox import Sandbox, serve

        sandbox = Sandbox(None, pace_s=self.pace_s)
        try:
            with serve(sandbox) as running:
                yield running
        finally:
            sandbox.close()

    @pytest.fixture
    def connection(self, platform: Platform, running: RunningSandbox, tmp_path: Path) -> Connection:
        return platform.connection(running.environ, None, tmp_path)

    async def test_a_wrong_key_is_an_auth_error(self, platform: Platform, provider: Provider, plan: Plan) -> None:
        wrong = replace(provider.connection, api_key=Secret(self.wrong_key))
        async with platform.open(wrong) as account:
            with pytest.raises(Auth) as refused:
                await account.preflight(plan)
        assert self.wrong_key not in str(refused.value) + str(refused.value.body)
