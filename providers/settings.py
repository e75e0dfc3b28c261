"""Hyperparameters checked by name against a platform's table, and completed by presets. Pure.

A value is sent as given or refused by name; nothing is clipped, rounded or dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

from .errors import Unsupported
from .records import Hyperparameters, Recipe

__all__ = ["Setting", "complete", "given_settings", "refusal", "refuse_unusable"]

_FIELDS = tuple(field.name for field in fields(Hyperparameters) if field.name != "extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one setting may be. `low`/`high` are inclusive, `above` is exclusive; `words` are allowed beside numbers."""

    kind: Literal["int", "float", "bool", "text"]
    low: float | None = None
    high: float | None = None
    above: float | None = None
    words: tuple[str, ...] = ()


def given_settings(hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Everything that was given, by name; what is None was not."""
    core = {name: getattr(hyperparameters, name) for name in _FIELDS}
    return {name: value for name, value in (core | dict(hyperparameters.extra)).items() if value is not None}


def refuse_unusable(
    hyperparameters: Hyperparameters, table: Mapping[str, Setting], no: Mapping[str, str], provider: str
) -> None:
    """Raise `Unsupported` for the first setting that is not in `table` or outside its range.

    `no` gives a reason for names that people are likely to try and that this platform does not take.
    """
    for name, value in given_settings(hyperparameters).items():
        problem = no.get(name) or refusal(name, value, table)
        if problem:
            raise Unsupported(f"{name}: {problem}", provider=provider, nothing_created=True, fix=_fix(name, table))


def refusal(name: str, value: Any, table: Mapping[str, Setting]) -> str | None:
    """Why this value cannot be used, or None."""
    setting = table.get(name)
    if setting is None:
        return "is not a setting of this platform"
    if isinstance(value, str) and value in setting.words:
        return None
    return _wrong_kind(value, setting) or _out_of_range(value, setting)


def complete(given: Hyperparameters, presets: Mapping[str, tuple[Any, str]]) -> Recipe:
    """`given` with each preset (name → value, reason) where nothing was given; only used presets keep their reason."""
    have = given_settings(given)
    missing = {name: preset for name, preset in presets.items() if name not in have and preset[0] is not None}
    core = {name: value for name, (value, _) in missing.items() if name in _FIELDS}
    extra = {name: value for name, (value, _) in missing.items() if name not in _FIELDS}
    completed = replace(given, **core, extra={**given.extra, **extra})
    return Recipe(completed, {name: reason for name, (_, reason) in missing.items()})


def _wrong_kind(value: Any, setting: Setting) -> str | None:
    right = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "text": isinstance(value, str) and not setting.words,
    }[setting.kind]
    if right:
        return None
    allowed = "" if setting.kind == "text" and setting.words else {"int": "a whole number", "float": "a number",
               "bool": "true or false", "text": "text"}[setting.kind]  # fmt: skip
    return f"{value!r} is not {' or '.join(part for part in (allowed, *map(repr, setting.words)) if part)}"


def _out_of_range(value: Any, setting: Setting) -> str | None:
    if setting.low is not None and value < setting.low:
        return f"{value} is below {setting.low:g}"
    if setting.high is not None and value > setting.high:
        return f"{value} is above {setting.high:g}"
    if setting.above is not None and not value > setting.above:
        return f"{value} is not above {setting.above:g}"
    return None


def _fix(name: str, table: Mapping[str, Setting]) -> str:
    if name in table:
        return f"choose another value for {name}, or leave it out"
    near = get_close_matches(name, table, n=1)
    return f"did you mean {near[0]!r}?" if near else f"leave it out; known settings: {', '.join(sorted(table))}"
