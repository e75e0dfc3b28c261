"""Which spending counts against which cap. Pure, and asked by who reserves as by who explains: they never disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from ..errors import BudgetRefused
from .spending import Reservation, Spending, exact_dollars, exact_sum

__all__ = ["Bound", "bounds", "counts", "is_of", "key_of", "lowest", "refuse_over"]

_BY = "@"
"""Between the scope of a cap and the project whose configuration file sets it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One cap that binds a spending. `words` names its scope; `used_usd`: reserved and billed in it so far.

    `by`: the project whose configuration file sets it; empty where a person has set it, or it is the run's own.
    """

    scope: str
    words: str
    cap_usd: Decimal
    used_usd: Decimal
    by: str = ""


def key_of(scope: str, by: str = "") -> str:
    """Under what the ledger keeps a cap: one a scope by hand, and one for each project whose file sets it."""
    return f"{scope}{_BY}{by}" if by else scope


def is_of(key: str, project: str) -> bool:
    """Whether that cap was set by the configuration file of the project."""
    return _parts(key)[1] == project


def lowest(kept: Mapping[str, Decimal]) -> dict[str, tuple[Decimal, str]]:
    """Scope → the lowest cap of those kept for it, and whose file sets it: several projects may share a ledger."""
    found: dict[str, tuple[Decimal, str]] = {}
    for key, usd in kept.items():
        scope, by = _parts(key)
        found[scope] = min(found.get(scope, (usd, by)), (usd, by), key=lambda cap: cap[0])
    return found


def counts(scope: str, item: Spending, *, month: str, run_id: str | None = None) -> bool:
    """Whether `item` counts against the cap of that scope.

    'run': all that one run spends, play money too. 'month' and 'provider:NAME': what was reserved in that UTC month.
    'project:NAME': all that the project ever spent. Play money counts against no cap but a run's own.
    """
    if scope == "run":
        return run_id is not None and item.run_id == run_id
    kind, _, name = scope.partition(":")
    if item.sandbox:
        return False
    if kind == "project":
        return item.project == name
    return item.month == month and (kind == "month" or (kind == "provider" and item.provider == name))


def _parts(key: str) -> tuple[str, str]:
    if key.startswith("project:"):
        return key, ""
    scope, _, by = key.partition(_BY)
    return scope, by


def bounds(caps: Mapping[str, Decimal], wish: Reservation, month: str, others: Iterable[Spending]) -> list[Bound]:
    """Every cap that binds `wish`, with what the `others` have used of it. `caps`: as the ledger keeps them."""
    found: list[Bound] = []
    others = list(others)
    for scope, words in _binding(wish, month).items():
        cap = _cap(lowest(caps), wish, scope)
        if cap is not None:
            used = exact_sum(i.usd for i in others if counts(scope, i, month=month, run_id=wish.run_id))
            found.append(Bound(scope, words, cap[0], used, cap[1]))
    return found


def _binding(wish: Reservation, month: str) -> dict[str, str]:
    """Scope → its name in words. Play money is bound by its run alone."""
    if wish.sandbox:
        return {"run": "this run"}
    scopes = {"run": "this run", "month": f"the month {month}"}
    scopes[f"provider:{wish.provider}"] = f"{wish.provider} in {month}"
    if wish.project:
        scopes[f"project:{wish.project}"] = f"the project {wish.project}"
    return scopes


def _cap(caps: Mapping[str, tuple[Decimal, str]], wish: Reservation, scope: str) -> tuple[Decimal, str] | None:
    if scope != "run":
        return caps.get(scope)
    own = None if wish.run_cap is None else (wish.run_cap, "")
    stored = None if wish.sandbox else caps.get(scope)
    return min((cap for cap in (own, stored) if cap is not None), default=None)


def refuse_over(found: Iterable[Bound], wish: Reservation) -> None:
    """Raises `BudgetRefused` for the first cap that the wish would pass."""
    need = exact_sum((wish.usd, wish.then_usd))
    for bound in found:
        if exact_sum((bound.used_usd, need)) > bound.cap_usd:
            raise _refused(bound, need, wish)


def _refused(bound: Bound, need: Decimal, wish: Reservation) -> BudgetRefused:
    then = f" ({exact_dollars(wish.usd)} now, the rest for what follows)" if wish.then_usd else ""
    raise_it = "--max-usd, or " if bound.scope == "run" else ""
    raise_it += f"tunewright budget set {bound.scope} USD"
    if bound.by:
        raise_it = f"[budget] in the tunewright.toml of the project {bound.by}"
    return BudgetRefused(
        f"the budget for {bound.words} is {exact_dollars(bound.cap_usd)}; {exact_dollars(bound.used_usd)} of it is "
        f"spent or reserved, and this needs up to {exact_dollars(need)}{then}",
        where=f"cap {bound.scope}",
        fix=f"raise the cap ({raise_it}), or spend less: fewer epochs, rows or test prompts",
    )
