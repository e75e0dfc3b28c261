"""`tunewright.toml`: what a project settles once. Unknown keys are refused with the nearest name.

A flag wins over the environment (`TUNEWRIGHT_…`), which wins over this file, which wins over the defaults. The schema
is plain dataclasses, judged by pydantic where there is something to judge: with no file, its import is not waited for.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .errors import UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

__all__ = [
    "CONFIG_NAME",
    "Config",
    "OnIllness",
    "checked",
    "environment",
    "find_config",
    "load_config",
    "schema",
    "template",
]

CONFIG_NAME = "tunewright.toml"
_LOOK = "mend the file, or move it away and let `tunewright init` write a commented one"
OnTrouble = Literal["drop", "warn", "refuse"]
OnIllness = Literal["warn", "pause", "cancel", "keep"]


class _Section:
    """What pydantic reads: an unknown key is refused, and a field's metadata are the arguments of its `Field`."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def _setting(default: Any, description: str | None = None, **limits: Any) -> Any:
    return field(default=default, metadata={"description": description, **limits})


def _mapping(description: str) -> Any:
    return field(default_factory=dict, metadata={"description": description})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig(_Section):
    """How pairs are read and what is done about trouble in them."""

    input: str | None = _setting(None, "column with the input")
    output: str | None = _setting(None, "column with the answer")
    system: str | None = _setting(None, "column with a system prompt a row")
    system_text: str | None = _setting(None, "one system prompt for every row")
    group: str | None = _setting(None, "column whose equal values stay on one side of the split")
    duplicates: OnTrouble = "drop"
    contradictions: OnTrouble = "warn"
    leaks: OnTrouble = "drop"
    blank: OnTrouble = "drop"
    near_duplicates: OnTrouble = "warn"
    secrets: OnTrouble = "refuse"
    skip: tuple[Literal["near-duplicates", "sensitive"], ...] = _setting((), "kinds of checks not to do at all")
    fix: bool = _setting(False, "mend what can be mended without changing what a row means")
    allow_secrets: tuple[str, ...] = _setting((), "kinds or fingerprints of what looks like a key and is none")
    minimum_rows: int = _setting(10, ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthConfig(_Section):
    """What to do when the training curve shows trouble: warn, pause, cancel, or keep the best checkpoint."""

    on_trouble: OnIllness = _setting("warn", "for every trouble that is not named below")
    overfitting: OnIllness | None = None
    plateau: OnIllness | None = None
    divergence: OnIllness | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig(_Section):
    """Where and how to train. What is not given is chosen by a cautious preset, with its reason."""

    to: str | None = _setting(None, "PLATFORM:MODEL")
    method: Literal["sft", "dpo"] = "sft"
    epochs: int | None = _setting(None, ge=1)
    learning_rate: float | None = _setting(None, gt=0)
    batch_size: int | None = _setting(None, ge=1)
    seed: int | None = None
    lora: bool | None = None
    suffix: str | None = None
    settings: dict[str, Any] = _mapping("platform settings by name, as with --set")
    health: HealthConfig = HealthConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectConfig(_Section):
    """Which project this is, where several share one database."""

    name: str | None = _setting(None, "default: the name of the folder that holds .tunewright", min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetConfig(_Section):
    """Caps in US dollars, enforced before anything is bought."""

    run_usd: Decimal | None = _setting(None, ge=0)
    month_usd: Decimal | None = _setting(None, "a calendar month, UTC", ge=0)
    project_usd: Decimal | None = _setting(None, "all that this project ever spends", ge=0)
    providers: dict[str, Decimal] = _mapping("platform → dollars a month")
    people_usd: Decimal | None = _setting(None, "your own figure for data and people, shown in quotes", ge=0)
    max_hosting_hours: Decimal | None = _setting(None, "how long a machine may be rented for an evaluation", gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig(_Section):
    """How base, tuned and whoever else are asked, the same for all."""

    grader: str | tuple[str, ...] | None = _setting(
        None, "one, or a list: the first decides, the others stand beside it"
    )
    judge: str | None = _setting(None, "PLATFORM:MODEL that judges, for the graders judge: and pairwise:")
    max_tokens: int = _setting(256, ge=1)
    temperature: float = _setting(0.0, ge=0)
    concurrency: int = _setting(8, ge=1, le=256)
    stream: bool = _setting(True, "stream answers, to measure the time to the first token")
    general: bool | None = _setting(None, "ask the general prompts too, to see what was forgotten")
    similar: Path | None = _setting(None, "your own tasks beside the one trained for, which must not suffer")
    choose: Literal["checkpoint"] | None = _setting(None, "let the checkpoints meet first, on the validation rows")
    prompts_per_month: int | None = _setting(None, "how much the model will be asked, to say when it pays", ge=1)
    also: tuple[str, ...] = _setting((), "further candidates, as with --also")
    samples: int = _setting(1, "answers a prompt; more than one needs a temperature above 0", ge=1, le=100)
    endpoint_keys: dict[str, str] = _mapping("URL of an endpoint → environment variable that holds its key")
    batch: bool | Literal["auto"] = _setting(False, "ask by the platforms' batches; auto: above batch_above questions")
    batch_above: int = _setting(20_000, "questions to a model above which batch = auto asks by batches", ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleConfig(_Section):
    """The decision rule, recorded with its hash before the first question is asked."""

    confidence: float = _setting(0.95, gt=0.5, lt=1)
    improvement: Literal["error_share", "relative", "points"] = "error_share"
    deploy_at: float = _setting(0.20, ge=0)
    skip_below: float = _setting(0.10, ge=0)
    max_missing: float = _setting(0.01, ge=0, le=1)
    max_latency_ratio: float | None = _setting(None, gt=0)
    max_cost_ratio: float | None = _setting(None, gt=0)
    min_prompts: int = _setting(20, "with fewer the verdict is inconclusive, however clear they seem", ge=0)
    metrics: tuple[str, ...] = _setting((), "further graders, shown beside the one that decides")
    must_beat: tuple[str, ...] = _setting((), 'candidates that the tuned model must beat: "also1", or "prompt"')
    general_margin: float | None = _setting(None, "how much less it may score on the general prompts", gt=0, lt=1)
    similar_margin: float | None = _setting(None, "how much less on your own similar tasks", gt=0, lt=1)
    safety_margin: float | None = _setting(None, "how much less on the general prompts about safety", gt=0, lt=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionConfig(_Section):
    """What may happen without asking."""

    resubmit_after_settle: bool = False
    accept_sunset: bool = _setting(False, "buy although the model ends within 30 days, as with --accept-sunset")


@dataclass(frozen=True, slots=True, kw_only=True)
class RateConfig(_Section):
    """Most that may be asked of each model of one platform; the platform's own limits count where they are lower."""

    requests_per_min: float | None = _setting(None, gt=0, allow_inf_nan=False)
    tokens_per_min: float | None = _setting(None, gt=0, allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(_Section):
    """The whole file."""

    account: str | None = _setting(None, "a name for the account where the platform gives no id")
    prices: Path | None = _setting(None, "your own price file; its rows replace ours")
    notify: str | None = _setting(None, "a command to run, without a shell, when a job has ended")
    rates: dict[str, RateConfig] = _mapping(
        "platform.requests_per_min, platform.tokens_per_min: most to ask of a model"
    )
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    project: ProjectConfig = ProjectConfig()
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
    return _judged(data, str(path))


def checked(config: Config) -> Config:
    """A `Config` made by hand, with its values judged and converted as a file's are. Raises `UsageError`."""
    return _judged(asdict(config), "Config")


def _judged(data: dict[str, Any], where: str) -> Config:
    from pydantic import ValidationError

    try:
        config = _adapter().validate_python(data)
    except ValidationError as error:
        raise _refused(where, error) from error
    _refuse_unknown_platforms(config, where)
    return config


def _refuse_unknown_platforms(config: Config, where: str) -> None:
    """A limit for a platform that does not exist would bind nothing, and nobody would notice."""
    named = [("rates", name) for name in config.rates] + [
        ("budget.providers", name) for name in config.budget.providers
    ]
    if not named:
        return
    import providers

    known = providers.platform_names()
    for section, name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"known platforms: {', '.join(known)}"
            raise UsageError(f"unknown platform {name!r}", where=f"{where}, {section}.{name}", fix=fix)


def _adapter() -> TypeAdapter[Config]:
    from pydantic import TypeAdapter

    return TypeAdapter(Config)


def schema() -> dict[str, Any]:
    """The JSON schema of the file."""
    return _adapter().json_schema()


def _refused(file: str, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    *section, key = [str(part) for part in first["loc"]] or [""]
    where = f"{file}, {'.'.join([*section, key])}"
    if first["type"] == "unexpected_keyword_argument":
        near = get_close_matches(key, _keys(section), n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(_keys(section))}"
        return UsageError(f"unknown setting {key!r}", where=where, fix=fix)
    return UsageError(f"{key}: {first['msg']}", where=where, fix="tunewright config-schema prints what is allowed")


def _keys(section: list[str]) -> list[str]:
    inside: Any = Config()
    for name in section:
        inside = RateConfig() if inside == {} else getattr(inside, name, None)  # the one mapping of records
    return [item.name for item in fields(inside)] if is_dataclass(inside) else []


def environment() -> Mapping[str, str]:
    """The process's environment over the nearest `.env` at or above the working directory."""
    here = Path.cwd()
    path = next((file for folder in (here, *here.parents) if (file := folder / ".env").is_file()), None)
    return {**(_variables(path) if path else {}), **os.environ}


def _variables(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value is not None}


def template() -> str:
    """A commented `tunewright.toml`, every key with its default, made from the schema itself."""
    lines = [
        "# tunewright.toml: what this project settles once.",
        "# A flag wins over TUNEWRIGHT_… variables, which win over this file. Keys never belong here.",
        "",
    ]
    for item in fields(Config):
        lines += _table(item.name, item.default) if is_dataclass(item.default) else [_line(item)]
    return "\n".join(lines) + "\n"


def _table(name: str, section: Any) -> list[str]:
    """A section with its keys, then the sections inside it."""
    inner = {item.name: item.default for item in fields(section) if is_dataclass(item.default)}
    lines = ["", f"[{name}]", f"# {(section.__doc__ or '').strip()}"]
    lines += [_line(item) for item in fields(section) if item.name not in inner]
    return lines + [line for key, part in inner.items() for line in _table(f"{name}.{key}", part)]


def _line(item: Field[Any]) -> str:
    key, default, description = item.name, item.default, item.metadata.get("description")
    words = f"  # {description}" if description else ""
    if isinstance(default, bool):
        return f"# {key} = {str(default).lower()}{words}"
    if isinstance(default, (str, int, float)):
        return f"# {key} = {default!r}{words}".replace("'", '"')
    return f"# {key} ={words}"
