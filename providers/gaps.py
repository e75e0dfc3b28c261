"""What platforms offer and our adapters do not do yet: answered "no" with that reason, so that nobody plans on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import facts
from .errors import Unsupported
from .records import Capability, Method, Support

__all__ = ["offered", "refuse_method"]

_NOT_YET = frozenset({Capability.DOWNLOAD})
_LISTED = 5


def offered(by_facts: Mapping[Capability, Support]) -> Mapping[Capability, Support]:
    """The platform's capabilities, less those that no adapter of ours can use."""
    return {capability: _dimmed(capability, support) for capability, support in by_facts.items()}


def refuse_method(platform: str, model: str, method: Method) -> None:
    """Raises `Unsupported` where the facts say that the model does not train that way, naming models that do.

    A model that does not train at all is left to the quote, which says why. Raises `NotFound` for an unknown model.
    """
    known = facts.model(platform, model).methods
    if method in known or (not known and method is Method.SFT):
        return
    takers = [row.name for row in facts.models(platform) if method in row.methods and row.tunable]
    named = ", ".join(takers[:_LISTED]) + (f" and {len(takers) - _LISTED} more" if len(takers) > _LISTED else "")
    raise Unsupported(
        f"method {method.value!r}: {model} does not train by it" + (f"; these do: {named}" if takers else ""),
        provider=platform,
        nothing_created=True,
        fix=_fix(takers, known),
    )


def _fix(takers: list[str], known: tuple[Method, ...]) -> str:
    other = f"use --method {known[0].value}" if known else ""
    return ", or ".join(part for part in ("choose one of those models" if takers else "", other) if part)


def _dimmed(capability: Capability, support: Support) -> Support:
    if capability not in _NOT_YET or not support:
        return support
    return replace(support, answer="no", reason=f"offered by the platform ({support.reason}), not by this adapter yet")
