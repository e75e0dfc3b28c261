"""A weight of the whole row: Together's lines may carry one, nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Dialect
from providers.dialects import (
    FIREWORKS_CHAT,
    OPENAI_CHAT,
    OPENAI_PREFERENCE,
    TEXT,
    TOGETHER_CONVERSATION,
    TOGETHER_INSTRUCTION,
    TOGETHER_PREFERENCE,
    BadLine,
)
from providers.records import Example, Message

EXAMPLE = Example((Message("user", "a?"), Message("assistant", "b")))
RANKED = Example(EXAMPLE.messages, rejected=(Message("assistant", "c"),))
CARRYING: list[tuple[Dialect, Example]] = [
    (TOGETHER_CONVERSATION, EXAMPLE),
    (TOGETHER_INSTRUCTION, EXAMPLE),
    (TOGETHER_PREFERENCE, RANKED),
    (TEXT, Example((Message("assistant", "b"),))),
]


@pytest.mark.parametrize(("dialect", "example"), CARRYING, ids=[dialect.name for dialect, _ in CARRYING])
@pytest.mark.parametrize("weight", [0, 0.5, 3])
def test_a_weight_of_the_row_is_read_past(dialect: Dialect, example: Example, weight: float) -> None:
    assert dialect.decode({**dialect.encode(example), "weight": weight}) == example


@pytest.mark.parametrize(("dialect", "example"), CARRYING, ids=[dialect.name for dialect, _ in CARRYING])
@pytest.mark.parametrize("weight", [-0.1, True, "1", None, float("inf")], ids=str)
def test_a_weight_that_is_none_is_refused_as_such(dialect: Dialect, example: Example, weight: Any) -> None:
    with pytest.raises(BadLine, match="not negative") as refused:
        dialect.decode({**dialect.encode(example), "weight": weight})
    assert (refused.value.field, refused.value.reason) == ("weight", "weight")


@pytest.mark.parametrize(
    ("dialect", "example"), [(OPENAI_CHAT, EXAMPLE), (FIREWORKS_CHAT, EXAMPLE), (OPENAI_PREFERENCE, RANKED)]
)
def test_elsewhere_it_is_a_key_that_the_format_does_not_have(dialect: Dialect, example: Example) -> None:
    with pytest.raises(BadLine) as refused:
        dialect.decode({**dialect.encode(example), "weight": 0.5})
    assert (refused.value.field, refused.value.reason) == ("weight", "unknown")
