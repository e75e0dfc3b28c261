"""Which of LLaMA-Factory's chat templates goes with which model. A wrong one trains well and answers badly. Pure.

The table follows `llamafactory.extras.constants` of 0.9.5 (as of 2026-11-26). A model that is not in it gets no name:
LLaMA-Factory then reads the chat template that the model's own tokenizer carries, which cannot be another model's.
"""

from __future__ import annotations

import re
from pathlib import PurePath

__all__ = ["template_of"]

_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"smollm2-", "smollm2"),
    (r"smollm-", "smollm"),
    (r"qwen3-.*(instruct-2507|coder|next-80b-a3b-instruct)", "qwen3_nothink"),
    (r"qwen3-(0\.6b|1\.7b|4b|8b|14b|32b|30b-a3b|235b-a22b)(-base|-thinking-2507)?$", "qwen3"),
    (r"qwen2(\.5)?(-coder|-math)?-(0\.5b|1\.5b|3b|7b|14b|32b|57b-a14b|72b)(-instruct)?$", "qwen"),
    (r"(meta-)?llama-3(\.[123])?-(1b|3b|8b|70b|405b)(-instruct)?$", "llama3"),
    (r"gemma-2-(2b|9b|27b)(-it)?$", "gemma2"),
    (r"mi(s|x)tral-(7b|8x7b|8x22b)(-instruct)?-v0\.[123]$", "mistral"),
    (r"deepseek-r1-distill-(qwen|llama)-", "deepseekr1"),
    (r"phi-3(\.5)?-(mini|medium)-", "phi"),
    (r"phi-4-mini-instruct$", "phi4_mini"),
    (r"phi-4$", "phi4"),
    (r"gpt-oss-(20b|120b)$", "gpt_oss"),
)
"""The last part of a hub id or folder, in small letters → the template's name."""


def template_of(model: str, chosen: str | None = None) -> str | None:
    """The template's name: what was chosen, else the model family's; None leaves it to the model's own tokenizer."""
    if chosen is not None:
        return chosen
    name = PurePath(model).name.lower()
    return next((template for pattern, template in _FAMILIES if re.match(pattern, name)), None)
