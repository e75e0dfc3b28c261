"""The platforms behind one seam. Knows each platform's name; imports its code only when it is asked for.

Ours stand in one table; other packages add theirs by the entry-point group `tunewright.providers` and can
override none of ours.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import cast

from .contract import Platform
from .errors import NotFound

__all__ = ["TUNEWRIGHT_SEAM", "platform", "platform_names"]

TUNEWRIGHT_SEAM = 1
"""Marks this package as ours, so that another `providers` on the path is recognised and named."""

_OURS = {
    "openai": "providers.openai",
    "together": "providers.together",
    "local": "providers.local",
    "script": "providers.script",
    "llamafactory": "providers.llamafactory",
    "fireworks": "providers.fireworks",
    "replicate": "providers.replicate",
    "bedrock": "providers.bedrock",
    "vertex": "providers.vertex",
    "sandbox": "providers.embedded",
}

_ASKED_ONLY = {"answers": "providers.recorded", "anthropic": "providers.anthropic"}
"""Nothing is trained there, so they are no names for `--to`. A URL is one too, and opens `providers.endpoint`."""

_NOT_HERE = {
    "claude": "the only tunable Claude, Claude 3 Haiku on Amazon Bedrock, reached its end of life on 2026-09-10 "
    "(as of 2026-11-22); bedrock: and anthropic: can still ask one as a candidate",
    "mistral": "Mistral's fine-tuning API is deprecated and answers 422 for every model since 2026-03 "
    "(as of 2026-11-22)",
    "cohere": "Cohere's fine-tuning was deprecated on 2025-09-15 (as of 2026-11-22)",
}


def platform_names() -> tuple[str, ...]:
    """Names usable before the colon of `--to`, ours first."""
    return (*_OURS, *(name for name in _plugins() if name not in _OURS))


def platform(name: str) -> Platform:
    """The platform of that name, or the server at that URL. Raises `NotFound` saying why not, or naming the nearest."""
    if name in _OURS or name in _ASKED_ONLY:
        return cast(Platform, import_module({**_OURS, **_ASKED_ONLY}[name]).PLATFORM)
    if "://" in name:
        return cast(Platform, import_module("providers.endpoint").endpoint(name))
    plugins = _plugins()
    if name in plugins:
        return cast(Platform, import_module(plugins[name]).PLATFORM)
    if name in _NOT_HERE:
        raise NotFound(
            f"no, because {_NOT_HERE[name]}", provider=name, fix=f"use one of: {', '.join(platform_names())}"
        )
    near = get_close_matches(name, platform_names(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(platform_names())}"
    raise NotFound(f"unknown platform {name!r}", fix=hint)


def _plugins() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group="tunewright.providers")}
