"""Asks a server at a URL through the openai SDK: what vLLM, llama.cpp, Ollama and gateways answer to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import openai

from .. import classify
from ..contract import Connection, Platform
from ..errors import Auth
from ..evaluation_only import EvaluationOnlyAccount
from ..http import http_clients, timeout
from ..questions import Questions
from ..records import Completion, JsonObject, Message, Sampling

__all__ = ["EndpointAccount", "opened"]

_NO_KEY = "none"
"""The SDK insists on a key; servers that want none ignore it."""


@asynccontextmanager
async def opened(platform: Platform, connection: Connection) -> AsyncIterator[EndpointAccount]:
    """The server, its HTTP clients closed at the end."""
    async with http_clients(connection, openai, httpx2) as http:
        client = openai.AsyncOpenAI(
            api_key=connection.api_key.reveal() if connection.api_key else _NO_KEY,
            base_url=connection.base_url,
            max_retries=0,
            timeout=timeout(openai, connection),
            http_client=http.evaluation,
        )
        # The SDK would take these from the environment: they are of another server.
        client.organization = client.project = None
        yield EndpointAccount(platform, connection, client, http.evaluation)


class EndpointAccount(EvaluationOnlyAccount):
    """Chat completions at one URL. `max_tokens` is the word for the longest answer that all such servers know."""

    def __init__(self, platform: Platform, connection: Connection, client: Any, http: Any) -> None:
        super().__init__(platform, connection)
        self._questions = Questions(
            client=client,
            http=http,
            path="/chat/completions",
            length_field="max_tokens",
            response=httpx2.Response,
            stream=openai.AsyncStream[object],
            refused=openai.APIStatusError,
        )

    def _asked(self, operation: str) -> classify.Asked:
        fix = f'name the variable that holds its key: [evaluation.endpoint_keys] "{self.platform.name}" = "…_KEY"'
        return replace(super()._asked(operation), fixes={Auth: fix})

    async def complete(
        self, model: str, messages: Sequence[Message], sampling: Sampling, tools: Sequence[JsonObject] = ()
    ) -> Completion:
        """One answer."""
        with self._asking("complete"):
            return await self._questions.ask(model, messages, sampling, tools)
