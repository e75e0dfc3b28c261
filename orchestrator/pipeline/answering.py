"""A candidate and the account that answers for it, with its prices; and whose answers are on the bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from providers.contract import Platform
from providers.errors import NotFound
from providers.records import PriceItem

from ..evaluation.questions import Answer, Candidate
from ..settings import RunSettings, Target
from .pricing import price_rows
from .quoting import hours_of_hosting
from .session import Account

__all__ = ["Served", "base_candidate", "payer", "paying", "tuned_candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A candidate and the account that answers for it. `hosting_usd`: to hold where serving bills by the hour, at the
    quoted `usd_per_hour`. `counts_as`: the base model by which its tokens are counted. `may_appear`: tuned a moment
    ago, it may not be served yet. `recorded`: (question key, sample) → answer, where they stand in a file and nobody is
    asked."""

    candidate: Candidate
    account: Account
    dedicated: bool = False
    hosting_usd: Decimal = Decimal(0)
    usd_per_hour: Decimal | None = None
    counts_as: str = ""
    may_appear: bool = False
    recorded: Mapping[tuple[str, int], Answer] | None = None

    @property
    def by_tokens(self) -> bool:
        """Whether its answers have a price of their own: a machine's have one only where somebody gives it."""
        return self.candidate.serving != "dedicated" or self.candidate.input_usd_per_mtok is not None


def base_candidate(settings: RunSettings, account: Account, target: Target) -> Served:
    """The model as the platform serves it to everybody, or beside the tuned one on the same machine."""
    into, out = _prices(settings, account, target.model, PriceItem.INPUT, PriceItem.OUTPUT)
    candidate = Candidate(
        name="base",
        provider=target.provider,
        model=target.model,
        label=str(target),
        serving="dedicated" if _beside_tuned(account.platform, target.model) else "serverless",
        input_usd_per_mtok=into,
        output_usd_per_mtok=out,
    )
    return Served(candidate=candidate, account=account, counts_as=target.model)


def tuned_candidate(
    settings: RunSettings, account: Account, base_model: str, tuned_model: str, name: str = "tuned"
) -> Served:
    """A tuned model, with its own prices; a lease where the platform serves it on a machine by the hour."""
    platform = account.platform
    into, out = _prices(settings, account, base_model, PriceItem.TUNED_INPUT, PriceItem.TUNED_OUTPUT)
    dedicated = _serving(platform, base_model) == "dedicated"
    (hosting,) = _prices(settings, account, base_model, PriceItem.HOSTING)
    candidate = Candidate(
        name=name,
        provider=platform.name,
        model=tuned_model,
        label=str(Target(platform.name, tuned_model)),
        serving="dedicated" if dedicated else "serverless",
        input_usd_per_mtok=into,
        output_usd_per_mtok=out,
    )
    return Served(
        candidate=candidate,
        account=account,
        dedicated=dedicated,
        hosting_usd=(hosting or Decimal(0)) * hours_of_hosting(settings) if dedicated else Decimal(0),
        usd_per_hour=hosting if dedicated else None,
        counts_as=base_model,
        may_appear=True,
    )


def _beside_tuned(platform: Platform, model: str) -> bool:
    try:
        return platform.model(model).base_serving == "beside_tuned"
    except NotFound:
        return False


def _serving(platform: Platform, base_model: str) -> str:
    try:
        return platform.model(base_model).tuned_serving
    except NotFound:
        return "unknown"


def _prices(settings: RunSettings, account: Account, model: str, *items: PriceItem) -> tuple[Decimal | None, ...]:
    """Prices in the order of `items`; None where nobody gives one."""
    rows = {row.item: row.usd for row in price_rows(settings, account, model)}
    return tuple(rows.get(item) for item in items)


def payer(served: Sequence[Served]) -> Account:
    """Whose budget it is: a real account before a sandbox, so that real money never counts as none."""
    return min((item.account for item in served), key=lambda account: account.sandbox)


def paying(served: Sequence[Served]) -> list[Served]:
    """Whose answers are on the bill: none of a file's, and beside a real account none of a sandbox's."""
    asked = [item for item in served if item.recorded is None]
    return [item for item in asked if not item.account.sandbox] or asked
