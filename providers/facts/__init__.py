"""Dated facts about each platform, kept as data: prices, models, limits, end dates, token rules, presets.

One TOML file a platform, each row with its source and the day it was checked. Adapters and quotes read them here;
what a live platform says at preflight outranks them.
"""

from __future__ import annotations

from ._hours import gpu_hour_usd
from ._models import model, models
from ._platform import Lifecycle, Preset, auto_epochs, batch_limits, capabilities, lifecycle, presets, settling
from ._prices import prices, token_rules
from ._webhooks import WebhookFacts, webhooks

__all__ = [
    "Lifecycle",
    "Preset",
    "WebhookFacts",
    "auto_epochs",
    "batch_limits",
    "capabilities",
    "gpu_hour_usd",
    "lifecycle",
    "model",
    "models",
    "presets",
    "prices",
    "settling",
    "token_rules",
    "webhooks",
]
