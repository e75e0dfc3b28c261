"""What is judged in one row by itself. Pure functions of an example; each yields the problems it finds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator

from providers.records import Example, Message

from .answer_rules import is_suspicious, misdecoded, wording_problems
from .image_rules import image_problems
from .rules import Problem
from .sensitive import sensitive_problems
from .tool_rules import tool_problems

__all__ = ["row_problems"]

_USUAL = {("user", "assistant"), ("system", "user", "assistant")}
_SPECIAL_TOKEN = re.compile(r"<\|[A-Za-z0-9_]{2,40}\|>")


Sensitive = Callable[[Example], Iterable[Problem]]


def row_problems(example: Example, sensitive: Sensitive = sensitive_problems) -> Iterable[Problem]:
    """Every problem of one example, the ones about structure first, what `sensitive` finds last."""
    return [*(() if _is_clean(example) else _problems(example)), *sensitive(example)]


def _is_clean(example: Example) -> bool:
    """True for the usual row, so that a file of usual rows is judged fast; anything else is looked at closely."""
    messages = example.messages
    if (
        example.tools
        or example.rejected
        or not (len(messages) == 2 or (len(messages) == 3 and messages[0].role == "system"))
    ):
        return False
    user, assistant = messages[-2:]
    if user.role != "user" or assistant.role != "assistant" or assistant.tool_calls or assistant.weight is not None:
        return False
    texts = [message.content for message in messages if type(message.content) is str]
    if len(texts) < len(messages) or "" in texts or any(map(str.isspace, texts)):
        return False
    text = "\n".join(texts)
    if "<|" in text or "\0" in text or is_suspicious(texts[-1]):
        return False
    return text.isascii() or (_is_unicode(text) and not misdecoded(text))


def _problems(example: Example) -> Iterator[Problem]:
    roles = tuple([message.role for message in example.messages])
    if roles not in _USUAL:
        yield from _role_problems(roles, example)
        yield from _weight_problems(example)
        yield from tool_problems(example)
    elif example.tools or any(m.weight is not None or m.tool_calls for m in example.messages):
        yield from _weight_problems(example)
        yield from tool_problems(example)
    if example.rejected and _all_text(example.rejected[0]) == _all_text(example.messages[-1]):
        yield Problem("identical-outputs", "the preferred and the rejected answer are the same", _at(example, -1))
    if any(type(message.content) is tuple for message in example.messages):
        yield from image_problems(example)
    yield from _blank_problems(example)
    yield from wording_problems(example)
    yield from _text_problems(example)


def _role_problems(roles: tuple[str, ...], example: Example) -> Iterator[Problem]:
    if roles == ("assistant",):
        return  # plain text: announced once for the whole file
    if roles[-1] != "assistant":
        yield Problem("no-final-assistant", f"ends with a {roles[-1]} turn", f"messages[{len(roles) - 1}]")
    if "user" not in roles:
        yield Problem("no-user-turn", "has no user turn", "messages")
    elif next(role for role in roles if role != "system") == "assistant":
        yield Problem("role-order", "the assistant speaks first", f"messages[{roles.index('assistant')}]")
    for index in range(1, len(roles)):
        if roles[index] == "system":
            what = (
                "a second system turn"
                if "system" in roles[:index]
                else f"a system turn after a {roles[index - 1]} turn"
            )
            yield Problem("role-order", what, f"messages[{index}]")
        elif roles[index] == roles[index - 1] != "tool" and not example.messages[index - 1].tool_calls:
            yield Problem("role-order", f"two {roles[index]} turns in a row", f"messages[{index}]")


def _weight_problems(example: Example) -> Iterator[Problem]:
    weights = [message.weight for message in example.messages if message.role == "assistant"]
    if weights and all(weight == 0 for weight in weights):
        yield Problem("nothing-to-learn", "every assistant turn has weight 0", "messages")


def _blank_problems(example: Example) -> Iterator[Problem]:
    for index, message in enumerate(example.messages):
        if message.role == "user" and _is_blank(message):
            yield Problem("blank-input", "the input is blank", f"messages[{index}].content")
        elif message.role == "assistant" and not message.tool_calls and _is_blank(message):
            yield Problem("blank-answer", "the answer is blank", f"messages[{index}].content")


def _is_blank(message: Message) -> bool:
    content = message.content
    if type(content) is str:
        return not content or content.isspace()
    parts = content if isinstance(content, tuple) else ()
    return not message.text.strip() and all(part.get("type") == "text" for part in parts)


def _text_problems(example: Example) -> Iterator[Problem]:
    text = "\n".join([turn.content if type(turn.content) is str else _all_text(turn) for turn in _turns(example)])
    if example.tools:
        text += json.dumps(example.tools, ensure_ascii=False)
    if "<|" in text and (token := _SPECIAL_TOKEN.search(text)):
        yield Problem("special-token", f"holds the control token {token[0]}", _holder(example, token[0]))
    if "\0" in text:
        yield Problem("nul", "holds a NUL character", _holder(example, "\0"))
    if not text.isascii() and not _is_unicode(text):
        yield Problem("lone-surrogate", "holds half a surrogate pair", _surrogate_holder(example))


def _all_text(message: Message) -> str:
    """Everything a turn says, its parts and calls included, as one text to search."""
    parts = message.content if isinstance(message.content, tuple) else ()
    rest = [*(part for part in parts if part.get("type") != "text"), *message.tool_calls]
    return message.text + (json.dumps(rest, ensure_ascii=False) if rest else "")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _turns(example: Example) -> tuple[Message, ...]:
    return (*example.messages, *example.rejected)


def _at(example: Example, index: int) -> str:
    """The field of one of `_turns`."""
    return "rejected" if index in (-1, len(example.messages)) else f"messages[{index}].content"


def _holder(example: Example, needle: str) -> str | None:
    found = (index for index, turn in enumerate(_turns(example)) if needle in _all_text(turn))
    index = next(found, None)
    return None if index is None else _at(example, index)


def _surrogate_holder(example: Example) -> str | None:
    found = (index for index, turn in enumerate(_turns(example)) if not _is_unicode(_all_text(turn)))
    index = next(found, None)
    return None if index is None else _at(example, index)
