"""Gemini's lines for supervised tuning on Google Cloud: contents of parts, between `user` and `model`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ..records import Example, JsonObject, Message
from .calls import answered_in_order, arguments_of, call_of, plain_calls, spelt
from .checked import Checked, Ranked, must_be, only_keys
from .conversation import BadLine
from .gemini_tools import declaration, declared, undeclarable
from .refusals import Feature, Refusal, alternating, images_of

__all__ = ["GEMINI", "GEMINI_PREFERENCE"]

_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


class _Gemini(Checked):
    """`{"systemInstruction"?, "contents": [{"role": "user"|"model", "parts": [part, …]}], "tools"?}`.

    Images are named by a gs:// or http(s) address. Calls have no ids: answers stand in the order of their calls.
    Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare and
    https://cloud.google.com/vertex-ai/generative-ai/docs/models/tune-function-calling (2026-11-22).
    """

    name = "gemini"
    column = "contents"
    system = "systemInstruction"
    answers_together = True
    takes = frozenset({Feature.TOOLS, Feature.IMAGES, Feature.PARTS})

    def _rules(self, example: Example) -> Iterator[Refusal]:
        yield from plain_calls(example)
        yield from answered_in_order(example)
        yield from alternating(example, together=True)
        for index, tool in enumerate(example.tools):
            yield from undeclarable(tool, f"tools[{index}]")
        for index, message in enumerate(example.messages):
            yield from _unsayable(message, f"messages[{index}].content")

    def _write(self, example: Example) -> JsonObject:
        turns = list(example.messages)
        line: dict[str, Any] = {}
        if turns[0].role == "system":
            line["systemInstruction"] = {"role": "system", "parts": _parts(turns.pop(0))}
        names = {call["id"]: call["function"]["name"] for turn in turns for call in turn.tool_calls}
        line["contents"] = [_content(turn.role, list(run), names) for (_, turn), run in _runs(turns)]
        if example.tools:
            line["tools"] = [{"functionDeclarations": [declaration(tool) for tool in example.tools]}]
        return line

    def _read(self, line: JsonObject) -> Example:
        only_keys(line, ("systemInstruction", "system_instruction", "contents", "tools"))
        messages: list[Message] = []
        for key in ("systemInstruction", "system_instruction"):
            if key in line:
                messages += _system(line[key], key)
        reader = _Reader()
        for index, content in enumerate(must_be(line.get("contents"), list, "contents", "a list of turns", "shape")):
            messages += reader.turns(content, f"contents[{index}]")
        return Example(tuple(messages), declared(line["tools"]) if "tools" in line else ())


class _Preference(Ranked, _Gemini):
    """The same up to the last answer, then `"completions": [{"score": 1, "completion"}, {"score": 0, "completion"}]`.

    Text alone. Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-preference-tuning-prepare
    (2026-11-22).
    """

    name = "gemini_preference"
    takes = frozenset({Feature.PARTS})

    def _write(self, example: Example) -> JsonObject:
        line = dict(super()._write(example))
        *line["contents"], chosen = line["contents"]
        rejected = _content("assistant", [*example.rejected], {})
        return {**line, "completions": [{"score": 1, "completion": chosen}, {"score": 0, "completion": rejected}]}

    def _read(self, line: JsonObject) -> Example:
        given = {key: value for key, value in line.items() if key != "completions"}
        contents = must_be(given.get("contents"), list, "contents", "a list of turns", "shape")
        by_score = _completions(line.get("completions"))
        example = super()._read({**given, "contents": [*contents, by_score[1]]})
        return replace(example, rejected=tuple(_Reader().turns(by_score[0], "completions.completion")))


def _completions(value: Any) -> dict[int, Any]:
    """Score → completion, one of each."""
    found: dict[int, Any] = {}
    for index, item in enumerate(must_be(value, list, "completions", "a list of two completions", "preference")):
        at = f"completions[{index}]"
        score = only_keys(item, ("score", "completion"), at).get("score")
        turn = must_be(item.get("completion"), dict, f"{at}.completion", "a turn", "preference")
        if type(score) not in (int, float) or score not in (0, 1) or score in found or turn.get("role") != "model":
            raise BadLine("must be one turn of the model, scored 1 or 0", field=at, reason="preference")
        found[int(score)] = turn
    if len(found) != 2:
        raise BadLine("must be two, scored 1 and 0", field="completions", reason="preference")
    return found


def _runs(turns: list[Message]) -> Iterator[tuple[tuple[Any, Message], Iterator[Message]]]:
    """Turns, with the answers of tools that follow each other as one."""
    numbered = list(enumerate(turns))
    for key, run in groupby(numbered, key=lambda item: "tool" if item[1].role == "tool" else item[0]):
        held = [turn for _, turn in run]
        yield (key, held[0]), iter(held)


def _unsayable(message: Message, at: str) -> Iterator[Refusal]:
    parts = message.content if isinstance(message.content, tuple) else ()
    if message.role == "tool" and parts:
        yield Refusal("content parts in a tool's answer", "write it as text", at, "content")
    for part in parts:
        image = part.get("image_url")
        inside = {*image} - {"url"} if isinstance(image, dict) else set()
        for key in sorted({*part} - {"type", "text", "image_url"} | inside)[:1]:
            yield Refusal(f"{key!r} on a content part"[:120], "leave it out", at, "unknown")
    for url in images_of(message):
        if _mime_type(url) is None:
            fix = "put it into Cloud Storage, as png, jpg or webp, and give its gs:// address"
            yield Refusal("an image without an address that names its kind", fix, at, "image-type")


def _mime_type(url: str) -> str | None:
    if not url.startswith(("gs://", "https://", "http://")):
        return None
    try:
        return _TYPES.get(PurePosixPath(urlsplit(url).path).suffix.lower())
    except ValueError:
        return None


def _content(role: str, turns: list[Message], names: Mapping[str, str]) -> JsonObject:
    if role == "tool":
        answers = [{"name": names[str(turn.tool_call_id)], "response": {"output": turn.content}} for turn in turns]
        return {"role": "user", "parts": [{"functionResponse": answer} for answer in answers]}
    return {"role": "model" if role == "assistant" else "user", "parts": _parts(turns[0])}


def _parts(message: Message) -> list[JsonObject]:
    content = message.content
    parts = content if isinstance(content, tuple) else () if content is None else ({"type": "text", "text": content},)
    return [*map(_part, parts), *map(_call, message.tool_calls)]


def _part(part: JsonObject) -> JsonObject:
    if part["type"] == "text":
        return {"text": part["text"]}
    url = part["image_url"]["url"]
    return {"fileData": {"mimeType": _mime_type(url), "fileUri": url}}


def _call(call: JsonObject) -> JsonObject:
    function = call["function"]
    return {"functionCall": {"name": function["name"], "args": arguments_of(function["arguments"])}}


class _Reader:
    """Reads turn after turn, numbering calls and giving each answer to the call that waits longest."""

    def __init__(self) -> None:
        self._made = 0
        self._waiting: list[tuple[str, str]] = []

    def turns(self, content: Any, at: str) -> list[Message]:
        """One turn, or the answers of several tools."""
        only_keys(content, ("role", "parts"), at)
        role = content.get("role")
        if role not in ("user", "model"):
            raise BadLine(f"{role!r} is no role here; use user or model"[:120], field=f"{at}.role", reason="role")
        parts = must_be(content.get("parts"), list, f"{at}.parts", "a list of parts")
        if role == "user" and isinstance(parts[0], dict) and "functionResponse" in parts[0]:
            return [self._answer(part, f"{at}.parts[{index}]") for index, part in enumerate(parts)]
        return [self._turn(role, parts, f"{at}.parts")]

    def _turn(self, role: str, parts: list[Any], at: str) -> Message:
        said = [part for part in parts if not (isinstance(part, dict) and "functionCall" in part)]
        made = parts[len(said) :]
        if (role == "user" and made) or said != parts[: len(said)]:
            raise BadLine("calls stand last, and in a turn of the model", field=at, reason="tools")
        content = tuple(_read_part(part, role, f"{at}[{index}]") for index, part in enumerate(said))
        calls = tuple(self._call(part, f"{at}[{len(said) + index}]") for index, part in enumerate(made))
        return Message("assistant" if role == "model" else "user", content or None, calls)

    def _call(self, part: JsonObject, at: str) -> JsonObject:
        call = only_keys(only_keys(part, ("functionCall",), at)["functionCall"], ("name", "args"), f"{at}.functionCall")
        name = must_be(call.get("name"), str, f"{at}.functionCall.name", "text", "tools")
        args = must_be(call.get("args"), dict, f"{at}.functionCall.args", "an object", "tools")
        self._made += 1
        made = call_of(name, spelt(args), self._made)
        self._waiting.append((made["id"], name))
        return made

    def _answer(self, part: Any, at: str) -> Message:
        answer = only_keys(only_keys(part, ("functionResponse",), at).get("functionResponse"), ("name", "response"), at)
        response = must_be(answer.get("response"), dict, f"{at}.functionResponse.response", "an object", "tools")
        call_id, name = self._waiting.pop(0) if self._waiting else ("", None)
        if answer.get("name") != name:
            raise BadLine("answers no call that waits", field=f"{at}.functionResponse.name", reason="tools")
        output = response.get("output")
        plain = isinstance(output, str) and len(response) == 1
        return Message("tool", output if plain else spelt(response), tool_call_id=call_id)


def _system(value: Any, at: str) -> list[Message]:
    only_keys(value, ("role", "parts"), at)
    parts = must_be(value.get("parts"), list, f"{at}.parts", "a list of parts")
    return [Message("system", tuple(_read_part(part, "system", f"{at}.parts[{i}]") for i, part in enumerate(parts)))]


def _read_part(part: Any, role: str, at: str) -> JsonObject:
    if isinstance(part, dict) and "fileData" in part:
        if role != "user":
            raise BadLine(f"a file stands in a {role} turn", field=at, reason="image")
        file = only_keys(only_keys(part, ("fileData",), at)["fileData"], ("mimeType", "fileUri"), f"{at}.fileData")
        url = must_be(file.get("fileUri"), str, f"{at}.fileData.fileUri", "an address", "image")
        if file.get("mimeType") != _mime_type(url) or _mime_type(url) is None:
            raise BadLine("is no image of the kind that its address names", field=f"{at}.fileData", reason="image-type")
        return {"type": "image_url", "image_url": {"url": url}}
    only_keys(part, ("text",), at)
    return {"type": "text", "text": must_be(part.get("text"), str, f"{at}.text", "text")}


GEMINI = _Gemini()
GEMINI_PREFERENCE = _Preference()
