"""Serving that bills by the hour: rented under our tag, found by it, torn down for good."""

from __future__ import annotations

import pytest

from ..contract import Platform, Provider
from ..errors import NotFound, Unsupported
from ..records import Capability, Lease
from .adapter import AdapterSuite

__all__ = ["Machines"]


class Machines(AdapterSuite):
    """Skipped where nothing is rented, but for the refusal itself."""

    @pytest.fixture
    def rents(self, platform: Platform) -> None:
        if not self.supports(platform, Capability.DEDICATED_SERVING):
            pytest.skip("nothing is rented here")

    @pytest.fixture
    def rented(self, rents: None, lease: Lease) -> Lease:
        return lease

    async def test_renting_is_refused_by_name_where_it_is_not_offered(
        self, platform: Platform, provider: Provider, tag: str
    ) -> None:
        if self.supports(platform, Capability.DEDICATED_SERVING):
            pytest.skip("machines are rented here")
        with pytest.raises(Unsupported) as refused:
            await provider.serve(self.model, tag, 600)
        assert refused.value.nothing_created
        assert await provider.find_leases("tw-") == ()

    async def test_a_machine_is_rented_under_our_tag(self, rented: Lease, tag: str) -> None:
        assert rented.tag == tag

    async def test_a_lease_is_found_by_the_tags_beginning(self, provider: Provider, rented: Lease) -> None:
        assert [found.id for found in await provider.find_leases("tw-")] == [rented.id]
        assert await provider.find_leases("zz-") == ()

    async def test_teardown_leaves_nothing_and_may_be_repeated(self, provider: Provider, rented: Lease) -> None:
        await provider.teardown(rented.id)
        for _ in range(3):
            await self.pass_time(provider, 3600)
            await provider.teardown(rented.id)
        assert await provider.find_leases("tw-") == ()

    async def test_an_absent_model_cannot_be_rented_and_nothing_is_bought(
        self, rents: None, provider: Provider, tag: str
    ) -> None:
        with pytest.raises(NotFound) as absent:
            await provider.serve("org/absent", tag, 600)
        assert absent.value.nothing_created

    async def test_an_absent_lease_is_not_found(self, provider: Provider) -> None:
        with pytest.raises(NotFound):
            await provider.lease("absent-lease")
