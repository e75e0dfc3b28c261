"""Every format by its name, with its limits as dated facts and the files that must lie beside it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from ..contract import Dialect
from ..errors import NotFound
from .bedrock_claude import BEDROCK_CLAUDE
from .bedrock_nova import BEDROCK_LLAMA, BEDROCK_NOVA
from .fireworks import FIREWORKS_CHAT
from .gemini import GEMINI, GEMINI_PREFERENCE
from .limits import Limits
from .llama_factory import LLAMA_FACTORY, LLAMA_FACTORY_PREFERENCE, dataset_info
from .openai_chat import OPENAI_CHAT
from .preference import FIREWORKS_PREFERENCE, OPENAI_PREFERENCE, TOGETHER_PREFERENCE
from .reinforcement import OPENAI_REINFORCEMENT
from .text import TEXT
from .together import TOGETHER_CONVERSATION, TOGETHER_INSTRUCTION
from .trl import TRL_CHAT, TRL_PREFERENCE, TRL_PROMPT_COMPLETION

__all__ = ["Format", "format_of", "named", "names"]

_DIALECTS: Mapping[str, Dialect] = {
    dialect.name.replace("_", "-"): dialect
    for dialect in (
        OPENAI_CHAT,
        OPENAI_PREFERENCE,
        OPENAI_REINFORCEMENT,
        TOGETHER_CONVERSATION,
        TOGETHER_INSTRUCTION,
        TOGETHER_PREFERENCE,
        TEXT,
        BEDROCK_CLAUDE,
        BEDROCK_LLAMA,
        BEDROCK_NOVA,
        GEMINI,
        GEMINI_PREFERENCE,
        FIREWORKS_CHAT,
        FIREWORKS_PREFERENCE,
        LLAMA_FACTORY,
        LLAMA_FACTORY_PREFERENCE,
        TRL_CHAT,
        TRL_PROMPT_COMPLETION,
        TRL_PREFERENCE,
    )
}
_REGISTERED = {LLAMA_FACTORY.name: False, LLAMA_FACTORY_PREFERENCE.name: True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A dialect and what is known of files in it. `source`: who says so, last checked on `as_of`."""

    name: str
    title: str
    dialect: Dialect
    limits: Limits
    note: str
    source: str
    as_of: date

    @property
    def ranks(self) -> bool:
        """Whether its rows hold a preferred and a rejected answer: each such format is named so."""
        return self.name.endswith("preference")

    def side_files(self, names: Mapping[str, str]) -> Mapping[str, str]:
        """File name → text of what must lie beside the files `names` (role → file name)."""
        ranking = _REGISTERED.get(self.dialect.name)
        if ranking is None:
            return {}
        return {"dataset_info.json": json.dumps(dataset_info(names, ranking=ranking), indent=2) + "\n"}


def names() -> tuple[str, ...]:
    """Every format's name."""
    return tuple(_DIALECTS)


def named(name: str) -> Dialect:
    """The dialect of that name, written with hyphens or underscores. Raises `NotFound` naming the nearest."""
    wanted = name.replace("_", "-").lower()
    if wanted in _DIALECTS:
        return _DIALECTS[wanted]
    near = get_close_matches(wanted, _DIALECTS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(_DIALECTS)}"
    raise NotFound(f"unknown format {name!r}", fix=hint, nothing_created=True)


def format_of(name: str) -> Format:
    """The format of a dialect's name (that of `ProviderFile.dialect`). Raises `NotFound`."""
    dialect = named(name)
    key = dialect.name.replace("_", "-")
    told = _facts()[key]
    return Format(
        name=key,
        title=told["title"],
        dialect=dialect,
        limits=Limits(**{field: told.get(field) for field in Limits.__slots__}),
        note=told["note"],
        source=told["source"],
        as_of=told["as_of"],
    )


@cache
def _facts() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("formats.toml").read_text(encoding="utf-8"))
