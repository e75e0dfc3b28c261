"""Google Vertex AI behind the seam. This module names the platform; the SDK is loaded when an account is opened."""

from __future__ import annotations

from ..contract import Platform
from .platform import VertexPlatform

__all__ = ["PLATFORM", "VertexPlatform"]

PLATFORM: Platform = VertexPlatform()
