"""What one run was asked to do: flags, environment and configuration already merged. Stored with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from providers.records import Hyperparameters, Method, Sampling

from .dataset.records import Columns, Policy
from .errors import UsageError
from .evaluation.rule import Rule
from .jobs.health import Policy as TroublePolicy

__all__ = ["AlsoPrompt", "RunSettings", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A platform and a model on it: what stands around the first colon of `--to`, or around the `#` after a URL."""

    provider: str
    model: str

    @classmethod
    def parse(cls, text: str, option: str = "--to") -> Target:
        """`openai:gpt-…` or `http://HOST/v1#MODEL` → Target. Raises `UsageError` naming the option."""
        by_url = "://" in text
        provider, mark, model = text.partition("#" if by_url else ":")
        if by_url and not model:
            raise UsageError(f"{text!r} names no model", where="--also", fix="write it as http://HOST:PORT/v1#MODEL")
        if not (provider and mark and model):
            raise UsageError(f"{text!r} is not PLATFORM:MODEL", where=option, fix="`tunewright models ls` lists them")
        return cls(provider.rstrip("/") if by_url else provider, model)

    def __str__(self) -> str:
        return f"{self.provider}{'#' if '://' in self.provider else ':'}{self.model}"


@dataclass(frozen=True, slots=True)
class AlsoPrompt:
    """A system prompt for the base to be asked with, and the file that it stood in."""

    file: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Everything a run needs to know. Money in US dollars; `max_usd` None: no cap of this run's own.

    `also`, `also_prompts`, `also_shots`: who is asked beside base and tuned; `samples`: how often each is asked each
    prompt. `max_hosting_hours`: how long a rented machine is paid for and may run; None: one hour is reserved, and it
    is stopped when that money is used up. `grader` None: chosen by the data; `further_graders` measure the same answers
    beside it. `judge`: who judges, where a grader asks one; `human_labels`: FILE or FILE:COLUMN to hold it against.
    `choose`: whether the checkpoints meet first, on the validation rows. `general`: whether the general prompts are
    asked too; None: where that is cheap and a cap bounds it. `similar`: the user's own tasks that must not suffer.
    """

    pairs: Path
    to: tuple[Target, ...] = ()
    columns: Columns = Columns()
    policy: Policy = Policy()
    test: Path | None = None
    validation: Path | None = None
    method: Method = Method.SFT
    hyperparameters: Hyperparameters = Hyperparameters()
    suffix: str | None = None
    account: str | None = None
    prices: Path | None = None
    redact: Path | None = None
    max_usd: Decimal | None = None
    people_usd: Decimal | None = None
    max_hosting_hours: Decimal | None = None
    sampling: Sampling = Sampling(stream=True)
    grader: str | None = None
    further_graders: tuple[str, ...] = ()
    judge: Target | None = None
    human_labels: str | None = None
    concurrency: int = 8
    also: tuple[str, ...] = ()
    also_prompts: tuple[AlsoPrompt, ...] = ()
    also_shots: int = 0
    samples: int = 1
    batch: bool | Literal["auto"] = False
    batch_above: int = 20_000
    rule: Rule = Rule()
    prompts_per_month: int | None = None
    choose: Literal["checkpoint"] | None = None
    general: bool | None = None
    similar: Path | None = None
    again: bool = False
    generation: int = 0
    accept_unknown: bool = False
    resubmit_after_settle: bool = False
    accept_sunset: bool = False
    on_trouble: TroublePolicy = TroublePolicy()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def by_batches(self, questions: int) -> bool:
        """Whether so many questions to a model go by the file: as told, or with "auto" above the number told."""
        return questions > self.batch_above if self.batch == "auto" else self.batch is True

    @property
    def target(self) -> Target:
        """The one platform to train on. Raises `UsageError` when there is not exactly one."""
        if len(self.to) != 1:
            raise UsageError(
                "name one platform to train on" if self.to else "name where to train",
                where="--to",
                fix="`tunewright estimate` compares several; `run` and `submit` take one --to PLATFORM:MODEL",
            )
        return self.to[0]
