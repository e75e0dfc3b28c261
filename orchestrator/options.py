"""What may be given to a verb, and how that with the configuration becomes the settings of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, cast, get_args

from providers.records import Hyperparameters, Method, Sampling

from .config import Config, OnIllness
from .dataset.records import Action, Columns, Policy, Skippable
from .errors import UsageError
from .evaluation.grader_names import checked_graders, needs_judge
from .evaluation.graders import named
from .evaluation.rule import USUAL_MARGIN, Rule
from .jobs.health import ACTIONS
from .jobs.health import Policy as TroublePolicy
from .settings import AlsoPrompt, RunSettings, Target

__all__ = ["EvaluateOptions", "RunOptions", "asked_anew", "batch_choice", "merge", "regraded", "trouble_policy"]


class RunOptions(TypedDict, total=False):
    """What any verb may be given beside the pairs: the long flags of the command line, with underscores.

    None everywhere means: not given; the configuration, then the default, applies.
    """

    to: Sequence[str | Target] | str | Target | None
    input: str | None
    output: str | None
    system: str | None
    system_text: str | None
    group: str | None
    accept: str | None
    history: str | None
    time: str | None
    reasoning: str | None
    prompt_template: str | None
    near_duplicates: str | None
    skip: Sequence[str] | str | None
    fix: bool | None
    redact: Path | str | None
    allow_secrets: Sequence[str] | str | None
    test: Path | str | None
    validation: Path | str | None
    method: str | None
    epochs: int | None
    learning_rate: float | None
    batch_size: int | None
    beta: float | None
    seed: int | None
    lora: bool | None
    suffix: str | None
    settings: Mapping[str, Any] | None
    account: str | None
    prices: Path | str | None
    max_usd: Decimal | None
    people_usd: Decimal | None
    max_hosting_hours: Decimal | None
    grader: Sequence[str] | str | None
    judge: str | None
    human_labels: str | None
    temperature: float | None
    max_tokens: int | None
    concurrency: int | None
    prompts_per_month: int | None
    choose: str | None
    general: bool | None
    similar: Path | str | None
    also: Sequence[str] | str | None
    also_prompt: Sequence[Path | str] | Path | str | None
    also_shots: int | None
    samples: int | None
    batch: bool | str | None
    again: bool | None
    accept_unknown: bool | None
    accept_sunset: bool | None
    on_trouble: str | None


class EvaluateOptions(TypedDict, total=False):
    """What may be given when a run's held-out rows are asked again: the rest was settled when it began."""

    also: Sequence[str] | str | None
    also_prompt: Sequence[Path | str] | Path | str | None
    also_shots: int | None
    samples: int | None
    temperature: float | None
    max_tokens: int | None
    concurrency: int | None
    max_usd: Decimal | None
    max_hosting_hours: Decimal | None
    accept_unknown: bool | None
    prices: Path | str | None
    batch: bool | str | None


_SEVERAL = {"to", "skip", "allow_secrets", "grader", "also", "also_prompt"}
_PATHS = {"redact", "test", "validation", "prices", "similar"}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "near_duplicates": get_args(Action),
    "skip": get_args(Skippable),
    "method": tuple(Method),
    "on_trouble": ACTIONS,
    "choose": ("checkpoint",),
}


def merge(config: Config, pairs: Path, **given: Unpack[RunOptions]) -> RunSettings:
    """Settings from the configuration with what was given on top; a `given` value of None means: not given.

    Where several are meant, one may stand alone; a path may be text. Raises `UsageError` for a name that is no option
    and for a value that is none of an option's choices.
    """
    flags = _checked(given)
    configured = config.evaluation.grader
    grading = _grading(flags, () if configured is None else _several(configured), config.evaluation.judge)
    training, asking = config.training, config.evaluation
    to = flags.get("to") or ((training.to,) if training.to else ())
    return RunSettings(
        pairs=pairs,
        to=tuple(item if isinstance(item, Target) else Target.parse(item) for item in to),
        columns=_columns(config, flags),
        policy=_policy(config, flags),
        test=flags.get("test"),
        validation=flags.get("validation"),
        method=Method(flags.get("method", training.method)),
        hyperparameters=_hyperparameters(config, flags),
        suffix=flags.get("suffix", training.suffix),
        account=flags.get("account", config.account),
        prices=flags.get("prices", config.prices),
        redact=flags.get("redact"),
        max_usd=flags.get("max_usd", config.budget.run_usd),
        people_usd=flags.get("people_usd", config.budget.people_usd),
        max_hosting_hours=flags.get("max_hosting_hours", config.budget.max_hosting_hours),
        sampling=Sampling(
            temperature=flags.get("temperature", asking.temperature),
            max_tokens=flags.get("max_tokens", asking.max_tokens),
            seed=7,
            stream=asking.stream,
        ),
        grader=grading.grader,
        further_graders=grading.further,
        judge=grading.judge,
        human_labels=grading.human_labels,
        concurrency=flags.get("concurrency", asking.concurrency),
        batch=batch_choice(flags.get("batch", asking.batch)),
        batch_above=asking.batch_above,
        also=tuple(dict.fromkeys(flags.get("also") or asking.also)),
        also_prompts=tuple(_prompt(Path(file)) for file in flags.get("also_prompt", ())),
        also_shots=flags.get("also_shots", 0),
        samples=_samples(flags.get("samples", asking.samples), flags.get("temperature", asking.temperature)),
        rule=_rule(config, flags, grading.grader),
        prompts_per_month=flags.get("prompts_per_month", asking.prompts_per_month),
        choose=flags.get("choose", asking.choose),
        general=flags.get("general", asking.general),
        similar=flags.get("similar", asking.similar),
        again=flags.get("again", False),
        accept_unknown=flags.get("accept_unknown", False),
        resubmit_after_settle=config.submission.resubmit_after_settle,
        accept_sunset=flags.get("accept_sunset", config.submission.accept_sunset),
        on_trouble=trouble_policy(config, flags.get("on_trouble")),
    )


