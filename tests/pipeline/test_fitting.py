"""`check` with targets: rows that a model would cut, and files that a platform would refuse, said of each target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.config import Config, DataConfig
from orchestrator.dataset import Dataset, Finding, Row
from orchestrator.pipeline.fitting import estimated_bytes
from providers.dialects import BEDROCK_CLAUDE, OPENAI_CHAT, encode_line
from providers.records import Example, Message

EXACT = "openai:gpt-4.1-mini-2025-04-14"
ABOUT = "together:Qwen/Qwen3-8B"
LONG = (3, 8, 20)


def pairs(count: int = 40, long: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Rows of a question and an answer; those named hold 70,000 tokens."""
    return [
        {"input": f"what of number {n * 7}?" + " word" * 70_000 * (n in long), "output": f"it is {n}"}
        for n in range(count)
    ]


def checked(folder: Path, rows: list[dict[str, Any]], *to: str, config: Config | None = None) -> Dataset:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Orchestrator(home=folder / ".tunewright", config=config, environ={}).check(path, to=to)


def of_rule(dataset: Dataset, rule: str) -> list[Finding]:
    return [finding for finding in dataset.findings if finding.rule == rule]


def test_rows_over_the_limit_are_named_by_line_with_the_tokens_that_are_lost(tmp_path: Path) -> None:
    (found,) = of_rule(checked(tmp_path, pairs(long=LONG), EXACT), "too-long")
    assert (found.severity, found.unit, found.row, found.related) == ("warning", "line", 4, (9, 21))
    over = 3 * (70_000 - 65_536)
    lost = int(found.message.rsplit(" ", 1)[1].replace(",", ""))
    assert over < lost < over + 3 * 30
    assert found.message.startswith(f"and 2 more rows (9, 21) have more than the 65,536 tokens that {EXACT} takes")


def test_each_target_counts_with_its_own_tokenizer_and_limit(tmp_path: Path) -> None:
    dataset = checked(tmp_path, pairs(long=LONG[:1]), EXACT, ABOUT)
    messages = [finding.message for finding in of_rule(dataset, "too-long")]
    assert dataset.counts["too-long"] == 2
    assert [EXACT in messages[0], ABOUT in messages[1]] == [True, True]
    assert messages[0].startswith("has more than the 65,536 tokens")


@pytest.mark.parametrize("to", [(), (EXACT,)])
def test_rows_that_fit_are_not_complained_about(tmp_path: Path, to: tuple[str, ...]) -> None:
    assert not of_rule(checked(tmp_path, pairs(), *to), "too-long")


def test_too_few_rows_for_one_platform_are_an_error_of_that_platform_alone(tmp_path: Path) -> None:
    lenient = Config(data=DataConfig(minimum_rows=2))
    (found,) = of_rule(checked(tmp_path, pairs(6), EXACT, ABOUT, config=lenient), "too-few-rows")
    assert found.severity == "error"
    assert found.message == f"the train file for {EXACT} would have 4 rows, and it takes no fewer than 10"


def test_what_is_too_few_for_everybody_is_said_once(tmp_path: Path) -> None:
    (found,) = of_rule(checked(tmp_path, pairs(6), EXACT), "too-few-rows")
    assert EXACT not in found.message


def test_an_empty_file_is_held_against_no_target(tmp_path: Path) -> None:
    assert [finding.rule for finding in checked(tmp_path, [], EXACT).findings] == ["empty-file"]


def rows(count: int) -> list[Row]:
    return [
        Row(n, "pairs", Example((Message("user", f"what of {n:06}?"), Message("assistant", "x" * (n * n % 89)))))
        for n in range(count)
    ]


def test_the_size_of_few_rows_is_exact_and_of_many_is_near() -> None:
    few, many = rows(150), rows(9_000)
    assert estimated_bytes(few, OPENAI_CHAT) == sum(len(encode_line(OPENAI_CHAT, row.example)) for row in few)
    size = sum(len(encode_line(OPENAI_CHAT, row.example)) for row in many)
    assert estimated_bytes(many, OPENAI_CHAT) == pytest.approx(size, rel=0.1)


def test_rows_that_have_no_place_in_the_format_do_not_spoil_the_estimate() -> None:
    backwards = [Row(n, "pairs", Example((Message("assistant", "a"),))) for n in range(3)]
    assert estimated_bytes([], BEDROCK_CLAUDE) == estimated_bytes(backwards, BEDROCK_CLAUDE) == 0
