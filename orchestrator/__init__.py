"""Take input-output pairs to a fine-tuned model that has earned its place."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncOrchestrator
    from .synchronous import Orchestrator

__all__ = ["AsyncOrchestrator", "Orchestrator", "__version__"]
__version__ = "0.1.0"

_ROOMS = {"AsyncOrchestrator": ".client", "Orchestrator": ".synchronous"}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `tunewright --help` and a CI's `import orchestrator` stay instant.
    if name in _ROOMS:
        from .seam import require_our_providers

        require_our_providers()
        return getattr(import_module(_ROOMS[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
