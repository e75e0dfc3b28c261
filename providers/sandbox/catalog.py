"""The base models that the sandbox pretends to have, under the platforms' own names, with what it says of each.

Names, context lengths and shutdown dates as known on 2026-11-22 (OpenAI's deprecations page and models endpoint;
Together's supported-models page). The dates are what the sandbox *says*; it enforces none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["MODELS", "BaseModel", "base_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """One base. `billions`: total parameters, which set Together's price tier. `shutdown`: YYYY-MM-DD."""

    name: str
    wire: str
    tunable: bool = True
    shutdown: str | None = None
    billions: Decimal = Decimal(0)
    context_tokens: int = 65_536
    full: bool = True


def _openai(name: str, shutdown: str | None = None, tunable: bool = True) -> BaseModel:
    return BaseModel(name=name, wire="openai", tunable=tunable, shutdown=shutdown)


def _together(name: str, billions: str, context_tokens: int = 32_768, full: bool = True) -> BaseModel:
    return BaseModel(name=name, wire="together", billions=Decimal(billions), context_tokens=context_tokens, full=full)


_SMALL = "sandbox-small"

MODELS: Mapping[tuple[str, str], BaseModel] = {
    (model.wire, model.name): model
    for model in (
        _openai(_SMALL),
        _openai("gpt-4.1-2025-04-14", "2027-01-14"),
        _openai("gpt-4.1-mini-2025-04-14", "2027-01-14"),
        _openai("gpt-4.1-nano-2025-04-14", "2026-10-23"),
        _openai("gpt-4o-2024-08-06", "2027-01-14"),
        _openai("gpt-4o-mini-2024-07-18", "2027-01-14"),
        _openai("gpt-6-luna", tunable=False),
        _together(_SMALL, "1"),
        _together("Qwen/Qwen3-0.6B", "0.6"),
        _together("Qwen/Qwen3-1.7B", "1.7"),
        _together("Qwen/Qwen3-4B", "4"),
        _together("Qwen/Qwen3-8B", "8"),
        _together("Qwen/Qwen3-14B", "14"),
        _together("Qwen/Qwen3-32B", "32"),
        _together("Qwen/Qwen3.5-9B", "9"),
        _together("Qwen/Qwen2.5-7B-Instruct", "7.6"),
        _together("Qwen/Qwen2.5-14B-Instruct", "14.7"),
        _together("Qwen/Qwen3-235B-A22B", "235", full=False),
        _together("meta-llama/Meta-Llama-3.1-8B-Instruct-Reference", "8", 131_072),
        _together("meta-llama/Meta-Llama-3.1-70B-Instruct-Reference", "70", 32_768),
        _together("meta-llama/Llama-3.2-1B-Instruct", "1", 131_072),
        _together("meta-llama/Llama-3.2-3B-Instruct", "3", 131_072),
        _together("meta-llama/Llama-3.3-70B-Instruct-Reference", "70", 32_768),
        _together("google/gemma-3-1b-it", "1"),
        _together("google/gemma-3-4b-it", "4", 131_072),
        _together("google/gemma-3-12b-it", "12", 65_536),
        _together("google/gemma-3-27b-it", "27", 49_152),
        _together("mistralai/Mistral-7B-Instruct-v0.2", "7.2"),
        _together("openai/gpt-oss-20b", "21", 24_576, full=False),
        _together("openai/gpt-oss-120b", "117", 16_384, full=False),
        _together("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "14.8", 65_536),
    )
}

_ALIASES = {
    ("openai", "small"): _SMALL,
    ("together", "small"): _SMALL,
    ("openai", "gpt-4.1"): "gpt-4.1-2025-04-14",
    ("openai", "gpt-4.1-mini"): "gpt-4.1-mini-2025-04-14",
    ("openai", "gpt-4.1-nano"): "gpt-4.1-nano-2025-04-14",
    ("openai", "gpt-4o"): "gpt-4o-2024-08-06",
    ("openai", "gpt-4o-mini"): "gpt-4o-mini-2024-07-18",
}


def base_model(wire: str, name: str) -> BaseModel | None:
    """The base of that name on that wire, following the platforms' own aliases; None when there is none."""
    return MODELS.get((wire, _ALIASES.get((wire, name), name)))
