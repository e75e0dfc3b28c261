"""What a platform says without a key and without the network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ..contract import Platform
from ..errors import Auth, NotFound, Unsupported
from ..records import Capability, Hyperparameters, Method, Plan, ProviderFile
from .adapter import AdapterSuite
from .making import SAMPLE_TAG, sample_row

__all__ = ["SaidWithoutANetwork"]


class SaidWithoutANetwork(AdapterSuite):
    """Facts, presets, dialects and the requests of a submission."""

    def test_it_goes_by_its_name(self, platform: Platform) -> None:
        assert platform.name == self.name
        assert platform.title

    def test_every_capability_has_an_answer(self, platform: Platform) -> None:
        told = platform.capabilities(self.on or datetime.now(UTC).date())
        assert set(told) == set(Capability)

    def test_what_it_cannot_do_has_a_reason(self, platform: Platform) -> None:
        told = platform.capabilities(self.on or datetime.now(UTC).date())
        assert [name for name, support in told.items() if not support and not support.reason] == []

    def test_an_unknown_model_is_not_found(self, platform: Platform) -> None:
        if self.any_model:
            pytest.skip("any name may be a model here")
        with pytest.raises(NotFound):
            platform.model("no such model at all")

    def test_the_model_of_this_suite_is_known(self, platform: Platform) -> None:
        facts = platform.model(self.model)
        assert facts.tunable.answer != "no"
        assert Method.SFT in facts.methods

    def test_every_price_has_its_day_and_its_source(self, platform: Platform) -> None:
        prices = platform.prices(self.model, Method.SFT, Hyperparameters())
        assert [price for price in prices if not (price.as_of and price.source)] == []

    def test_how_long_a_lost_job_may_stay_unseen_has_a_reason(self, platform: Platform) -> None:
        settling = platform.settling()
        assert settling.window_s >= 0
        assert settling.reason

    def test_a_row_comes_back_from_its_line(self, platform: Platform) -> None:
        dialect, row = platform.dialect(Method.SFT), sample_row(0)
        assert dialect.decode(dialect.encode(row)) == row

    def test_a_missing_key_is_named(self, platform: Platform, tmp_path: Path) -> None:
        if platform.key_variable is None:
            pytest.skip("no key is needed here")
        with pytest.raises(Auth, match=platform.key_variable):
            platform.connection({}, None, tmp_path)

    def test_a_recipe_keeps_what_was_given(self, platform: Platform) -> None:
        recipe = platform.recipe(self.model, Method.SFT, replace(self.another, epochs=5), 1000, 100)
        assert recipe.hyperparameters.epochs == 5
        assert "epochs" not in recipe.reasons

    def test_every_preset_has_a_reason(self, platform: Platform) -> None:
        recipe = platform.recipe(self.model, Method.SFT, Hyperparameters(), 1000, 100)
        assert recipe.reasons
        assert all(recipe.reasons.values())

    def test_an_unknown_setting_is_refused_by_name(self, platform: Platform) -> None:
        with pytest.raises(Unsupported, match="momentum"):
            platform.recipe(self.model, Method.SFT, Hyperparameters(extra={"momentum": 0.9}), 1000, 0)

    def test_exactly_one_planned_request_is_paid(self, platform: Platform, plan: Plan, train: ProviderFile) -> None:
        assert len([request for request in platform.requests(plan, [train], SAMPLE_TAG) if request.paid]) == 1
