"""Cautious values for what was not chosen, each with its reason.

Source: hiyouga/LLaMA-Factory, examples/train_lora and examples/train_full, and TRL 1.16.0 (as of 2026-11-26).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..records import Method

__all__ = ["presets"]

_ALWAYS: Mapping[str, tuple[Any, str]] = {
    "epochs": (3, "three passes, as in the package's own examples; watch the validation loss before taking more"),
    "batch_size": (8, "eight rows a step, as in its own examples; gradient_accumulation_steps divides it for memory"),
    "lr_scheduler_type": ("cosine", "as in the package's own examples: the rate falls smoothly to nothing"),
    "warmup_ratio": (0.1, "as in the package's own examples: the first tenth of the steps rises to the full rate"),
    "seed": (7, "a fixed seed, so that the same data and settings can be run again"),
    "lora": (True, "the package's own default: an adapter is enough for a style, a format or a set of labels"),
}
_RATES: Mapping[tuple[Method, bool], tuple[float, str]] = {
    (Method.SFT, True): (1e-4, "the package's own examples train LoRA adapters at it"),
    (Method.SFT, False): (1e-5, "the package's own examples train all weights at it"),
    (Method.DPO, True): (5e-6, "preference training takes smaller steps: the package's own example for LoRA"),
    (Method.DPO, False): (1e-6, "preference training takes smaller steps: TRL's default for full training"),
}
_BETA = (
    0.1,
    "the package's own default, written out; lower follows the preferences faster, higher stays near the base",
)


def presets(method: Method, *, lora: bool) -> dict[str, tuple[Any, str]]:
    """Name → (value, reason)."""
    beta = {"beta": _BETA} if method is Method.DPO else {}
    return {**_ALWAYS, "learning_rate": _RATES[method, lora], **beta}
