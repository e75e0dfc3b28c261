"""Targets that name no model, for quotes beside each other: `--to P` is one of P's, `--to all` one of everybody's.

Which model stands for a platform is said with every quote; a platform that is left out is said too, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import providers
from providers.errors import ProviderError
from providers.records import Capability, Hyperparameters, Method, ModelFacts, PriceItem

from ..costing import Quote
from ..errors import UsageError
from ..settings import Target
from .session import platform_named

__all__ = ["ALL", "LeftOut", "Wished", "quote_each", "wished"]

ALL = "all"
"""Every platform that has a model to quote."""

_NONE_KNOWN = "our facts list no model of it; name one with --to {name}:MODEL"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A platform without a quote, and why."""

    platform: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """What is to be quoted. `stands_for`: why this model, where only its platform was named. `optional`: one of all,
    whose refusal of the settings leaves it out instead of ending the whole."""

    targets: tuple[Target, ...]
    stands_for: Mapping[Target, str]
    optional: frozenset[Target]
    left_out: tuple[LeftOut, ...]


def wished(to: Iterable[str | Target], method: Method, on: date) -> Wished:
    """Every target in the order given, each once. Raises `UsageError` for a platform that has no model to stand for it,
    `NotFound` for one that is unknown."""
    entries = [entry if isinstance(entry, Target) or ":" not in entry else Target.parse(entry) for entry in to]
    named = {entry.provider if isinstance(entry, Target) else entry for entry in entries}
    targets: dict[Target, None] = {}
    stands_for: dict[Target, str] = {}
    optional: set[Target] = set()
    left_out: list[LeftOut] = []
    for entry in entries:
        if isinstance(entry, Target):
            targets[entry] = None
            continue
        others = (name for name in providers.platform_names() if name not in named)
        for name in others if entry == ALL else (entry,):
            found, why = _standing_for(name, method, on)
            if found is None and entry != ALL:
                raise UsageError(f"{name}: {why}", where=f"--to {name}", fix=f"--to {name}:MODEL")
            if found is None:
                left_out.append(LeftOut(name, why))
                continue
            target = Target(name, found)
            targets[target], stands_for[target] = None, why
            optional |= {target} if entry == ALL else set()
    return Wished(targets=tuple(targets), stands_for=stands_for, optional=frozenset(optional), left_out=tuple(left_out))


def _standing_for(name: str, method: Method, on: date) -> tuple[str | None, str]:
    """The model, and why this one; or None, and why there is none."""
    platform = platform_named(name)
    known = platform.models()
    if not known:
        return None, _NONE_KNOWN.format(name=name)
    offered = platform.capabilities(on).get(Capability(method.value))
    fit = [facts for facts in known if _fits(facts, method, on)]
    if not offered or not fit:
        told = (
            offered.reason if offered is not None and not offered else ""
        ) or "no model that we know of takes it now"
        return None, f"no {method.value} training: {told}"
    priced = [(usd, facts.name) for facts in fit if (usd := _training_usd(name, facts.name, method)) is not None]
    if not priced:
        return fit[0].name, "the first of its models; nobody gives a price of training"
    usd, model = min(priced, key=lambda item: item[0])
    same = sum(other == usd for other, _ in priced)
    one_of = f"one of {same} at the lowest" if same > 1 else "the lowest"
    return model, f"{one_of} price of training that is known there"


def _fits(facts: ModelFacts, method: Method, on: date) -> bool:
    closed = facts.jobs_close is not None and on >= facts.jobs_close
    return facts.tunable.answer == "yes" and method in facts.methods and not closed


def _training_usd(name: str, model: str, method: Method) -> Decimal | None:
    """Of the first row for training; a fixed minimum beside it is the quote's matter."""
    rows = platform_named(name).prices(model, method, Hyperparameters())
    return next((row.usd for row in rows if row.item is PriceItem.TRAIN), None)


def quote_each(
    wish: Wished, quote: Callable[[Target], Quote], tell: Callable[[str, Mapping[str, str]], None]
) -> tuple[Quote, ...]:
    """A quote a target. One of all that cannot take what the others are quoted for is left out, and told so."""
    quotes, left_out = list[Quote](), list(wish.left_out)
    for target in wish.targets:
        try:
            quoted = quote(target)
        except (ProviderError, UsageError) as error:
            if target not in wish.optional:
                raise
            left_out.append(LeftOut(target.provider, error.message if isinstance(error, ProviderError) else error.what))
            continue
        why = wish.stands_for.get(target)
        told = f"{target.model} stands for {target.provider}, for which no model was named: {why}"
        quotes.append(replace(quoted, warnings=(told, *quoted.warnings)) if why else quoted)
    for item in left_out:
        tell(f"no quote for {item.platform}: {item.reason}", {"platform": item.platform, "reason": item.reason})
    return tuple(quotes)
