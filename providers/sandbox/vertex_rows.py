"""Training files as Gemini reads them: contents of parts, between user and model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .lesson import Pair
from .rows import BadFile, Rows, answer_of, objects
from .tokens import message_tokens

__all__ = ["parts_text", "vertex_rows"]

_KEYS = frozenset({"systemInstruction", "system_instruction", "contents", "tools"})
_PARTS = frozenset({"text", "fileData", "functionCall", "functionResponse"})


def vertex_rows(data: bytes) -> Rows:
    """All rows. Raises `BadFile` naming the line."""
    pairs, tokens = [], 0
    for line, row in objects(data):
        pair, length = _row(row, line)
        pairs.append(pair)
        tokens += length
    if not pairs:
        raise BadFile("The file is empty")
    return Rows(tuple(pairs), tokens, "gemini")


def parts_text(content: Any) -> str:
    """The words of one turn, or of a system instruction."""
    parts = content.get("parts") if isinstance(content, Mapping) else None
    told = [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    return "".join(_words(part) for part in told)


def _words(part: Mapping[str, Any]) -> str:
    answer = part.get("functionResponse")
    return json.dumps(answer.get("response")) if isinstance(answer, Mapping) else str(part.get("text", ""))


def _row(row: Mapping[str, Any], line: int) -> tuple[Pair, int]:
    if not row.keys() <= _KEYS or "contents" not in row:
        raise BadFile(f"a row needs contents, and takes no {sorted(row.keys() - _KEYS)}", line)
    turns = row["contents"]
    if not isinstance(turns, list) or len(turns) < 2:
        raise BadFile("contents must hold at least two turns", line)
    for turn in turns:
        _check(turn, line)
    if turns[-1]["role"] != "model" or turns[0]["role"] != "user":
        raise BadFile("the first turn must be the user's, and the last the model's", line)
    system = parts_text(row.get("systemInstruction") or row.get("system_instruction") or {})
    head: Sequence[Mapping[str, Any]] = [{"role": "system", "content": system}] if system else []
    said = [_message(turn) for turn in turns]
    users = [turn["content"] for turn in said[:-1] if turn["role"] == "user"]
    return Pair(system, users[-1], answer_of(said)), message_tokens([*head, *said])


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    """The turn as a chat has it: calls beside the words."""
    calls = [part["functionCall"] for part in turn["parts"] if isinstance(part.get("functionCall"), dict)]
    told = [
        {"type": "function", "function": {"name": call.get("name"), "arguments": json.dumps(call.get("args") or {})}}
        for call in calls
    ]
    return {"role": turn["role"], "content": parts_text(turn), **({"tool_calls": told} if told else {})}


def _check(turn: Any, line: int) -> None:
    if not isinstance(turn, dict) or turn.keys() != {"role", "parts"} or turn["role"] not in ("user", "model"):
        raise BadFile("turns must be role and parts, of the user or the model", line)
    parts = turn["parts"]
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise BadFile("parts must be a list of objects", line)
    strange = {key for part in parts for key in part} - _PARTS
    if strange:
        raise BadFile(f"no part has the keys {sorted(strange)}", line)
