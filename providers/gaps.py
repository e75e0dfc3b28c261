"""What platforms offer and our adapters do not do yet: answered "no" with that reason, so that nobody plans on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .errors import Unsupported
from .records import Capability, Method, Support

__all__ = ["offered", "refuse_other_methods"]

_NOT_YET = frozenset({Capability.DPO, Capability.DOWNLOAD})


def offered(by_facts: Mapping[Capability, Support]) -> Mapping[Capability, Support]:
    """The platform's capabilities, less those that no adapter of ours can use."""
    return {capability: _dimmed(capability, support) for capability, support in by_facts.items()}


def refuse_other_methods(method: Method, provider: str) -> None:
    """Raises `Unsupported` naming any method but supervised training."""
    if method is not Method.SFT:
        raise Unsupported(
            f"method {method.value!r}: only supervised training is offered here so far",
            provider=provider,
            nothing_created=True,
            fix="use --method sft",
        )


def _dimmed(capability: Capability, support: Support) -> Support:
    if capability not in _NOT_YET or not support:
        return support
    return replace(support, answer="no", reason=f"offered by the platform ({support.reason}), not by this adapter yet")
