"""Asking a model on Replicate: one prediction a question, waited for, its text put together.

Which inputs take the question is read from the version's own schema. Replicate counts tokens for some models only;
where it does not, the counts are unknown, never zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import anyio

from ..errors import InvalidData, NotFound, PlatformFault, Unreachable, Unsupported
from ..records import Completion, JsonObject, Message, Sampling
from ..wire import integer
from .answers import answer_text
from .client import Wire
from .names import reference
from .trainer import Inputs, read_trainer

__all__ = ["Predictions", "prediction_input"]

_WAIT_S = 60
"""How long one request is held open for the answer: the longest that `Prefer: wait` takes (the published contract)."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_LENGTHS = ("max_tokens", "max_new_tokens", "max_completion_tokens")
_SYSTEMS = ("system_prompt", "system")


class Predictions:
    """The questions of one account. `patience_s`: how long one answer may take, cold starts included."""

    def __init__(self, wire: Wire, patience_s: float) -> None:
        self._wire, self._patience_s = wire, patience_s
        self._inputs: dict[str, Inputs] = {}

    async def ask(self, model: str, messages: Sequence[Message], sampling: Sampling) -> Completion:
        """One answer. Raises `NotFound` for a name that is no model's, `InvalidData` where the model itself failed."""
        inputs = self._inputs.get(model) or await self._read(model)
        body = {"version": model, "input": prediction_input(inputs, messages, sampling)}
        started = perf_counter()
        raw = await self._wire.post("/v1/predictions", body, {"Prefer": f"wait={_WAIT_S}"})
        raw = await self._ended(raw, started)
        return _completion(model, raw, perf_counter() - started)

    async def _read(self, model: str) -> Inputs:
        found = reference(model)
        if found is None:
            raise NotFound(f"{model!r} is no model here: they are written OWNER/NAME:VERSION")
        if found.version is not None:
            version = await self._wire.get(found.version_path)
        else:
            version = (await self._wire.get(found.model_path)).get("latest_version") or {}
        inputs = read_trainer(version).predict
        if inputs is None:
            raise Unsupported(f"{model} does not say what it takes, so it cannot be asked", nothing_created=True)
        self._inputs[model] = inputs
        return inputs

    async def _ended(self, raw: JsonObject, started: float) -> JsonObject:
        pause_s = _FIRST_PAUSE_S
        while raw.get("status") in ("starting", "processing"):
            if perf_counter() - started > self._patience_s:
                await self._give_up(raw)
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            raw = await self._wire.get(f"/v1/predictions/{raw.get('id')}")
        return raw

    async def _give_up(self, raw: JsonObject) -> None:
        """Nobody waits for it any more, so it shall not go on billing."""
        id = raw.get("id")
        await self._wire.post(f"/v1/predictions/{id}/cancel")
        raise Unreachable(f"prediction {id} was not ready after {self._patience_s:g} s and was cancelled")


def prediction_input(inputs: Inputs, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
    """The question in the model's own inputs; a sampling setting that it has no input for is left to it.

    Raises `Unsupported` where a conversation does not fit into one prompt.
    """
    told: dict[str, Any] = _question(inputs, messages)
    for value, names in (
        (sampling.max_tokens, _LENGTHS),
        (sampling.temperature, ("temperature",)),
        (sampling.seed, ("seed",)),
    ):
        name = inputs.first(*names)
        if name is not None and value is not None:
            told[name] = value
    return told


def _question(inputs: Inputs, messages: Sequence[Message]) -> dict[str, Any]:
    if inputs.first("messages"):
        turns = [{"role": message.role, "content": message.text} for message in messages]
        as_text = inputs.fields["messages"].get("type") == "string"
        return {"messages": json.dumps(turns, ensure_ascii=False) if as_text else turns}
    if not inputs.first("prompt"):
        raise Unsupported(f"this model takes no prompt; its inputs: {', '.join(inputs.fields)}", nothing_created=True)
    system = "\n".join(message.text for message in messages if message.role in ("system", "developer"))
    turns_left = [message for message in messages if message.role not in ("system", "developer")]
    if [message.role for message in turns_left] != ["user"]:
        raise Unsupported("this model takes one prompt, and the question is a conversation", nothing_created=True)
    prompt, place = turns_left[0].text, inputs.first(*_SYSTEMS)
    if system and place:
        return {"prompt": prompt, place: system}
    return {"prompt": f"{system}\n\n{prompt}" if system else prompt}


def _completion(model: str, raw: JsonObject, latency_s: float) -> Completion:
    status, id = str(raw.get("status") or ""), raw.get("id")
    if status == "failed":
        raise InvalidData(f"the model failed: {raw.get('error') or 'no reason given'}", request_id=str(id))
    if status != "succeeded":
        raise PlatformFault(f"prediction {id} ended as {status or 'nothing at all'}", body=str(dict(raw))[:65_536])
    counted = raw.get("metrics")
    counted = counted if isinstance(counted, Mapping) else {}
    return Completion(
        text=answer_text(raw.get("output")),
        model=model,
        input_tokens=integer(counted.get("input_token_count")),
        output_tokens=integer(counted.get("output_token_count")),
        latency_s=latency_s,
        request_id=None if id is None else str(id),
    )
