"""The turns of chat lines satisfy the platforms' published contracts of a turn; skipped where those are not here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from providers.contract import Dialect
from providers.dialects import FIREWORKS_CHAT, OPENAI_CHAT, OPENAI_REINFORCEMENT, TOGETHER_CONVERSATION
from providers.records import Example, Message

CONTRACTS = Path(__file__).parents[2] / "../shared/contracts"
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
USER, ANSWER = Message("user", "a"), Message("assistant", "b")
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}
EXAMPLES = {
    "system": Example((Message("system", "s"), USER, ANSWER)),
    "tools": Example(
        (USER, Message("assistant", None, (CALL,)), Message("tool", "r", tool_call_id="call_1"), ANSWER, USER, ANSWER),
        (TOOL,),
    ),
    "image": Example((Message("user", ({"type": "text", "text": "a"}, IMAGE)), ANSWER)),
    "weight": Example((USER, Message("assistant", "b", weight=0), USER, ANSWER)),
    "reasoning": Example((USER, Message("assistant", "b", reasoning="r"))),
}
PUBLISHED: dict[str, tuple[Dialect, str, str]] = {
    "openai": (OPENAI_CHAT, "openai-finetune.yaml", "ChatCompletionRequestMessage"),
    "openai reinforcement": (OPENAI_REINFORCEMENT, "openai-finetune.yaml", "ChatCompletionRequestMessage"),
    "together": (TOGETHER_CONVERSATION, "together-finetune.yaml", "ChatCompletionMessageParam"),
    "fireworks": (FIREWORKS_CHAT, "fireworks-chat.yaml", "ChatMessage"),
}
pytestmark = pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the shared contracts are not here")


@cache
def contract(file: str) -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.load(
        (CONTRACTS / file).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )


@pytest.fixture
def satisfies() -> Callable[[str, str, Any], None]:
    """Fails where a value does not satisfy a schema of a contract."""
    jsonschema = pytest.importorskip("jsonschema")

    def check(file: str, schema: str, value: Any) -> None:
        jsonschema.Draft202012Validator({**contract(file), "$ref": f"#/components/schemas/{schema}"}).validate(value)

    return check


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("platform", PUBLISHED)
def test_each_turn_satisfies_the_published_contract(
    satisfies: Callable[[str, str, Any], None], platform: str, kind: str
) -> None:
    dialect, file, schema = PUBLISHED[platform]
    if kind == "reasoning" and dialect in (OPENAI_CHAT, OPENAI_REINFORCEMENT):
        pytest.skip("refused by name")
    if kind == "tools" and dialect is TOGETHER_CONVERSATION:
        pytest.skip("this contract wants an index on each call, which belongs to streamed answers")
    line = dialect.encode(EXAMPLES[kind])
    for turn in line["messages"]:
        # A weight is said in training alone; the contracts are those of a request.
        satisfies(file, schema, {key: value for key, value in turn.items() if key != "weight"})


@pytest.mark.parametrize("platform", ["openai", "fireworks"])
def test_each_tool_satisfies_the_published_contract(satisfies: Callable[[str, str, Any], None], platform: str) -> None:
    dialect, file, _ = PUBLISHED[platform]
    for tool in dialect.encode(EXAMPLES["tools"])["tools"]:
        satisfies(file, "ChatCompletionTool", tool)
