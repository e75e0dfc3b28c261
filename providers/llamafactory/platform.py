"""LLaMA-Factory without starting it: facts, formats, and exactly what a job would be told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from ..contract import Connection, Dialect, Provider
from ..processes.platform import ProcessPlatform
from ..records import (
    Capability,
    Hyperparameters,
    Method,
    ModelFacts,
    Plan,
    PlannedRequest,
    ProviderFile,
    Recipe,
    Support,
    TokenRules,
)
from ..settings import complete
from .command import HOURS_VARIABLE, VARIABLE, expected_hours
from .config import Base, training
from .models import HUB_VARIABLES, base_name, named
from .presets import presets
from .settings import NAME, check

__all__ = ["LlamaFactoryPlatform"]

_AS_OF = date(2026, 11, 26)
_SOURCE = "llamafactory 0.9.5 (PyPI)"
_MARGIN = Decimal("0.30")
"""The model's own tokenizer is not loaded here: o200k was up to 21.5 % off for ten other vocabularies."""


class LlamaFactoryPlatform(ProcessPlatform):
    """The user's own `llamafactory-cli` on this machine, by any folder or hub id of a causal language model."""

    name = NAME
    title = "LLaMA-Factory (on this machine)"
    can: Mapping[Capability, str] = {
        Capability.SFT: "stage: sft, on ShareGPT rows",
        Capability.DPO: "stage: dpo, on ranked ShareGPT rows; goes on from a model tuned here too",
        Capability.LORA: "the default; on a base in 4 bits with qlora=true, which needs a GPU and bitsandbytes",
        Capability.FULL: "finetuning_type: full",
        Capability.VALIDATION_FILE: "measured once an epoch, or every eval_steps",
        Capability.METRICS: "trainer_log.jsonl, a line a step, and trainer_state.json at each save",
        Capability.CHECKPOINTS: "one an epoch, or every save_steps; a killed run goes on from its last one",
        Capability.DEDICATED_SERVING: "llamafactory-cli api at 127.0.0.1 with a key, one model a server",
    }

    def capabilities(self, on: date) -> Mapping[Capability, Support]:
        """The same on every day; what the package itself says has it for a source."""
        told = super().capabilities(on)
        return {key: replace(said, source=_SOURCE) if key in self.can else said for key, said in told.items()}

    def dialect(self, method: Method) -> Dialect:
        """ShareGPT rows, or ranked ones."""
        from ..dialects import LLAMA_FACTORY, LLAMA_FACTORY_PREFERENCE

        return LLAMA_FACTORY_PREFERENCE if method is Method.DPO else LLAMA_FACTORY

    def model(self, name: str) -> ModelFacts:
        """Any folder here, any hub id, and what was tuned on one. Raises `NotFound` for what can be neither.

        How long it takes here only its owner can say: `LLAMAFACTORY_HOURS`, as in 0.5-2.
        """
        named(base_name(name))
        reason = "a causal language model that transformers can load; preflight looks for its files"
        return ModelFacts(
            name=name,
            tunable=Support(answer="yes", reason=reason, source=_SOURCE, as_of=_AS_OF),
            methods=(Method.SFT, Method.DPO),
            token_margin=_MARGIN,
            tuned_serving="dedicated",
            base_serving="beside_tuned",
            hours=expected_hours(os.environ.get(HOURS_VARIABLE)),
            source=_SOURCE,
            as_of=_AS_OF,
        )

    def token_rules(self, model: str, method: Method, hyperparameters: Hyperparameters) -> TokenRules:
        """Longer rows are cut at `cutoff_len`; each of two answers goes through the model with its prompt."""
        told = super().token_rules(model, method, hyperparameters)
        cut = int(hyperparameters.extra.get("max_seq_length", 2048))
        return replace(told, truncate_at=cut, counts_rejected="with_prompt")

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """`given` completed by presets. Raises `Unsupported` naming any value that cannot be taken."""
        self.model(model)
        check(method, given)
        return complete(given, presets(method, lora=given.lora is not False))

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """What would be done here, with the YAML as `llamafactory-cli train` would read it."""
        *copies, start = super().requests(plan, files, tag, base_url, ids)
        name, job = base_name(plan.model), plan.model.rpartition("@")[2]
        base = Base(model=name, family=name, adapter=None if name == plan.model else f"<what {job} has made>")
        validated = plan.validation_sha256 is not None
        config = training(base, plan.method, plan.hyperparameters, validated=validated)
        return [*copies, replace(start, body=config)]

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """No key and no URL; where the command and the hub's folder are, by the environment."""
        told = {name: environ[name] for name in HUB_VARIABLES if environ.get(name)}
        cli = {"cli": environ[VARIABLE]} if environ.get(VARIABLE) else {}
        return replace(super().connection(environ, account, state_dir), options={**told, **cli})

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """This machine, as far as the state directory goes."""
        from ..processes.opening import opened, refuse_elsewhere

        refuse_elsewhere(self.name)
        from .account import LlamaFactoryAccount

        return opened(lambda: LlamaFactoryAccount(self, connection), self.name)
