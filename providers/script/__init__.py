"""Any training script as a platform: a small TOML file says how it is started. See docs/your-own-trainer.md."""

from __future__ import annotations

from ..contract import Platform
from .platform import ScriptPlatform

__all__ = ["PLATFORM", "ScriptPlatform"]

PLATFORM: Platform = ScriptPlatform()
