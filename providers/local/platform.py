"""Training and serving on this machine, by the path or the hub id of a base model; nothing heavy is loaded here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date
from decimal import Decimal

from ..contract import Connection, Dialect, Provider
from ..errors import NotFound
from ..processes.platform import HERE, ProcessPlatform
from ..records import Capability, Hyperparameters, Method, ModelFacts, Recipe, Support
from .bases import BaseModel, look_at, looks_like_a_hub_id, root_name
from .settings import NAME, recipe_for

__all__ = ["LocalPlatform"]

_AS_OF = date(2026, 11, 26)
_MARGIN = Decimal("0.30")
"""Before it is loaded nobody counts with its own tokenizer: o200k was up to 21.5 % off for ten other vocabularies."""


class LocalPlatform(ProcessPlatform):
    """`local:MODEL`, where MODEL is a folder with a `config.json`, or a hub id."""

    name = NAME
    title = "This machine (transformers, PEFT, TRL)"
    can: Mapping[Capability, str] = {
        Capability.SFT: "trl's SFTTrainer, the loss on the assistant's turns alone",
        Capability.DPO: "trl's DPOTrainer; goes on from a model tuned here",
        Capability.LORA: "peft; over a base in 4 bits too (qlora), which needs a CUDA GPU and bitsandbytes",
        Capability.FULL: "every weight, in 32 bits",
        Capability.REMOTE_ESTIMATE: "not money: a few real steps are measured here, and the rows are counted",
    }

    def model(self, name: str) -> ModelFacts:
        """What its files tell, also for a model tuned on it. Raises `NotFound` for neither a folder nor a hub id."""
        root = root_name(name)
        found = look_at(root)
        if found is None and not looks_like_a_hub_id(root):
            raise NotFound(
                f"{root!r} is no folder with a config.json, and no hub id",
                provider=self.name,
                nothing_created=True,
                fix="name a model's folder, or organisation/name; `python -m providers.local.smollm2 FOLDER` makes one",
            )
        return ModelFacts(
            name=name,
            tunable=Support(answer="yes" if found else "unknown", reason=_told(found), source=HERE, as_of=_AS_OF),
            methods=(Method.SFT, Method.DPO),
            context_tokens=found.context_tokens if found else None,
            token_margin=_MARGIN,
            tuned_serving="dedicated",
            base_serving="beside_tuned",
            source=HERE,
            as_of=_AS_OF,
        )

    def dialect(self, method: Method) -> Dialect:
        """TRL's conversations, or its preferences; what they cannot say (a weight a turn) is refused by them."""
        from ..dialects import TRL_CHAT, TRL_PREFERENCE

        return TRL_PREFERENCE if method is Method.DPO else TRL_CHAT

    def recipe(self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int) -> Recipe:
        """`given` completed by presets. Raises `Unsupported` naming any value that cannot be taken."""
        return recipe_for(method, given, rows, validation_rows)

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """This machine, as far as the state directory goes. PyTorch is loaded by the programs, not here."""
        from ..processes.opening import opened, refuse_elsewhere

        refuse_elsewhere(self.name)
        from .account import LocalAccount

        return opened(lambda: LocalAccount(self, connection), self.name)


def _told(found: BaseModel | None) -> str:
    if found is None:
        return "it was not downloaded yet: size and context are known then; its licence is for you to read"
    size = f"{found.parameters / 1e6:,.0f} M parameters" if found.parameters else "a size that its files do not tell"
    context = f"{found.context_tokens:,} tokens of context" if found.context_tokens else "an unknown context"
    return f"{found.kind or 'a model'} with {size} and {context}; its licence is not known here"
