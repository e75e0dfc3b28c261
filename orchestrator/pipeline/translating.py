"""Hyperparameters of a finished job in another platform's words: every translation has its reason, nothing is guessed.

The other platform's own recipe says what it takes; what it refuses by name is told as not carried, in its own sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from providers.contract import Platform
from providers.errors import Unsupported
from providers.records import Hyperparameters, Method

__all__ = ["PRESET", "Carried", "Translation", "chosen_there", "source_settings", "translate"]

_CORE = tuple(item.name for item in fields(Hyperparameters) if item.name != "extra")
_STEPS = ("max_steps", "n_steps", "steps")
_RANK = ("lora_r", "lora_rank", "lora_ranks", "rank")
_ALPHA = ("lora_alpha", "alpha")
_DROPOUT = ("lora_dropout",)
_MULTIPLIER = ("learning_rate_multiplier",)
_RATIO = ("warmup_ratio", "learning_rate_warmup_ratio")
_SAME_THING = (_STEPS, _RANK, _ALPHA, _DROPOUT, _MULTIPLIER, _RATIO)
"""One thing under the names that platforms give it."""
PRESET = "preset"
"""A choice of the new platform where nothing was carried."""
_STAYS_BEHIND = {"from_checkpoint": "it names a model that only the old platform has"}
_ORDER = ("lora", *_RANK, *_ALPHA, "learning_rate", *_MULTIPLIER)
"""What others depend on goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One setting on its way. `old`, `new`: None where it was not told, or is not carried; `name`: its new name."""

    setting: str
    old: Any
    new: Any
    reason: str
    name: str = ""

    @property
    def text(self) -> str:
        """For people: "epochs 3 → 3: …"."""
        if self.setting == PRESET:
            return f"preset {self.name}={self.new}: {self.reason}"
        if self.new is None:
            return f"{self.setting}{'' if self.old is None else f' {self.old}'}: not carried; {self.reason}"
        renamed = f"{self.name} " if self.name and self.name != self.setting else ""
        old = "not told" if self.old is None else self.old
        return f"{self.setting} {old} → {renamed}{self.new}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Translation:
    """What the new job is asked for, and how each part came about; the rest is the new platform's preset."""

    hyperparameters: Hyperparameters
    lines: tuple[Carried, ...]


def source_settings(planned: Hyperparameters, trained: Hyperparameters) -> Hyperparameters:
    """What the old job was trained with: as it was bought, and where that leaves a choice as its platform tells it."""
    core = {name: getattr(planned, name) for name in _CORE}
    told = {name: getattr(trained, name) if value is None else value for name, value in core.items()}
    extra = {**trained.extra, **planned.extra}
    plain = {name: value for name, value in extra.items() if isinstance(value, str | int | float) and value != "auto"}
    return Hyperparameters(**told, extra=plain)


def chosen_there(planned: Hyperparameters, trained: Hyperparameters) -> frozenset[str]:
    """What the old job was not asked for, and its platform chose by itself."""
    return frozenset(_named(trained)) - frozenset(_named(planned))


@dataclass(slots=True)
class _Way:
    """The translation under way. `rows`: of training; `accepted`: what the new platform has taken so far.
    `refused`: what its account has said no to, with the reason. `chosen_there`: what the old platform chose itself.
    `rate_carried`: whether the old rate goes along."""

    platform: Platform
    model: str
    method: Method
    rows: int
    validation_rows: int
    accepted: Hyperparameters
    refused: Mapping[str, str]
    chosen_there: Collection[str]
    rate_carried: bool = False
    lines: list[Carried] = field(default_factory=list)

    def take(self, name: str, value: Any) -> str | None:
        """Add it where the platform takes it; else the platform's own reason."""
        if name in self.refused:
            return self.refused[name]
        wanted = _with(self.accepted, name, value)
        try:
            self.platform.recipe(self.model, self.method, wanted, self.rows, self.validation_rows)
        except Unsupported as refused:
            return refused.message
        self.accepted = wanted
        return None

    def carry(self, setting: str, value: Any, names: tuple[str, ...], reason: str) -> bool:
        """Under the first of `names` that is taken; False where none is, and nothing is told yet."""
        for name in names:
            if self.take(name, value) is None:
                self.tell(setting, value, value, reason, name)
                return True
        return False

    def tell(self, setting: str, old: Any, new: Any, reason: str, name: str = "") -> None:
        self.lines.append(Carried(setting=setting, old=old, new=new, reason=reason, name=name))


