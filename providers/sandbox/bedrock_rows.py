"""Training files as Bedrock reads them: the Converse API's lines, Claude's, or pairs of prompt and completion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .lesson import Pair
from .rows import BadFile, Rows, message_text, objects
from .tokens import message_tokens, text_tokens

__all__ = ["bedrock_rows"]

_SCHEMA = "bedrock-conversation-2024"


def bedrock_rows(data: bytes) -> Rows:
    """All rows in the first one's format. Raises `BadFile` naming the line."""
    pairs, tokens, kind = [], 0, ""
    for line, row in objects(data):
        found = _format(row, line)
        kind = kind or found
        if found != kind:
            raise BadFile(f"the dataset is in {kind} format, but this row is {found}", line)
        pair, length = _pair_row(row, line) if kind == "prompt-completion" else _turns(row, kind, line)
        pairs.append(pair)
        tokens += length
    if not pairs:
        raise BadFile("The file is empty")
    return Rows(tuple(pairs), tokens, kind)


def _format(row: Mapping[str, Any], line: int) -> str:
    if row.keys() == {"prompt", "completion"}:
        return "prompt-completion"
    if row.get("schemaVersion") == _SCHEMA and row.keys() <= {"schemaVersion", "system", "messages"}:
        return "converse"
    if "messages" in row and row.keys() <= {"system", "messages"}:
        return "claude"
    raise BadFile(f"no known format has the keys {sorted(row)}", line)


def _pair_row(row: Mapping[str, Any], line: int) -> tuple[Pair, int]:
    prompt, completion = row["prompt"], row["completion"]
    if not isinstance(prompt, str) or not isinstance(completion, str):
        raise BadFile("prompt and completion must be strings", line)
    return Pair("", prompt, completion), text_tokens(prompt) + text_tokens(completion)


def _turns(row: Mapping[str, Any], kind: str, line: int) -> tuple[Pair, int]:
    """User and assistant by turns, the assistant last."""
    turns = row.get("messages")
    if not isinstance(turns, list) or len(turns) < 2:
        raise BadFile("messages must hold at least two turns", line)
    for number, turn in enumerate(turns):
        _check(turn, ("user", "assistant")[number % 2], kind, line)
    if len(turns) % 2:
        raise BadFile("the last turn must be the assistant's", line)
    system = _system(row, kind, line)
    head: Sequence[Mapping[str, Any]] = [{"role": "system", "content": system}] if system else []
    tokens = message_tokens([*head, *({"role": turn["role"], "content": message_text(turn)} for turn in turns)])
    return Pair(system, message_text(turns[-2]), message_text(turns[-1])), tokens


def _check(turn: Any, role: str, kind: str, line: int) -> None:
    if not isinstance(turn, dict) or turn.keys() != {"role", "content"} or turn["role"] != role:
        raise BadFile("turns must be role and content, of the user and the assistant in turn", line)
    content = turn["content"]
    if kind == "claude" and not isinstance(content, str):
        raise BadFile("content must be a string", line)
    if kind == "converse" and not (isinstance(content, list) and content and all(isinstance(b, dict) for b in content)):
        raise BadFile("content must be a list of content blocks", line)


def _system(row: Mapping[str, Any], kind: str, line: int) -> str:
    told = row.get("system")
    if told is None:
        return ""
    if kind == "claude":
        if not isinstance(told, str):
            raise BadFile("system must be a string", line)
        return told
    if not isinstance(told, list) or not all(isinstance(block, dict) for block in told):
        raise BadFile("system must be a list of content blocks", line)
    return message_text({"content": told})
