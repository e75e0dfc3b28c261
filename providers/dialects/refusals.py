"""What an example holds that a format has no place for, each with its name, its place and its way out. Pure.

A format says what it takes; writing turns the first refusal into `Unsupported`, reading into `BadLine`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from enum import StrEnum
from typing import NamedTuple

from ..records import Example, Message

__all__ = ["Feature", "Refusal", "alternating", "images_of", "is_plain", "system_first", "untaken"]


class Feature(StrEnum):
    """What formats differ in. PARTS: content as a list of parts; SKIPPED: a turn with weight 0."""

    TOOLS = "tools"
    PARALLEL = "parallel_tool_calls"
    IMAGES = "images"
    PARTS = "content parts"
    SKIPPED = "weight 0"
    REASONING = "reasoning"
    NAMES = "name"


class Refusal(NamedTuple):
    """`what` completes "… cannot express"; `field` is its place in a chat line, `reason` as in `BadLine`."""

    what: str
    fix: str
    field: str = "messages"
    reason: str = "shape"


_LEAVE_OUT = "leave it out, or choose a format that has it"


def untaken(example: Example, takes: Container[Feature]) -> Iterator[Refusal]:
    """Everything in the example that is none of the features taken."""
    if example.tools and Feature.TOOLS not in takes:
        yield Refusal("tools", "choose a format that has them", "tools", "tools")
    if example.parallel_tool_calls is not None and Feature.PARALLEL not in takes:
        yield Refusal("parallel_tool_calls", "leave it out", "parallel_tool_calls", "tools")
    for index, message in enumerate(example.messages):
        if is_plain(message):
            continue
        for feature, holds, reason in _FEATURES:
            if feature not in takes and holds(message):
                yield Refusal(_NAMES.get(feature, feature.value), _LEAVE_OUT, f"messages[{index}]", reason)


def is_plain(message: Message) -> bool:
    """The usual turn, a role and a text: most of any file is made of these, and nothing is refused of them."""
    return (
        type(message.content) is str
        and message.role in ("user", "assistant", "system")
        and not message.tool_calls
        and (message.weight, message.reasoning, message.tool_call_id, message.name) == (None, None, None, None)
    )


def system_first(example: Example) -> Iterator[Refusal]:
    """A system turn anywhere but at the start."""
    for index, message in enumerate(example.messages):
        if index and message.role == "system":
            yield Refusal("a system turn in the middle", "move it to the start", f"messages[{index}].role", "role")


def alternating(example: Example, *, ends: str = "assistant", together: bool = False) -> Iterator[Refusal]:
    """Breaches of: one system turn at most, first; then user and assistant by turns, from a user turn to `ends`.

    A tool's answer counts as a user turn. `together`: answers in a row count as one.
    """
    yield from system_first(example)
    before = "assistant"
    for index, message in enumerate(example.messages):
        if message.role == "system":
            continue
        side = "assistant" if message.role == "assistant" else "user"
        joined = together and message.role == "tool" and example.messages[index - 1].role == "tool"
        if side == before and not joined:
            yield _out_of_turn(example, index)
        before = side
    if before != ends or example.messages[-1].role == "system":
        fix = f"end with a turn of the {ends}"
        yield Refusal(f"an example that does not end with the {ends}", fix, f"messages[{len(example.messages) - 1}]")


def _out_of_turn(example: Example, index: int) -> Refusal:
    role = example.messages[index].role
    first = all(message.role == "system" for message in example.messages[:index])
    article = "an" if role == "assistant" else "a"
    what = f"a conversation that starts with the {role}" if first else f"{article} {role} turn out of turn"
    return Refusal(what, "let user and assistant take turns, the user first", f"messages[{index}].role", "role")


def images_of(message: Message) -> list[str]:
    """The addresses of the turn's images."""
    parts = message.content if isinstance(message.content, tuple) else ()
    images = [part.get("image_url") for part in parts if part.get("type") == "image_url"]
    return [str(image.get("url")) for image in images if isinstance(image, dict)]


def _calls(message: Message) -> bool:
    return bool(message.tool_calls) or message.role == "tool"


_NAMES = {Feature.TOOLS: "tool calls", Feature.SKIPPED: "weight 0"}
_FEATURES: tuple[tuple[Feature, Callable[[Message], bool], str], ...] = (
    (Feature.TOOLS, _calls, "tools"),
    (Feature.IMAGES, lambda message: bool(images_of(message)), "image"),
    (Feature.PARTS, lambda message: isinstance(message.content, tuple) and not images_of(message), "content"),
    (Feature.SKIPPED, lambda message: message.weight == 0, "weight"),
    (Feature.REASONING, lambda message: message.reasoning is not None, "shape"),
    (Feature.NAMES, lambda message: message.name is not None, "unknown"),
)