def _policy(config: Config, flags: Mapping[str, Any]) -> Policy:
    data = config.data
    return Policy(
        duplicates=data.duplicates,
        contradictions=data.contradictions,
        leaks=data.leaks,
        blank=data.blank,
        minimum_rows=data.minimum_rows,
        near_duplicates=flags.get("near_duplicates", data.near_duplicates),
        secrets=data.secrets,
        skip=tuple(flags.get("skip") or data.skip),
        fix=flags.get("fix", data.fix),
        allowed_secrets=tuple(flags.get("allow_secrets") or data.allow_secrets),
    )


class _Grading(NamedTuple):
    grader: str | None
    further: tuple[str, ...]
    judge: Target | None
    human_labels: str | None


def _grading(flags: Mapping[str, Any], names: Sequence[str], judge: str | None) -> _Grading:
    """A wrong name is refused here, not after the training was paid for. `names`, `judge`: where no flag says another.

    Only a grader that asks a judge has one; a judge, or labels to hold it against, that was given for none is refused.
    """
    judge = flags.get("judge", judge)
    found = checked_graders(flags.get("grader") or names, judge is not None)
    asks = any(map(needs_judge, found))
    given = next((name for name in ("judge", "human_labels") if name in flags), None)
    if given and not asks:
        fix = "add --grader judge:RUBRIC.md or pairwise:RUBRIC.md, or leave it out"
        raise UsageError("no grader asks a judge", where=f"--{given.replace('_', '-')}", fix=fix)
    first, further = (found[0], found[1:]) if found else (None, ())
    target = Target.parse(judge, "--judge") if judge and asks else None
    return _Grading(first, further, target, _labels(flags.get("human_labels")))


def _labels(told: str | None) -> str | None:
    """With the file's whole path; a later step may work in another folder."""
    if told is None or Path(told).is_file():
        return None if told is None else str(Path(told).absolute())
    path, _, column = told.rpartition(":")
    if not Path(path).is_file():
        raise UsageError("no such file of labels", where="--human-labels", fix="FILE.csv or FILE.csv:COLUMN")
    return f"{Path(path).absolute()}:{column}"


def regraded(
    settings: RunSettings, grader: Sequence[str] | str | None, judge: str | None, human_labels: str | None
) -> RunSettings:
    """The same run's settings with other graders, or another judge; None: as they were. Raises `UsageError`."""
    given = {"grader": grader, "judge": judge, "human_labels": human_labels}
    flags = _checked({name: value for name, value in given.items() if value is not None})
    if not flags:
        return settings
    kept = [name for name in (settings.grader, *settings.further_graders) if name]
    found = _grading(flags, kept, None if settings.judge is None else str(settings.judge))
    return replace(
        settings,
        grader=found.grader,
        further_graders=found.further,
        judge=found.judge,
        human_labels=found.human_labels or settings.human_labels,
    )


def _rule(config: Config, flags: Mapping[str, Any], metric: str | None) -> Rule:
    """The configuration's, with the grader that was named: what decides is fixed before the first question.

    A guard that was asked for by name must decide something: it gets the usual margin where the rule has none.
    """
    for name in config.rule.metrics:
        named(name)
    rule = Rule(**asdict(config.rule), metric=metric)
    if flags.get("general", config.evaluation.general) and rule.general_margin is None:
        rule = replace(rule, general_margin=USUAL_MARGIN)
    if flags.get("similar", config.evaluation.similar) and rule.similar_margin is None:
        rule = replace(rule, similar_margin=USUAL_MARGIN)
    return rule


