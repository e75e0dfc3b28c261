"""`tunewright.toml`: what a project settles once. Unknown keys are refused with the nearest name.

A flag wins over the environment (`TUNEWRIGHT_…`), which wins over this file, which wins over the defaults.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values, find_dotenv
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import UsageError

__all__ = ["CONFIG_NAME", "Config", "environment", "find_config", "load_config", "template"]

CONFIG_NAME = "tunewright.toml"
_LOOK = "mend the file, or move it away and let `tunewright init` write a commented one"
OnTrouble = Literal["drop", "warn", "refuse"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """How pairs are read and what is done about trouble in them."""

    input: str | None = Field(default=None, description="column with the input")
    output: str | None = Field(default=None, description="column with the answer")
    system: str | None = Field(default=None, description="column with a system prompt a row")
    system_text: str | None = Field(default=None, description="one system prompt for every row")
    group: str | None = Field(default=None, description="column whose equal values stay on one side of the split")
    duplicates: OnTrouble = "drop"
    contradictions: OnTrouble = "warn"
    leaks: OnTrouble = "drop"
    blank: OnTrouble = "drop"
    minimum_rows: int = Field(default=10, ge=1)


class TrainingConfig(_Section):
    """Where and how to train. What is not given is chosen by a cautious preset, with its reason."""

    to: str | None = Field(default=None, description="PLATFORM:MODEL")
    method: Literal["sft", "dpo"] = "sft"
    epochs: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    batch_size: int | None = Field(default=None, ge=1)
    seed: int | None = None
    lora: bool | None = None
    suffix: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict, description="platform settings by name, as with --set")


class BudgetConfig(_Section):
    """Caps in US dollars, enforced before anything is bought."""

    run_usd: Decimal | None = Field(default=None, ge=0)
    month_usd: Decimal | None = Field(default=None, ge=0)
    providers: dict[str, Decimal] = Field(default_factory=dict, description="platform → dollars a month")
    people_usd: Decimal | None = Field(
        default=None, ge=0, description="your own figure for data and people, shown in quotes"
    )


class EvaluationConfig(_Section):
    """How base and tuned are asked, the same for both."""

    grader: str | None = None
    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    concurrency: int = Field(default=8, ge=1, le=256)
    stream: bool = Field(default=True, description="stream answers, to measure the time to the first token")


class RuleConfig(_Section):
    """The decision rule, recorded with its hash before the first question is asked."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    improvement: Literal["error_share", "relative", "points"] = "error_share"
    deploy_at: float = Field(default=0.20, ge=0)
    skip_below: float = Field(default=0.10, ge=0)
    max_missing: float = Field(default=0.01, ge=0, le=1)
    max_latency_ratio: float | None = Field(default=None, gt=0)
    max_cost_ratio: float | None = Field(default=None, gt=0)


class SubmissionConfig(_Section):
    """What may happen without asking after a lost reply."""

    resubmit_after_settle: bool = False


class Config(_Section):
    """The whole file."""

    account: str | None = Field(default=None, description="a name for the account where the platform gives no id")
    prices: Path | None = Field(default=None, description="your own price file; its rows replace ours")
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    budget: BudgetConfig = BudgetConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    rule: RuleConfig = RuleConfig()
    submission: SubmissionConfig = SubmissionConfig()


def find_config(start: Path) -> Path | None:
    """The nearest `tunewright.toml` at or above `start`."""
    return next((path for folder in (start, *start.parents) if (path := folder / CONFIG_NAME).is_file()), None)


def load_config(path: Path | None) -> Config:
    """The file's settings; None gives the defaults. Raises `UsageError` naming the key and the nearest right one."""
    if path is None:
        return Config()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError("no such configuration file", where=str(path), fix="tunewright init writes one") from error
    except (OSError, UnicodeDecodeError) as error:
        what = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"the configuration cannot be read: {what}", where=str(path), fix=_LOOK) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the configuration is not valid TOML: {error}", where=str(path), fix=_LOOK) from error
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    *section, key = [str(part) for part in first["loc"]] or [""]
    where = f"{path}, {'.'.join([*section, key])}"
    if first["type"] == "extra_forbidden":
        near = get_close_matches(key, _keys(section), n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(_keys(section))}"
        return UsageError(f"unknown setting {key!r}", where=where, fix=fix)
    return UsageError(f"{key}: {first['msg']}", where=where, fix="tunewright config-schema prints what is allowed")


def _keys(section: list[str]) -> list[str]:
    model: type[BaseModel] = Config
    for name in section:
        kind = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return []
        model = kind
    return list(model.model_fields)


def environment() -> Mapping[str, str]:
    """The process's environment over the nearest `.env` at or above the working directory."""
    path = find_dotenv(usecwd=True)
    file = {key: value for key, value in dotenv_values(path).items() if value is not None} if path else {}
    return {**file, **os.environ}


def template() -> str:
    """A commented `tunewright.toml`, every key with its default, made from the schema itself."""
    lines = [
        "# tunewright.toml: what this project settles once.",
        "# A flag wins over TUNEWRIGHT_… variables, which win over this file. Keys never belong here.",
        "",
    ]
    for name, field in Config.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            lines += ["", f"[{name}]", f"# {(kind.__doc__ or '').strip()}"]
            lines += [_line(key, item.default, item.description) for key, item in kind.model_fields.items()]
        else:
            lines.append(_line(name, field.default, field.description))
    return "\n".join(lines) + "\n"


def _line(key: str, default: Any, description: str | None) -> str:
    words = f"  # {description}" if description else ""
    if isinstance(default, bool):
        return f"# {key} = {str(default).lower()}{words}"
    if isinstance(default, (str, int, float)):
        return f"# {key} = {default!r}{words}".replace("'", '"')
    return f"# {key} ={words}"