def translate(
    source: Hyperparameters,
    given: Hyperparameters,
    platform: Platform,
    model: str,
    method: Method,
    rows: int,
    validation_rows: int,
    refused: Mapping[str, str] | None = None,
    chosen_there: Collection[str] = (),
) -> Translation:
    """`source` in this platform's words. `given`: what the user says now, which goes before all else. `refused`: by
    name, what the account itself has said it does not take of what is carried. `chosen_there`: what of `source` the
    old platform chose by itself.

    Raises `Unsupported` where the platform does not take what the user gave, or the method at all.
    """
    platform.recipe(model, method, given, rows, validation_rows)
    way = _Way(platform, model, method, rows, validation_rows, given, refused or {}, chosen_there)
    now = _named(given)
    for name, value in now.items():
        way.tell(name, _named(source).get(name), value, "as you say now", name)
    old = {name: value for name, value in _named(source).items() if not _said(name, now)}
    _passes(way, source, old, now)
    for name in sorted(old, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        if name != "epochs" and name not in _STEPS:
            _HOW.get(name, _as_it_is)(way, name, old[name])
    _untold(way, source, now)
    return Translation(way.accepted, (*way.lines, *_presets(way)))


def _passes(way: _Way, source: Hyperparameters, old: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Epochs, or steps; each by way of the other where only that is taken and the batch size is known."""
    steps = next((old[name] for name in _STEPS if name in old), None)
    batch = source.batch_size if isinstance(source.batch_size, int) else None
    if "epochs" in old:
        _epochs(way, int(old["epochs"]), batch)
    elif steps is not None and "epochs" not in now:
        _steps(way, int(steps), batch)


def _epochs(way: _Way, epochs: int, batch: int | None) -> None:
    refused = way.take("epochs", epochs)
    if refused is None:
        way.tell("epochs", epochs, epochs, "passes over the same training rows", "epochs")
        return
    if batch is None:
        way.tell("epochs", epochs, None, f"{refused}; and steps would need the old batch size, which is not told")
        return
    steps = math.ceil(way.rows / batch) * epochs
    sum_ = f"{way.rows:,} rows / {batch} a step × {epochs} epochs"
    if not any(way.take(name, steps) is None and _done(way, "epochs", epochs, steps, sum_, name) for name in _STEPS):
        way.tell("epochs", epochs, None, refused)


def _steps(way: _Way, steps: int, batch: int | None) -> None:
    if way.carry("steps", steps, _STEPS, "as many steps; the rows seen also depend on the batch size"):
        return
    if batch is None:
        way.tell("steps", steps, None, "no steps are taken there, and epochs would need the old batch size, not told")
        return
    epochs = max(1, round(steps * batch / way.rows))
    refused = way.take("epochs", epochs)
    sum_ = f"{steps} steps × {batch} rows a step / {way.rows:,} rows, rounded to whole passes"
    way.tell("steps", steps, epochs if refused is None else None, sum_ if refused is None else refused, "epochs")


def _done(way: _Way, setting: str, old: Any, new: Any, reason: str, name: str) -> bool:
    way.tell(setting, old, new, reason, name)
    return True


def _rate(way: _Way, name: str, value: Any) -> None:
    refused = way.take(name, value)
    told = "the same absolute rate; the base is another, so watch the curve"
    new, why = (value, told) if refused is None else (None, f"{refused}; which rate that is, nobody publishes")
    way.rate_carried |= refused is None
    way.tell("learning rate", value, new, why, name)


def _multiplier(way: _Way, name: str, value: Any) -> None:
    if way.take(name, value) is None:
        way.rate_carried = True
        told = "the same multiple, of the new platform's own default, which may be another rate"
        way.tell("learning-rate multiplier", value, value, told, name)
        return
    told = "it multiplies a rate that its platform does not publish, so no absolute rate follows from it"
    way.tell("learning-rate multiplier", value, None, told)


def _batch_size(way: _Way, name: str, value: Any) -> None:
    """One that the old platform chose went with the rate that it chose: alone it may undo another rate."""
    if name in way.chosen_there and not way.rate_carried:
        told = "the old platform chose it to go with a rate that is not carried; the new one's own choice stands"
        way.tell("batch size", value, None, told)
    else:
        _as_it_is(way, name, value)


def _low_rank(setting: str, names: tuple[str, ...]) -> Callable[[_Way, str, Any], None]:
    def carry(way: _Way, name: str, value: Any) -> None:
        if not way.carry(setting, value, names, "the same number, under the name that it has there"):
            way.tell(setting, value, None, way.take(names[0], value) or "")

    return carry


def _as_it_is(way: _Way, name: str, value: Any) -> None:
    """Under its own name; another platform's words are never taken for something else."""
    if name in _STAYS_BEHIND:
        way.tell(name, value, None, _STAYS_BEHIND[name])
        return
    refused = way.take(name, value)
    setting, reason = _MEANS.get(name, (name, "the same name is taken there"))
    way.tell(setting, value, value if refused is None else None, reason if refused is None else refused, name)


_MEANS = {
    "batch_size": ("batch size", "as many rows a step"),
    "seed": ("seed", "the same seed; another platform draws otherwise from it"),
    "lora": ("adapter (LoRA)", "adapter or full weights, as before"),
}
_HOW: Mapping[str, Callable[[_Way, str, Any], None]] = {
    "learning_rate": _rate,
    "batch_size": _batch_size,
    **dict.fromkeys(_MULTIPLIER, _multiplier),
    **dict.fromkeys(_RANK, _low_rank("LoRA rank", _RANK)),
    **dict.fromkeys(_ALPHA, _low_rank("LoRA alpha", _ALPHA)),
    **dict.fromkeys(_DROPOUT, _low_rank("LoRA dropout", _DROPOUT)),
    **dict.fromkeys(_RATIO, _low_rank("warm-up ratio", _RATIO)),
}


def _untold(way: _Way, source: Hyperparameters, now: Mapping[str, Any]) -> None:
    """What the old platform never told cannot be carried; said, so that nobody takes a preset for it."""
    known = {**_named(source), **now}
    absent = {
        "epochs": not any(name in known for name in ("epochs", *_STEPS)),
        "learning rate": not any(name in known for name in ("learning_rate", *_MULTIPLIER)),
        "batch size": "batch_size" not in known,
        "adapter or full weights": "lora" not in known,
        "LoRA rank and alpha": known.get("lora") is not False and not any(n in known for n in (*_RANK, *_ALPHA)),
    }
    for setting, missing in absent.items():
        if missing:
            way.tell(
                setting, None, None, "the old platform chose it and does not tell; the new one's own choice stands"
            )


def _presets(way: _Way) -> list[Carried]:
    recipe = way.platform.recipe(way.model, way.method, way.accepted, way.rows, way.validation_rows)
    found = _named(recipe.hyperparameters)
    return [
        Carried(setting=PRESET, old=None, new=found.get(name), reason=reason, name=name)
        for name, reason in recipe.reasons.items()
    ]


def _named(settings: Hyperparameters) -> dict[str, Any]:
    core = {name: getattr(settings, name) for name in _CORE}
    return {name: value for name, value in (core | dict(settings.extra)).items() if value is not None}


def _said(name: str, now: Mapping[str, Any]) -> bool:
    """Whether the user says this now, under whatever name."""
    same = next((names for names in _SAME_THING if name in names), (name,))
    rates = ("learning_rate", *_MULTIPLIER)
    return any(other in now for other in (rates if name in rates else same))


def _with(settings: Hyperparameters, name: str, value: Any) -> Hyperparameters:
    if name in _CORE:
        return replace(settings, **{name: value})
    return replace(settings, extra={**settings.extra, name: value})
