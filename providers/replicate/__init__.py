"""Replicate behind the seam: the generic trainer. This module names the platform; the SDK is loaded when an account is
opened.
"""

from __future__ import annotations

from ..contract import Platform
from .platform import ReplicatePlatform

__all__ = ["PLATFORM", "ReplicatePlatform"]

PLATFORM: Platform = ReplicatePlatform()
