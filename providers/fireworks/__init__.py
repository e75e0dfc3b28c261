"""Fireworks behind the seam. This module names the platform; the SDK is loaded when an account is opened."""

from __future__ import annotations

from ..contract import Platform
from .platform import FireworksPlatform

__all__ = ["PLATFORM", "FireworksPlatform"]

PLATFORM: Platform = FireworksPlatform()
