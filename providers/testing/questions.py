"""Base and tuned model are asked, and say what an evaluation needs to know of an answer."""

from __future__ import annotations

import pytest

from ..contract import Provider
from ..errors import NotFound
from ..records import RemoteJob, Sampling
from .adapter import AdapterSuite
from .making import ASK

__all__ = ["Questions"]


class Questions(AdapterSuite):
    """The base answers under its own name; the tuned one where `answering` has it served."""

    sampling: Sampling = Sampling()

    @pytest.fixture
    async def base(self) -> str:
        """The name under which the base model answers. Override it where a base must be served first."""
        return self.model

    async def test_a_tuned_model_is_listed(self, provider: Provider, finished: RemoteJob) -> None:
        assert finished.tuned_model in [model.id for model in await provider.models() if model.tuned]

    async def test_an_answer_comes_with_usage_and_latency(self, provider: Provider, base: str) -> None:
        answer = await provider.complete(base, ASK, self.sampling)
        assert answer.text
        assert answer.latency_s > 0
        assert not self.counts_tokens or (answer.input_tokens and answer.output_tokens)

    async def test_a_streamed_answer_says_the_same_and_when_it_began(self, provider: Provider, base: str) -> None:
        if not self.streams:
            pytest.skip("answers come whole here")
        from dataclasses import replace

        whole = await provider.complete(base, ASK, self.sampling)
        streamed = await provider.complete(base, ASK, replace(self.sampling, stream=True))
        assert (streamed.text, streamed.output_tokens) == (whole.text, whole.output_tokens)
        assert streamed.first_token_s is not None
        assert 0 < streamed.first_token_s <= streamed.latency_s

    async def test_the_tuned_model_answers_what_it_learned(self, provider: Provider, answering: str) -> None:
        answer = await provider.complete(answering, ASK, self.sampling)
        assert answer.text == "lost_card"

    async def test_an_absent_model_is_not_found(self, provider: Provider) -> None:
        with pytest.raises(NotFound):
            await provider.complete("absent-model", ASK, self.sampling)
