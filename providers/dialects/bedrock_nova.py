"""Amazon Bedrock's lines for Nova, and for Llama: content blocks as in its Converse API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ..records import Example, JsonObject, Message
from .checked import Checked, must_be, only_keys
from .conversation import BadLine
from .refusals import Feature, Refusal, alternating, images_of

__all__ = ["BEDROCK_LLAMA", "BEDROCK_NOVA"]

SCHEMA_VERSION = "bedrock-conversation-2024"
# A prompt that holds one of these makes the training job fail, says AWS.
RESERVED = ("User:", "Bot:", "Assistant:", "System:", "<image>", "<video>", "[EOS]")
_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}


class _BedrockNova(Checked):
    """`{"schemaVersion", "system"?: [{"text"}], "messages": [{"role", "content": [block, …]}]}`.

    User and assistant take turns; images lie in S3; reasoning is for Nova 2; tools are not trained on. Sources:
    https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html and
    https://docs.aws.amazon.com/bedrock/latest/userguide/nova-2-sft-data-prep.html (2026-11-22).
    """

    name = "bedrock_nova"
    takes = frozenset({Feature.IMAGES, Feature.PARTS, Feature.REASONING})

    def _rules(self, example: Example) -> Iterator[Refusal]:
        yield from alternating(example)
        for index, message in enumerate(example.messages):
            at = f"messages[{index}].content"
            if message.role != "assistant":
                yield from _reserved(message.text, at)
            parts = message.content if isinstance(message.content, tuple) else ()
            for part in parts:
                yield from _strange_part(part, at)
            for url in images_of(message):
                if _image_format(url) is None:
                    fix = "put the image into S3, as png, jpg, gif or webp, and give its s3:// address"
                    yield Refusal("an image that does not lie in S3", fix, at, "image-type")

    def _write(self, example: Example) -> JsonObject:
        line: dict[str, Any] = {"schemaVersion": SCHEMA_VERSION}
        turns = example.messages
        if turns[0].role == "system":
            line["system"] = _blocks(turns[0])
            turns = turns[1:]
        return {**line, "messages": [{"role": turn.role, "content": _blocks(turn)} for turn in turns]}

    def _read(self, line: JsonObject) -> Example:
        only_keys(line, ("schemaVersion", "system", "messages"))
        must_be(line.get("schemaVersion"), str, "schemaVersion", f"text such as {SCHEMA_VERSION!r}", "shape")
        turns = must_be(line.get("messages"), list, "messages", "a list of turns", "shape")
        messages = [_turn(turn, f"messages[{index}]") for index, turn in enumerate(turns)]
        if "system" in line:
            messages.insert(0, _message("system", line["system"], "system"))
        return Example(tuple(messages))


def _reserved(text: str, at: str) -> Iterator[Refusal]:
    for word in RESERVED:
        if word in text:
            yield Refusal(f"the reserved word {word!r} in a prompt", "use another word for it", at, "content")


def _strange_part(part: JsonObject, at: str) -> Iterator[Refusal]:
    image = part.get("image_url")
    inside = {*image} - {"url"} if isinstance(image, dict) else set()
    for key in sorted({*part} - {"type", "text", "image_url"} | inside)[:1]:
        yield Refusal(f"{key!r} on a content part"[:120], "leave it out", at, "unknown")


def _image_format(url: str) -> str | None:
    return _FORMATS.get(PurePosixPath(url).suffix.lower()) if url.startswith("s3://") else None


def _blocks(message: Message) -> list[JsonObject]:
    content = message.content
    parts = content if isinstance(content, tuple) else ({"type": "text", "text": content},)
    if message.reasoning is None:
        return [*map(_block, parts)]
    return [{"reasoningContent": {"reasoningText": {"text": message.reasoning}}}, *map(_block, parts)]


def _block(part: JsonObject) -> JsonObject:
    if part["type"] == "text":
        return {"text": part["text"]}
    url = part["image_url"]["url"]
    return {"image": {"format": _image_format(url), "source": {"s3Location": {"uri": url}}}}


def _turn(turn: Any, at: str) -> Message:
    only_keys(turn, ("role", "content"), at)
    role = turn.get("role")
    if role not in ("user", "assistant"):
        raise BadLine(f"{role!r} is no role here; use user or assistant"[:120], field=f"{at}.role", reason="role")
    return _message(role, turn.get("content"), f"{at}.content")


def _message(role: str, blocks: Any, at: str) -> Message:
    parts: list[JsonObject] = []
    reasoning: str | None = None
    for index, block in enumerate(must_be(blocks, list, at, "a list of content blocks")):
        place = f"{at}[{index}]"
        if role == "assistant" and index == 0 and isinstance(block, dict) and "reasoningContent" in block:
            reasoning = _thought(block, place)
        else:
            parts.append(_part(block, role, place))
    if not parts:
        raise BadLine("holds no answer", field=at, reason="content")
    return Message(role, tuple(parts), reasoning=reasoning)


def _thought(block: JsonObject, at: str) -> str:
    only_keys(block, ("reasoningContent",), at)
    inner = only_keys(block["reasoningContent"], ("reasoningText",), f"{at}.reasoningContent")
    told = only_keys(inner.get("reasoningText"), ("text",), f"{at}.reasoningContent.reasoningText")
    return str(must_be(told.get("text"), str, f"{at}.reasoningContent.reasoningText.text", "text"))


def _part(block: Any, role: str, at: str) -> JsonObject:
    if not isinstance(block, dict) or len(block) != 1:
        raise BadLine("must be one block: text, or an image", field=at, reason="content")
    if "image" in block and role == "user":
        return {"type": "image_url", "image_url": {"url": _address(block["image"], f"{at}.image")}}
    if "image" in block:
        raise BadLine(f"an image stands in a {role} turn", field=at, reason="image")
    for key in ("toolUse", "toolResult"):
        if key in block:
            raise BadLine("tool calls are not trained on", field=f"{at}.{key}", reason="tools")
    return {"type": "text", "text": must_be(block.get("text"), str, f"{at}.text", "text")}


def _address(image: Any, at: str) -> str:
    only_keys(image, ("format", "source"), at)
    place = only_keys(image.get("source"), ("s3Location",), f"{at}.source").get("s3Location")
    uri = must_be(only_keys(place, ("uri",), f"{at}.source.s3Location").get("uri"), str, f"{at}.source", "an address")
    if image.get("format") != _image_format(uri):
        raise BadLine("is not what the address ends with", field=f"{at}.format", reason="image-type")
    return str(uri)


class _BedrockLlama(_BedrockNova):
    """The same lines, text alone; the words that Nova reserves are words like any other here.

    Source: https://docs.aws.amazon.com/bedrock/latest/userguide/preparing-text-data.html (2026-11-26).
    """

    name = "bedrock_llama"
    takes = frozenset()

    def _rules(self, example: Example) -> Iterator[Refusal]:
        return alternating(example)


BEDROCK_LLAMA = _BedrockLlama()
BEDROCK_NOVA = _BedrockNova()
