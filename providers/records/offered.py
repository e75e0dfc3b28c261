"""What a platform offers, as of a date: abilities, models, how it counts tokens, prices, the window of a lost reply."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from .asked import Method

__all__ = ["Capability", "ModelFacts", "Price", "PriceItem", "Settling", "Support", "TokenRules"]


class Capability(StrEnum):
    """What may be asked of a platform; every one starts at "no", the adapter opts in."""

    SFT = "sft"
    DPO = "dpo"
    LORA = "lora"
    FULL = "full"
    VALIDATION_FILE = "validation_file"
    FIND_BY_TAG = "find_by_tag"
    SERVER_SIDE_KEY = "server_side_key"
    REMOTE_ESTIMATE = "remote_estimate"
    EVENTS = "events"
    METRICS = "metrics"
    CHECKPOINTS = "checkpoints"
    CANCEL = "cancel"
    PAUSE = "pause"
    SERVERLESS_TUNED = "serverless_tuned"
    DEDICATED_SERVING = "dedicated_serving"
    DOWNLOAD = "download"
    WEBHOOKS = "webhooks"
    BATCH = "batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """An answer with a reason and dates. `until` is the last day it holds; `source` says who says so."""

    answer: Literal["yes", "no", "unknown"]
    reason: str = ""
    since: date | None = None
    until: date | None = None
    source: str = ""
    as_of: date | None = None

    def __bool__(self) -> bool:
        return self.answer == "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a base model without asking the platform, as of `as_of`.

    `context_tokens`: the longest training example, in tokens; longer ones are truncated from the end. None: not known.
    `tokenizer`: a family of `providers.tokenizers` when counts are exact, None when they are estimated within
    `token_margin` (a share: 0.15 means ±15 %). `jobs_close`: first day on which no new job may be created. `shutdown`:
    first day on which the base, and every model tuned on it, no longer answers. `base_serving` "beside_tuned": the base
    answers in the hours for which the tuned model is served, and costs nothing more.
    """

    name: str
    tunable: Support
    methods: tuple[Method, ...] = (Method.SFT,)
    context_tokens: int | None = None
    tokenizer: str | None = None
    token_margin: Decimal = Decimal(0)
    jobs_close: date | None = None
    shutdown: date | None = None
    tuned_serving: Literal["serverless", "dedicated", "unknown"] = "unknown"
    base_serving: Literal["serverless", "beside_tuned"] = "serverless"
    hours: tuple[Decimal, Decimal] | None = None
    source: str = ""
    as_of: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """How a platform turns rows into billed tokens.

    Per example: `per_example` + Σ over messages (`per_message` + tokens(role) + tokens(content)), and `without_system`
    where no message is the system's, cut at `truncate_at`. `tolerance`: tokens an example, either way, by which the
    platform's own rendering may differ, as it need not use the template as published. `validation_billed`: None means
    not known, and then it is quoted as unknown. `validation_passes`: how often the validation file is read through
    (per job). `pads_to_context`: unpacked training bills rows × context instead of their own length.
    `counts_rejected`, for preference rows: the rejected answer is counted "once" beside the preferred conversation, or
    "with_prompt", as a conversation of its own; "unknown" where no source says which, and then a quote spans both.
    """

    per_example: int = 3
    per_message: int = 3
    without_system: int = 0
    tolerance: int = 0
    truncate_at: int | None = None
    validation_billed: bool | None = None
    validation_passes: int = 0
    pads_to_context: bool = False
    counts_rejected: Literal["once", "with_prompt", "unknown"] = "unknown"
    source: str = ""


class PriceItem(StrEnum):
    """What a price is for."""

    TRAIN = "train"
    INPUT = "input"
    CACHED_INPUT = "cached_input"
    OUTPUT = "output"
    TUNED_INPUT = "tuned_input"
    TUNED_OUTPUT = "tuned_output"
    BATCH_INPUT = "batch_input"
    BATCH_OUTPUT = "batch_output"
    TUNED_BATCH_INPUT = "tuned_batch_input"
    TUNED_BATCH_OUTPUT = "tuned_batch_output"
    HOSTING = "hosting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One dated price row. `usd` None: known to exist but UNVERIFIED, so a total holding it is only "at least"."""

    item: PriceItem
    model: str
    usd: Decimal | None
    per: Literal["mtok", "hour", "job"]
    as_of: date
    source: str
    note: str = ""
    low_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """How long after a lost reply a job may still appear in the platform's list, and why we believe so."""

    window_s: float
    reason: str
    source: str = ""
