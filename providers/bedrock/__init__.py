"""Amazon Bedrock behind the seam. This module names the platform; boto3 is loaded when an account is opened."""

from __future__ import annotations

from ..contract import Platform
from .platform import BedrockPlatform

__all__ = ["PLATFORM", "BedrockPlatform"]

PLATFORM: Platform = BedrockPlatform()
