"""Methods that a model does not train by, refused by name with the models that do."""

from __future__ import annotations

from . import facts
from .errors import Unsupported
from .records import Method

__all__ = ["refuse_method"]

_LISTED = 5


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
