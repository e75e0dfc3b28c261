"""LLaMA-Factory behind the seam: the user's own `llamafactory-cli`, run as a process of this machine."""

from __future__ import annotations

from ..contract import Platform
from .platform import LlamaFactoryPlatform

__all__ = ["PLATFORM", "LlamaFactoryPlatform"]

PLATFORM: Platform = LlamaFactoryPlatform()
