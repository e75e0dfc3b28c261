"""Whether the package named `providers` on this path is ours: another one of that name may hide it."""

from __future__ import annotations

from importlib import import_module

from .errors import UsageError

__all__ = ["require_our_providers"]


def require_our_providers() -> None:
    """Raises `UsageError` naming the package that is in the way."""
    found = import_module("providers")
    if getattr(found, "TUNEWRIGHT_SEAM", None) is None:
        raise UsageError(
            "another package named 'providers' hides tunewright's own",
            where=str(getattr(found, "__file__", None) or getattr(found, "__path__", found)),
            fix="rename yours, or run tunewright from another folder",
        )
