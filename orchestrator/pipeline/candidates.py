"""Who is asked: base and tuned, and beside them whoever `--also`, `--also-prompt` and `--also-shots` name.

Further candidates are called "also1", "also2", … in the order in which they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from providers.errors import NotFound
from providers.records import Checkpoint

from ..dataset.records import Dataset
from ..errors import UsageError
from ..evaluation.questions import Question
from ..settings import AlsoPrompt, RunSettings, Target
from .answering import Served, base_candidate, tuned_candidate
from .keeping import RECORDED, recorded_candidate
from .session import Account, platform_named
from .shots import draw_shots, shot_turns

__all__ = ["Around", "ask_for_checkpoints", "further", "named_platforms", "refuse_unusable", "served_as"]

_CHECKPOINT, _CHECKPOINTS = "checkpoint:", "checkpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What candidates are made of. `asked`: the held-out questions. `made`: tuned model → the base that it came from.

    `saved`: the job's checkpoints, None while there are none to know; `tuned`: what that role already is.
    """

    settings: RunSettings
    dataset: Dataset
    asked: Sequence[Question]
    account: Callable[[str], Account]
    home: Path
    made: Mapping[str, str]
    saved: Sequence[Checkpoint] | None = None
    tuned: Target | None = None

    @property
    def base(self) -> Target:
        """The base model's place."""
        return self.settings.to[0]


def named_platforms(settings: RunSettings) -> tuple[str, ...]:
    """The platforms of further candidates, files of answers among them. Raises `UsageError` for what names none."""
    targets = (_parsed(entry) for entry in settings.also if not _of_this_job(entry))
    return tuple(dict.fromkeys(target.provider for target in targets))


def refuse_unusable(settings: RunSettings) -> None:
    """Names that mean nothing, before anything is read or paid. Raises `UsageError`, `NotFound`."""
    for name in named_platforms(settings):
        platform_named(name)
    for entry in ask_for_checkpoints(settings):
        if entry != _CHECKPOINTS:
            _step(entry)
    if settings.also_shots < 0:
        raise UsageError(f"{settings.also_shots} is no number of examples", where="--also-shots", fix="1 or more")
    if (settings.also_prompts or settings.also_shots) and settings.to[0].provider == RECORDED:
        fix = "name a base that answers: --base PLATFORM:MODEL"
        raise UsageError("recorded answers cannot be asked with another prompt", where="--base", fix=fix)


def ask_for_checkpoints(settings: RunSettings) -> tuple[str, ...]:
    """What of `also` means checkpoints of the run's own job: known only when it has run."""
    return tuple(entry for entry in settings.also if _of_this_job(entry))


def further(around: Around) -> tuple[Served, ...]:
    """Every further candidate, named; without checkpoints while there are none to know.

    Raises `UsageError` for one that is not there, or that is a candidate already.
    """
    settings = around.settings
    found = [item for entry in settings.also for item in _also(around, entry)]
    if settings.also_prompts or settings.also_shots:
        found += [_with_words(around, prompt) for prompt in settings.also_prompts or (None,)]
    return tuple(
        replace(item, candidate=replace(item.candidate, name=f"also{number}"))
        for number, item in enumerate(found, start=1)
    )


def served_as(around: Around, target: Target, name: str) -> Served:
    """A model by its place, in a role: a base, a tuned model, or what a file recorded."""
    account = around.account(target.provider)
    if target.provider == RECORDED:
        return recorded_candidate(around.home, around.settings, account, target.model, name, around.asked)
    child_of = _child_of(around, target)
    if child_of is not None:
        return tuned_candidate(around.settings, account, child_of, target.model, name)
    as_base = base_candidate(around.settings, account, target)
    return replace(as_base, candidate=replace(as_base.candidate, name=name))


def _child_of(around: Around, target: Target) -> str | None:
    """The base of a tuned model, as this ledger, the facts, or the base beside it tell; None for a base itself."""
    platform = around.account(target.provider).platform
    if target.model in around.made:
        return around.made[target.model]
    if target.model in {known.name for known in platform.models()}:
        return None
    try:
        told = platform.model(target.model).tunable.answer
    except NotFound:
        told = "unknown"
    if told == "unknown":
        return around.base.model if target.provider == around.base.provider else None
    # A name that the facts know although they do not list it is that of a tuned model; a bare server lists nothing.
    return target.model if platform.models() else None


def _also(around: Around, entry: str) -> Iterator[Served]:
    if _of_this_job(entry):
        yield from _checkpoints(around, entry)
        return
    target = _parsed(entry)
    if target in (around.base, around.tuned):
        raise UsageError(f"{entry} is compared already", where="--also", fix="leave it out")
    yield replace(served_as(around, target, "also"), may_appear=False)


def _checkpoints(around: Around, entry: str) -> Iterator[Served]:
    """Of this job, those that the platform serves by name; what "tuned" already is left out of `checkpoints`.

    A job that kept no other has none to add, and is evaluated all the same.
    """
    if around.saved is None:
        return
    served = {item.step: Target(around.base.provider, item.model) for item in around.saved if item.model is not None}
    wanted = {step: target for step, target in served.items() if target != around.tuned}
    if entry != _CHECKPOINTS:
        step = _step(entry)
        wanted = {step: wanted[step]} if step in wanted else {}
    if not wanted and (entry != _CHECKPOINTS or "tuned" in around.settings.extra):
        steps = ", ".join(str(step) for step, target in served.items() if target != around.tuned) or "none"
        what = f"{entry}: there is no such checkpoint beside the tuned model"
        fix = f"steps that can be asked: {steps}; name another with tunewright evaluate RUN --also"
        raise UsageError(what, where="--also", fix=fix)
    account = around.account(around.base.provider)
    for step, target in wanted.items():
        made = tuned_candidate(around.settings, account, around.base.model, target.model)
        label = f"{target} (checkpoint at step {step})"
        yield replace(made, candidate=replace(made.candidate, label=label))


def _with_words(around: Around, prompt: AlsoPrompt | None) -> Served:
    """The base with a better prompt, or with examples, or with both."""
    settings, base = around.settings, around.base
    item = base_candidate(settings, around.account(base.provider), base)
    shots = shot_turns(draw_shots(around.dataset, settings.also_shots)) if settings.also_shots else ()
    words = [f"prompt {prompt.file}"] if prompt else []
    words += [f"{settings.also_shots} example{'s' if settings.also_shots != 1 else ''}"] if shots else []
    candidate = replace(
        item.candidate,
        system=prompt.text if prompt else None,
        shots=shots,
        label=f"{base} with {' and '.join(words)}",
    )
    return replace(item, candidate=candidate)


def _of_this_job(entry: str) -> bool:
    return entry == _CHECKPOINTS or entry.startswith(_CHECKPOINT)


def _step(entry: str) -> int:
    step = entry.removeprefix(_CHECKPOINT)
    if not step.isdecimal():
        raise UsageError(f"{entry}: {step!r} is no step", where="--also", fix="checkpoint:30, or checkpoints for all")
    return int(step)


def _parsed(entry: str) -> Target:
    try:
        return Target.parse(entry)
    except UsageError as error:
        fix = "PLATFORM:MODEL, http://HOST:PORT/v1#MODEL, checkpoint:STEP, checkpoints, or answers:FILE"
        raise UsageError(error.what, where="--also", fix=fix) from error
