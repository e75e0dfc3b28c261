"""The frozen records that cross the seam between the orchestrator and a platform. No behaviour beyond naming.

Money is `Decimal` US dollars, sizes are bytes, lengths are tokens, times are aware UTC datetimes, durations end in
`_s`. `raw` holds the platform's own answer, for people and for the record; nothing decides on it.
"""

from __future__ import annotations

from .answered import (
    TERMINAL_STATES,
    Checkpoint,
    Completion,
    Decision,
    JobEvent,
    JobState,
    Lease,
    LeaseState,
    MetricPoint,
    Page,
    Preflight,
    RateHints,
    RemoteEstimate,
    RemoteFile,
    RemoteJob,
    RemoteModel,
    WebhookNews,
)
from .asked import (
    Example,
    FileRole,
    Hyperparameters,
    JsonObject,
    Message,
    Method,
    Plan,
    PlannedRequest,
    ProviderFile,
    Recipe,
    Sampling,
)
from .offered import (
    Capability,
    ModelFacts,
    Price,
    PriceItem,
    Settling,
    Support,
    TokenRules,
)

__all__ = [
    "TERMINAL_STATES",
    "Capability",
    "Checkpoint",
    "Completion",
    "Decision",
    "Example",
    "FileRole",
    "Hyperparameters",
    "JobEvent",
    "JobState",
    "JsonObject",
    "Lease",
    "LeaseState",
    "Message",
    "Method",
    "MetricPoint",
    "ModelFacts",
    "Page",
    "Plan",
    "PlannedRequest",
    "Preflight",
    "Price",
    "PriceItem",
    "ProviderFile",
    "RateHints",
    "Recipe",
    "RemoteEstimate",
    "RemoteFile",
    "RemoteJob",
    "RemoteModel",
    "Sampling",
    "Settling",
    "Support",
    "TokenRules",
    "WebhookNews",
]
