"""Rows with a better and a worse answer, in the ways people write them, as turns. Pure; rules judge them elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from providers.dialects import BadLine, chat_line_of, chat_turn_of

__all__ = ["Preference", "preference_of"]

_Cell = Callable[[Any], Any]


class Preference(NamedTuple):
    """A chat line that ends with the answer to prefer, and the turn that is worse."""

    line: dict[str, Any]
    rejected: dict[str, Any]


def preference_of(fields: Mapping[str, Any], cell: _Cell) -> Preference:
    """The row's turns. `cell` parses JSON that stands in a table's cell. Raises `BadLine` naming the field.

    Read are input/preferred_output/non_preferred_output (OpenAI, Together), prompt/chosen/rejected (TRL, as texts or
    turns), chosen/rejected as whole conversations that part at their last turn, and conversations/chosen/rejected.
    """
    if "preferred_output" in fields:
        return _platform_row({name: cell(value) for name, value in fields.items()})
    chosen, rejected = cell(fields.get("chosen")), cell(fields.get("rejected"))
    if "conversations" in fields:
        line = chat_line_of({**fields, "conversations": cell(fields["conversations"])})
        return _joined(line, _answer(chosen, "chosen"), _answer(rejected, "rejected"))
    if _is_conversation(chosen) and _is_conversation(rejected):
        return _parted(_turns(chosen, "chosen"), _turns(rejected, "rejected"))
    return _joined(_prompt(fields, cell), _answer(chosen, "chosen"), _answer(rejected, "rejected"))


def _platform_row(fields: Mapping[str, Any]) -> Preference:
    given = fields.get("input")
    line = dict(given) if isinstance(given, dict) else {"messages": _prompt_turns(given)}
    better = _answer(fields.get("preferred_output"), "preferred_output")
    return _joined(line, better, _answer(fields.get("non_preferred_output"), "non_preferred_output"))


def _prompt_turns(value: Any) -> list[dict[str, Any]]:
    """A prompt that is text is one user turn."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if isinstance(value, list) and value:
        return _turns(value, "prompt")
    raise BadLine("must be text or a list of turns", field="prompt", reason="preference")


def _prompt(fields: Mapping[str, Any], cell: _Cell) -> dict[str, Any]:
    messages = _prompt_turns(cell(fields.get("prompt")))
    system = fields.get("system")
    if isinstance(system, str) and system.strip() and messages[0].get("role") != "system":
        messages = [{"role": "system", "content": system}, *messages]
    tools = cell(fields.get("tools"))
    return {"messages": messages, "tools": tools} if tools else {"messages": messages}


def _is_conversation(value: Any) -> bool:
    """A list of turns that holds its prompt too."""
    return isinstance(value, list) and len(value) > 1


def _parted(chosen: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> Preference:
    """Two conversations that share every turn but the last."""
    if chosen[:-1] != rejected[:-1]:
        raise BadLine("do not share every turn but the last", field="chosen", reason="preference")
    return Preference({"messages": chosen}, rejected[-1])


def _joined(line: dict[str, Any], better: dict[str, Any], worse: dict[str, Any]) -> Preference:
    messages = line.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadLine("must be an object with messages", field="input", reason="preference")
    last = messages[-1]
    if isinstance(last, dict) and last.get("role") == "assistant":
        raise BadLine("the prompt ends with an assistant turn", field="input.messages", reason="preference")
    return Preference({**line, "messages": [*messages, better]}, worse)


def _answer(value: Any, at: str) -> dict[str, Any]:
    if isinstance(value, str):
        return {"role": "assistant", "content": value}
    turns = _turns(value if isinstance(value, list) else [value], at)
    if len(turns) != 1 or turns[0].get("role") != "assistant":
        raise BadLine("must be one assistant turn", field=at, reason="preference")
    return turns[0]


def _turns(value: list[Any], at: str) -> list[dict[str, Any]]:
    return [chat_turn_of(turn, f"{at}[{index}]") for index, turn in enumerate(value)]
