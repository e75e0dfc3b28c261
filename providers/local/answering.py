"""Answers of a base and of what was tuned on it, from one copy of the base's weights, with transformers.

One question at a time. What a prompt has in common with the one before it (the system prompt, solved examples) is not
computed again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from .order import card_of
from .weights import context_of, load_tokenizer, plain_model

__all__ = ["Answers", "Asked", "Piece", "Refused"]


class Refused(ValueError):
    """A question that cannot be answered as it stands; the message is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question. `temperature` 0: the likeliest token each time."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of an answer; the last piece says why it ended, and counts."""

    text: str
    finish: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(slots=True)
class _Model:
    """`adapted`: the adapter is to be on; None where there is none. `cache` holds the keys and values of `seen`."""

    model: Any
    tokenizer: Any
    adapted: bool | None
    cache: Any = None
    seen: list[int] = field(default_factory=list)

    @property
    def ends(self) -> set[int]:
        """Tokens that end an answer."""
        told = self.model.generation_config.eos_token_id
        ends = {told} if isinstance(told, int) else set(told or ())
        return ends | {self.tokenizer.eos_token_id} - {None}


class Answers:
    """The models by their names. Safe to ask from several threads: they wait for each other."""

    def __init__(self, base: str, base_name: str, tuned: str | None = None, tuned_name: str = "") -> None:
        self._turn = threading.Lock()
        card = card_of(Path(tuned)) if tuned else None
        model, adapted = plain_model(base), None
        self._models: dict[str, _Model] = {}
        if tuned and card is not None and card.base is not None:
            from peft import PeftModel

            shared = card.base == base
            below = PeftModel.from_pretrained(model if shared else plain_model(card.base), tuned).eval()
            self._models[tuned_name] = _Model(below, load_tokenizer(tuned), True)
            model, adapted = (below, False) if shared else (model, None)
        elif tuned:
            self._models[tuned_name] = _Model(plain_model(tuned), load_tokenizer(tuned), None)
        self._models[base_name] = _Model(model, load_tokenizer(base), adapted)

    @property
    def names(self) -> list[str]:
        """What is tuned first, then the base."""
        return list(self._models)

    def answer(self, name: str, asked: Asked) -> Iterator[Piece]:
        """Pieces as they come. Raises `KeyError` for no such model, `Refused` for no such question."""
        chosen = self._models[name]
        ids = _prompt(chosen, asked)
        context = context_of(chosen.model)
        if context is not None and len(ids) + asked.max_tokens > context:
            raise Refused(f"{len(ids)} tokens and {asked.max_tokens} of an answer are more than the model's {context}")
        return self._pieces(chosen, ids, asked)

    def _pieces(self, chosen: _Model, ids: list[int], asked: Asked) -> Iterator[Piece]:
        with self._turn:
            if chosen.adapted is not None:
                (chosen.model.enable_adapter_layers if chosen.adapted else chosen.model.disable_adapter_layers)()
            said: list[int] = []
            shown, finish = "", "length"
            for token in _tokens(chosen, ids, asked):
                if token in chosen.ends:
                    finish = "stop"
                    break
                said.append(token)
                text = chosen.tokenizer.decode(said, skip_special_tokens=True)
                if len(text) > len(shown) and not text.endswith("\ufffd"):  # half a character may still grow
                    yield Piece(text[len(shown) :])
                    shown = text
            rest = chosen.tokenizer.decode(said, skip_special_tokens=True)[len(shown) :]
        yield Piece(rest, finish, len(ids), len(said) + (finish == "stop"))


def _prompt(chosen: _Model, asked: Asked) -> list[int]:
    if not getattr(chosen.tokenizer, "chat_template", None):
        raise Refused("this model has no chat template")
    try:
        text = chosen.tokenizer.apply_chat_template(
            [_said(message) for message in asked.messages],
            tools=list(asked.tools) if asked.tools else None,
            tokenize=False,
            add_generation_prompt=True,
        )
    except Refused:
        raise
    except Exception as error:  # a template is the model's own program, and may raise anything
        raise Refused(f"the model's chat template does not take this conversation: {error}") from error
    return list(chosen.tokenizer(text, add_special_tokens=False)["input_ids"])


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    """As templates want it: text, and the arguments of calls as objects."""
    told = dict(message)
    if isinstance(told.get("content"), list):
        if any(part.get("type") != "text" for part in told["content"]):
            raise Refused("only text can be read here")
        told["content"] = "".join(str(part["text"]) for part in told["content"])
    if told.get("tool_calls"):
        told["tool_calls"] = [_call(call) for call in told["tool_calls"]]
    return told


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(call["function"])
    if isinstance(function.get("arguments"), str):
        function["arguments"] = json.loads(function["arguments"])
    return {**call, "function": function}


def _tokens(chosen: _Model, ids: list[int], asked: Asked) -> Iterator[int]:
    dice = torch.Generator().manual_seed(asked.seed or 0)
    new = _with_what_is_known(chosen, ids)
    for _ in range(asked.max_tokens):
        token = _next(chosen, new, asked.temperature, dice)
        yield token
        new = [token]


@torch.inference_mode()
def _next(chosen: _Model, new: list[int], temperature: float, dice: torch.Generator) -> int:
    told = torch.tensor([new], device=chosen.model.device)
    answer = chosen.model(input_ids=told, past_key_values=chosen.cache, use_cache=True, logits_to_keep=1)
    chosen.seen = [*chosen.seen, *new]
    scores = answer.logits[0, -1].float().cpu()
    if temperature <= 0:
        return int(scores.argmax())
    return int(torch.multinomial(torch.softmax(scores / temperature, dim=-1), 1, generator=dice))


def _with_what_is_known(chosen: _Model, ids: list[int]) -> list[int]:
    """The part of a prompt that must still be read; the rest stands in the cache from the question before."""
    common = 0
    for one, other in zip(chosen.seen, ids[:-1], strict=False):
        if one != other:
            break
        common += 1
    layers = [] if chosen.cache is None else chosen.cache.layers
    if common and layers and all(type(layer) is DynamicLayer for layer in layers):
        if common < len(chosen.seen):
            with torch.inference_mode():
                chosen.cache.crop(common - len(chosen.seen))
    else:
        common, chosen.cache = 0, DynamicCache(config=chosen.model.config)
    chosen.seen = ids[:common]
    return ids[common:]
