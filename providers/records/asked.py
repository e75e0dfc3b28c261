"""What is asked for: conversations to learn from, how to learn from them, the paid job, how questions are put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "Example",
    "FileRole",
    "Hyperparameters",
    "JsonObject",
    "Message",
    "Method",
    "Plan",
    "PlannedRequest",
    "ProviderFile",
    "Recipe",
    "Sampling",
]

JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, a tuple of content parts (images), or None beside `tool_calls`."""

    role: str
    content: str | tuple[JsonObject, ...] | None
    tool_calls: tuple[JsonObject, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    weight: int | None = None
    reasoning: str | None = None

    @property
    def text(self) -> str:
        """The turn's words: `content`, or the joined text parts of it, or ''."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text", "")) for part in self.content or ())


@dataclass(frozen=True, slots=True)
class Example:
    """One training example in neutral form: an OpenAI-style conversation whose last turn is the answer to learn.

    `rejected`: for training by preference, one assistant turn that answers the same prompt worse; else empty.
    """

    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...] = ()
    parallel_tool_calls: bool | None = None
    rejected: tuple[Message, ...] = ()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Every turn before the final assistant turn: what an evaluation asks."""
        return self.messages[:-1] if self.messages and self.messages[-1].role == "assistant" else self.messages

    @property
    def answer(self) -> str:
        """The final assistant turn's text ('' where there is none)."""
        last = self.messages[-1] if self.messages else None
        return last.text if last and last.role == "assistant" else ""


class Method(StrEnum):
    """How the model learns: supervised (`sft`) or by preference (`dpo`)."""

    SFT = "sft"
    DPO = "dpo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What the user, a preset or the platform chose. None means: not given, the platform's own default applies.

    `learning_rate` is absolute; platforms that take a multiplier refuse it by name and take
    `extra["learning_rate_multiplier"]`. `extra` holds platform-specific settings from `--set key=value`.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    seed: int | None = None
    lora: bool | None = None
    extra: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyperparameters completed by cautious presets, each preset value with its reason (name → sentence)."""

    hyperparameters: Hyperparameters
    reasons: Mapping[str, str]


FileRole = Literal["train", "validation", "batch"]
"""What an uploaded file is for: to learn from, to be measured on, or questions to be answered as a batch."""


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """One file ready to upload: the exact bytes at `path`, named by their hash."""

    path: Path
    sha256: str
    size: int
    rows: int
    role: FileRole
    dialect: str

    @property
    def remote_name(self) -> str:
        """The content-derived name it is uploaded under, by which a later start finds it again."""
        return f"tw-{self.sha256[:24]}.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that defines one paid job. Its canonical JSON names the intent; two equal plans are one job."""

    provider: str
    account: str
    model: str
    method: Method
    hyperparameters: Hyperparameters
    train_sha256: str
    validation_sha256: str | None
    suffix: str | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """A request exactly as it would be sent, for `--dry-run`; `body` is JSON or a description of the bytes."""

    method: str
    url: str
    body: JsonObject | str | None = None
    paid: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How both models are asked. The same for base and tuned, always."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int | None = 7
    stream: bool = False
