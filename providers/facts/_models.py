"""Base models by name: what the table says, and what can be said of a name it does not list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches

from ..errors import NotFound
from ..records import Method, ModelFacts, Support
from ._tables import Row, Table, source, table

__all__ = ["base_name", "model", "models", "row_of", "tier_of"]


_ORG_AND_NAME = "[^/]+/[^/]+"


def models(platform: str) -> tuple[ModelFacts, ...]:
    """Every base model in the platform's table, in its order."""
    facts = table(platform)
    return tuple(_facts(facts, row) for row in facts["models"])


def model(platform: str, name: str) -> ModelFacts:
    """Facts of one model; a tuned model's name gives its base's facts under the given name.

    Raises `NotFound` naming the nearest. Where any name of a form may exist, an unlisted one is answered with
    `tunable` "unknown" and, in `prices`, with no price: a size is read from the table, never guessed from a name.
    """
    facts = table(platform)
    row = row_of(platform, name)
    if row is not None:
        return replace(_facts(facts, row), name=name)
    if facts["unlisted"] == "unknown" and re.fullmatch(facts.get("unlisted_names", _ORG_AND_NAME), name):
        return _unlisted(facts, name)
    near = _nearest(facts, name)
    raise NotFound(
        f"no base model {name!r} in the facts about {facts['title']}",
        provider=platform,
        fix=f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(_names(facts))}",
    )


def row_of(platform: str, name: str) -> Row | None:
    """The table's row for a base model, or for the base of a tuned one."""
    facts = table(platform)
    base = base_name(platform, name)
    return next((row for row in facts["models"] if base in (row["name"], row.get("wire_name"))), None)


def base_name(platform: str, name: str) -> str:
    """The base inside a tuned model's name, where the platform writes it there; else the name itself."""
    prefix = table(platform).get("tuned_prefix")
    return name.removeprefix(prefix).split(":")[0] if prefix and name.startswith(prefix) else name


def tier_of(facts: Table, row: Row | None) -> str | None:
    """The size class of a listed model by its total parameters; None where no class holds it."""
    if row is None or "total_b" not in row:
        return None
    size = Decimal(row["total_b"])
    holding = (t["name"] for t in facts.get("tiers", ()) if Decimal(t["over_b"]) < size <= Decimal(t["up_to_b"]))
    return next(holding, None)


def _facts(facts: Table, row: Row) -> ModelFacts:
    told = {**facts["model_defaults"], **row}
    said_by = source(facts, told["source"])
    family = facts.get("families", {}).get(told.get("family"), {})
    tokenizer = told.get("tokenizer", family.get("tokenizer"))
    margin = family.get("margin", "0") if tokenizer else family["margin"]
    hours = told.get("hours")
    return ModelFacts(
        name=told["name"],
        tunable=Support(
            answer=told["tunable"],
            reason=told["reason"],
            source=said_by.text,
            as_of=said_by.as_of,
            until=_last_day(told),
        ),
        methods=tuple(Method(method) for method in told["methods"]),
        context_tokens=told.get("context_tokens"),
        tokenizer=tokenizer,
        token_margin=Decimal(margin),
        jobs_close=told.get("jobs_close"),
        shutdown=told.get("shutdown"),
        tuned_serving=told["tuned_serving"],
        hours=(Decimal(hours[0]), Decimal(hours[1])) if hours else None,
        source=said_by.text,
        as_of=said_by.as_of,
    )


def _last_day(told: Row) -> date | None:
    close: date | None = told.get("jobs_close")
    return close - timedelta(days=1) if close else None


def _unlisted(facts: Table, name: str) -> ModelFacts:
    defaults = facts["model_defaults"]
    said_by = source(facts, defaults["source"])
    near = _nearest(facts, name)
    hint = f"did you mean {' or '.join(near)}? The" if near else "the"
    return ModelFacts(
        name=name,
        tunable=Support(
            answer="unknown",
            reason=f"it is not in our facts; {hint} platform is asked before anything is uploaded",
            source=said_by.text,
            as_of=said_by.as_of,
        ),
        methods=tuple(Method(method) for method in defaults["methods"]),
        tuned_serving=facts.get("unlisted_serving", "unknown"),
        token_margin=max(Decimal(family["margin"]) for family in facts["families"].values()),
        source=said_by.text,
        as_of=said_by.as_of,
    )


def _names(facts: Table) -> Sequence[str]:
    return [row["name"] for row in facts["models"]]


def _nearest(facts: Table, name: str) -> list[str]:
    """Up to three listed names like this one, whatever the case, the organisation or a missing date."""
    by_key = {key: listed for listed in _names(facts) for key in (listed.lower().split("/")[-1], listed.lower())}
    wanted = name.lower()
    close = get_close_matches(wanted, by_key, n=3) or get_close_matches(wanted.split("/")[-1], by_key, n=3)
    starting = [listed for key, listed in by_key.items() if key.startswith(wanted)]
    return list(dict.fromkeys([*starting, *(by_key[key] for key in close)]))[:3]
