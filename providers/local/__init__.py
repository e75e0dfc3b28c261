"""Training and serving on this machine with transformers, PEFT and TRL. See docs/local.md."""

from __future__ import annotations

from ..contract import Platform
from .platform import LocalPlatform

__all__ = ["PLATFORM", "LocalPlatform"]

PLATFORM: Platform = LocalPlatform()