def asked_anew(settings: RunSettings, given: EvaluateOptions) -> RunSettings:
    """The settings of a run with what was given for asking again; the rest stays as it was recorded.

    Raises `UsageError`, also for an option that says how a run begins.
    """
    flags = _checked(given)
    for name in flags.keys() - _ASKED_ANEW:
        raise UsageError(f"{name!r} was settled when the run began", fix="start a new run to change it")
    sampling = replace(
        settings.sampling,
        temperature=flags.get("temperature", settings.sampling.temperature),
        max_tokens=flags.get("max_tokens", settings.sampling.max_tokens),
    )
    changes: dict[str, Any] = {name: flags[name] for name in flags.keys() & _KEPT_AS_GIVEN}
    if "also" in flags:
        changes["also"] = tuple(dict.fromkeys(flags["also"]))
    if "also_prompt" in flags:
        changes["also_prompts"] = tuple(_prompt(Path(file)) for file in flags["also_prompt"])
    if "batch" in flags:
        changes["batch"] = batch_choice(flags["batch"])
    changes["samples"] = _samples(flags.get("samples", settings.samples), sampling.temperature)
    return replace(settings, sampling=sampling, **changes)


_KEPT_AS_GIVEN = {"also_shots", "concurrency", "max_usd", "max_hosting_hours", "accept_unknown", "prices"}
_ASKED_ANEW = _KEPT_AS_GIVEN | {"batch", "also", "also_prompt", "samples", "temperature", "max_tokens"}


def _samples(samples: int, temperature: float) -> int:
    if samples < 1:
        raise UsageError(f"{samples} is no number of samples", where="--samples", fix="1 or more")
    if samples > 1 and temperature == 0:
        raise UsageError(
            f"at temperature 0 a model gives the same answer again: {samples} samples would be one, paid {samples} "
            "times",
            where="--samples",
            fix="--temperature 0.7, say, or --samples 1",
        )
    return samples


def _prompt(file: Path) -> AlsoPrompt:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the system prompt cannot be read: {what}", where=str(file)) from error
    if not text:
        raise UsageError("the system prompt is empty", where=str(file), fix="write what the base should be told")
    return AlsoPrompt(file.name, text)


def trouble_policy(config: Config, action: str | None = None) -> TroublePolicy:
    """What to do on trouble: the flag for every trouble, else each by the configuration. Raises `UsageError`."""
    if action is not None:
        _refuse_other("on_trouble", (action,), ACTIONS)
        return TroublePolicy.all(cast("OnIllness", action))
    health = config.training.health
    return TroublePolicy(
        overfitting=health.overfitting or health.on_trouble,
        plateau=health.plateau or health.on_trouble,
        divergence=health.divergence or health.on_trouble,
    )


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, each value in the form that its option has."""
    _refuse_unknown(given)
    flags = {key: value for key, value in given.items() if value is not None}
    for name in flags.keys() & _SEVERAL:
        flags[name] = _several(flags[name])
    for name in flags.keys() & _PATHS:
        flags[name] = Path(flags[name])
    for name, choices in _CHOICES.items():
        if name in flags:
            _refuse_other(name, flags[name] if name in _SEVERAL else (flags[name],), choices)
    return flags


def batch_choice(value: bool | str) -> bool | Literal["auto"]:
    """By the file, one by one, or \"auto\". Raises `UsageError` for any other word."""
    if isinstance(value, bool):
        return value
    _refuse_other("batch", (value,), ("auto",))
    return "auto"


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)


def _refuse_unknown(names: Iterable[str]) -> None:
    known = sorted(RunOptions.__annotations__)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"the options are {', '.join(known)}"
            raise UsageError(f"there is no option {name!r}", fix=fix)


def _refuse_other(name: str, values: Iterable[object], choices: tuple[str, ...]) -> None:
    for value in values:
        if value not in choices:
            near = get_close_matches(str(value), choices, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"{value!r} is no choice", where=name, fix=f"{meant}the choices are {', '.join(choices)}")


def _columns(config: Config, flags: Mapping[str, Any]) -> Columns:
    data = config.data
    return Columns(
        input=flags.get("input", data.input),
        output=flags.get("output", data.output),
        system=flags.get("system", data.system),
        group=flags.get("group", data.group),
        accept=flags.get("accept"),
        history=flags.get("history"),
        time=flags.get("time"),
        reasoning=flags.get("reasoning"),
        prompt_template=flags.get("prompt_template"),
        system_text=flags.get("system_text", data.system_text),
    )


def _hyperparameters(config: Config, flags: Mapping[str, Any]) -> Hyperparameters:
    training = config.training
    beta = {"beta": flags["beta"]} if "beta" in flags else {}
    return Hyperparameters(
        epochs=flags.get("epochs", training.epochs),
        learning_rate=flags.get("learning_rate", training.learning_rate),
        batch_size=flags.get("batch_size", training.batch_size),
        seed=flags.get("seed", training.seed),
        lora=flags.get("lora", training.lora),
        extra={**training.settings, **beta, **flags.get("settings", {})},
    )
