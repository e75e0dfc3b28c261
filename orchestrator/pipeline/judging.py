"""Judges a file as it is, for the target or the format that was asked for. What is wrong is said by `dataset.as_is`."""

from __future__ import annotations

from typing import NamedTuple

from providers.contract import Dialect
from providers.errors import NotFound
from providers.records import Method, ModelFacts, TokenRules

from ..dataset import check_as_is
from ..dataset.json_lines import parse_line
from ..dataset.records import Finding
from ..errors import UsageError
from ..settings import RunSettings, Target
from .converting import dashed, format_named
from .session import platform_named

__all__ = ["hint_of_method", "judged_as", "judged_for_format", "judged_for_target"]

_HEAD_BYTES = 1 << 20
_RANKED = ({"preferred_output", "non_preferred_output"}, {"chosen", "rejected"})


def judged_as(settings: RunSettings, name: str | None) -> str:
    """The format that the file is judged as, by the name that the documents have: `together-conversation`."""
    if name is not None:
        return format_named(name).name
    return dashed(_dialect(settings).name)


def hint_of_method(settings: RunSettings) -> str:
    """What to try where the file has rows of the other method; empty where its first row shows nothing of the kind."""
    if settings.method is not Method.SFT:
        return ""
    with settings.pairs.open("rb") as stream:
        head = stream.readline(_HEAD_BYTES).decode(errors="replace")
    row = parse_line(head.removeprefix("\ufeff"))
    ranked = isinstance(row, dict) and any(row.keys() >= names for names in _RANKED)
    return "these look like preference rows: --method dpo may be meant" if ranked else ""


def judged_for_target(settings: RunSettings) -> tuple[Finding, ...]:
    """Every finding on the bytes as a file for the one target. Raises `UsageError` where there is none, or several."""
    if not settings.to:
        fix = "--to PLATFORM:MODEL, or --format NAME (docs/formats.md lists them)"
        raise UsageError("say what the file is judged for", where="--as-is", fix=fix)
    dialect = _dialect(settings)
    known = _known(settings.target, settings)
    return check_as_is(settings.pairs, dialect, validation=settings.validation, model=known.model, rules=known.rules)


def judged_for_format(settings: RunSettings, name: str, target: Target | None) -> tuple[Finding, ...]:
    """The same as a file in this format; its rows are measured where a target is given. Raises `UsageError`."""
    dialect = format_named(name).dialect
    known = _known(target, settings) if target else _Known()
    return check_as_is(settings.pairs, dialect, validation=settings.validation, model=known.model, rules=known.rules)


def _dialect(settings: RunSettings) -> Dialect:
    return platform_named(settings.target.provider).dialect_for(settings.target.model, settings.method)


class _Known(NamedTuple):
    model: ModelFacts | None = None
    rules: TokenRules | None = None


def _known(target: Target, settings: RunSettings) -> _Known:
    """By what rows are measured; nothing for a model without facts: all but the length of rows can be judged."""
    platform = platform_named(target.provider)
    try:
        model = platform.model(target.model)
        return _Known(model, platform.token_rules(target.model, settings.method, settings.hyperparameters))
    except NotFound:
        return _Known()
