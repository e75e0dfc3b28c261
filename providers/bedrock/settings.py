"""What each family of models on Bedrock takes as hyperparameters, and how it is written on the wire. Pure.

Bounds and defaults: docs.aws.amazon.com/bedrock/latest/userguide/custom-models-hp.html (Nova, 2026-11-26),
cm-hp-meta-llama31.html and cm-hp-meta-llama32.html (2026-11-26), cm-hp-anth-claude-3.html (2026-11-22). None is
documented for Nova 2: there the platform alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..errors import Unsupported
from ..records import Hyperparameters, Method
from ..settings import Setting, given_settings, refuse_unusable

__all__ = ["FAMILIES", "Family", "check", "family_of", "held", "wire_settings"]

_WIRE: Mapping[str, str] = {
    "epochs": "epochCount",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "learning_rate_warmup_steps": "learningRateWarmupSteps",
    "learning_rate_multiplier": "learningRateMultiplier",
    "early_stopping_threshold": "earlyStoppingThreshold",
    "early_stopping_patience": "earlyStoppingPatience",
}
_PREFERENCE = ("beta", "dpo_beta")
_NOWHERE: Mapping[str, str] = {
    **dict.fromkeys(_PREFERENCE, "only preference training has it, and Bedrock's jobs have none"),
    "seed": "Bedrock takes none: two jobs on the same rows may differ",
    "lora": "Bedrock does not offer the choice",
}
_RATE_NOT_MULTIPLIER = {"learning_rate_multiplier": "this model takes an absolute rate; use --learning-rate"}


@dataclass(frozen=True, slots=True)
class Family:
    """The models whose ids begin so: what they take, what is refused by name, and the defaults AWS documents."""

    prefix: str
    takes: Mapping[str, Setting]
    refuses: Mapping[str, str]
    defaults: Mapping[str, Any]


_NOVA_2 = Family(
    "amazon.nova-2",
    {
        "epochs": Setting(kind="int", low=1),
        "learning_rate": Setting(kind="float", above=0),
        "learning_rate_warmup_steps": Setting(kind="int", low=0),
    },
    {**_NOWHERE, **_RATE_NOT_MULTIPLIER, "batch_size": "Nova chooses it itself"},
    {},
)
_NOVA = Family(
    "amazon.nova",
    {
        "epochs": Setting(kind="int", low=1, high=5),
        "learning_rate": Setting(kind="float", low=1e-6, high=1e-4),
        "learning_rate_warmup_steps": Setting(kind="int", low=0, high=100),
    },
    {**_NOWHERE, **_RATE_NOT_MULTIPLIER, "batch_size": "Nova chooses it itself"},
    {"learning_rate": 1e-5},
)
_LLAMA = Family(
    "meta.llama",
    {
        "epochs": Setting(kind="int", low=1, high=10),
        "batch_size": Setting(kind="int", low=1, high=1),
        "learning_rate": Setting(kind="float", low=5e-6, high=0.1),
    },
    {**_NOWHERE, **_RATE_NOT_MULTIPLIER},
    {"learning_rate": 1e-4, "batch_size": 1},
)
_CLAUDE = Family(
    "anthropic.claude",
    {
        "epochs": Setting(kind="int", low=1, high=10),
        "batch_size": Setting(kind="int", low=4, high=256),
        "learning_rate_multiplier": Setting(kind="float", low=0.1, high=2),
        "early_stopping_threshold": Setting(kind="float", low=0, high=0.1),
        "early_stopping_patience": Setting(kind="int", low=1, high=10),
    },
    {**_NOWHERE, "learning_rate": "Claude takes a multiplier; use --set learning_rate_multiplier=…"},
    {"learning_rate_multiplier": 1.0, "batch_size": 32},
)
FAMILIES = (_NOVA_2, _NOVA, _LLAMA, _CLAUDE)
"""The first whose prefix fits is meant."""


def family_of(model: str) -> Family | None:
    """The family of a model id or of an ARN that ends in one; None where it is none of ours."""
    bare = model.rsplit("/", 1)[-1]
    return next((family for family in FAMILIES if bare.startswith(family.prefix)), None)


def check(model: str, method: Method, hyperparameters: Hyperparameters, provider: str) -> Family:
    """The model's family. Raises `Unsupported` naming what cannot be sent, or a method or model that is not trained."""
    if method is not Method.SFT:
        raise _refused("dpo: a customization job knows no training by preference", provider)
    family = family_of(model)
    if family is None:
        raise _refused(f"{model}: no stored source says what settings this model takes", provider)
    refuse_unusable(hyperparameters, family.takes, family.refuses, provider)
    return family


def held(family: Family, presets: Mapping[str, tuple[Any, str]]) -> dict[str, tuple[Any, str]]:
    """Our presets as far as the model takes them, and the defaults that AWS documents, written out."""
    found: dict[str, tuple[Any, str]] = {}
    for name, (value, reason) in presets.items():
        setting = family.takes.get(name)
        if setting is None:
            continue
        most = setting.high
        over = most is not None and isinstance(value, int) and value > most
        found[name] = (int(most), f"{reason}; at most {most:g} here") if over and most is not None else (value, reason)
    told = {name: (value, "the default that AWS documents, written out") for name, value in family.defaults.items()}
    return {**told, **found}


def wire_settings(family: Family, hyperparameters: Hyperparameters) -> dict[str, str]:
    """`hyperParameters` as the API takes them: text by name, numbers without an exponent."""
    given = given_settings(hyperparameters)
    return {_WIRE[name]: _text(given[name]) for name in _WIRE if name in given and name in family.takes}


def _text(value: Any) -> str:
    return f"{Decimal(str(value)):f}" if isinstance(value, float) else str(value)


def _refused(message: str, provider: str) -> Unsupported:
    return Unsupported(message, provider=provider, nothing_created=True)
