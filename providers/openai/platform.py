"""OpenAI without a key and without the network: facts, formats, and the exact requests of a submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ..batches import request_line
from ..contract import Connection, Dialect, Provider
from ..environment import account_name, base_url, required_key
from ..published import PublishedFacts
from ..records import (
    Example,
    Hyperparameters,
    Method,
    Plan,
    PlannedRequest,
    ProviderFile,
    Sampling,
)
from .bodies import OWN_HOST, SUFFIX_LIMIT, check, planned_requests

__all__ = ["OpenAIPlatform"]


class OpenAIPlatform(PublishedFacts):
    """OpenAI's own API, and every server that speaks it (`OPENAI_BASE_URL`)."""

    name = "openai"
    title = "OpenAI"
    key_variable: str | None = "OPENAI_API_KEY"

    def dialect(self, method: Method) -> Dialect:
        """OpenAI's chat lines, or its preference lines."""
        from ..dialects import OPENAI_CHAT, OPENAI_PREFERENCE

        return OPENAI_PREFERENCE if method is Method.DPO else OPENAI_CHAT

    def refuse_settings(self, model: str, method: Method, given: Hyperparameters) -> None:
        """Raises `Unsupported` naming a setting that cannot be sent."""
        check(method, given, self.name)

    def batch_line(self, custom_id: str, model: str, example: Example, sampling: Sampling) -> bytes:
        """One question as one line of a batch's input file."""
        return request_line(custom_id, model, example, sampling, length_field="max_completion_tokens", routed=True)

    def suffix_limit(self) -> int:
        """Most characters of the user's own suffix; our tag goes into the metadata instead."""
        return SUFFIX_LIMIT

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Every request of a submission, in order; at `base_url`, by default OpenAI's own host."""
        return planned_requests(plan, files, tag, (base_url or OWN_HOST).rstrip("/"), ids)

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Key, URL, organisation and project from the environment. Raises `Auth` naming the missing variable."""
        url = base_url(environ, "OPENAI_BASE_URL", OWN_HOST)
        organization, project = environ.get("OPENAI_ORG_ID") or None, environ.get("OPENAI_PROJECT_ID") or None
        return Connection(
            api_key=required_key(environ, "OPENAI_API_KEY", self.name),
            base_url=url,
            account=account_name(project or organization, url, account),
            organization=organization,
            project=project,
            state_dir=state_dir,
        )

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """One account, with the SDK loaded now."""
        from .account import opened

        return opened(self, connection)
