"""Quotes from a sample: they hold the exact quote, say how far they may be off, and are exact where they can be."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.costing import Quote
from orchestrator.costing.sampled import count_share
from orchestrator.dataset.records import Columns, Policy
from orchestrator.dataset.sampling import draw
from orchestrator.errors import UsageError
from providers.records import ModelFacts, Support, TokenRules

TO = ["openai:gpt-4.1-mini-2025-04-14", "together:Qwen/Qwen3-8B"]
ROWS = 6000


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chats whose lengths clump; no two ask the same."""
    path, rng = tmp_path_factory.mktemp("sampled") / "pairs.jsonl", random.Random(5)
    with path.open("w", encoding="utf-8") as out:
        for number in range(ROWS):
            if number % 40 == 0:
                level = rng.choice([3, 12, 40])
            words = "words " * int(1 + level * rng.lognormvariate(0, 0.6))
            turns = [{"role": "user", "content": f"{number} {words}"}, {"role": "assistant", "content": words[level:]}]
            out.write(json.dumps({"messages": turns}) + "\n")
    return path


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Orchestrator:
    return Orchestrator(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def exact(library: Orchestrator, pairs: Path) -> tuple[Quote, ...]:
    return library.estimate(pairs, to=TO)


@pytest.fixture(scope="module")
def sampled(library: Orchestrator, pairs: Path) -> tuple[Quote, ...]:
    return library.estimate(pairs, to=TO, sample=1000)


def test_every_line_of_the_quote_holds_the_exact_one(exact: Any, sampled: Any) -> None:
    for whole, part in zip(exact, sampled, strict=True):
        for line, other in zip(part.lines, whole.lines, strict=True):
            assert (line.name, line.known) == (other.name, other.known)
            assert not line.known or line.low_usd <= other.low_usd <= other.high_usd <= line.high_usd


def test_the_total_holds_the_exact_one_and_is_no_wild_guess(exact: Any, sampled: Any) -> None:
    for whole, part in zip(exact, sampled, strict=True):
        assert part.low_usd <= whole.low_usd <= whole.high_usd <= part.high_usd
        assert part.train_tokens.tokens == pytest.approx(whole.train_tokens.tokens, rel=0.05)


def test_the_rows_of_each_side_are_held(exact: Any, sampled: Any) -> None:
    for side in ("train_tokens", "validation_tokens", "test_tokens"):
        rows = getattr(sampled[0], side).spread.rows
        assert rows.low <= getattr(exact[0], side).rows <= rows.high


def test_tokens_of_a_sample_are_never_exact_and_hold_the_tokenizers_margin(exact: Any, sampled: Any) -> None:
    count, whole = sampled[1].train_tokens, exact[1].train_tokens
    assert not count.exact
    assert count.low <= whole.low
    assert whole.high <= count.high


def test_a_quote_says_that_it_is_from_a_sample(sampled: Any) -> None:
    note = sampled[0].sample
    assert note.rows_ends.low <= ROWS <= note.rows_ends.high
    assert note.percent_off < 10
    assert note.text.startswith(f"from a sample of {note.rows_read:,} rows (of about {note.rows:,}): tokens ±")
    assert note.text.endswith("at 95 %; duplicates, leaks and contradictions were not looked for")


def test_a_quote_of_a_sample_survives_the_way_through_json(sampled: Any) -> None:
    from orchestrator.ledger.codec import dump, load

    assert load(Quote, dump(sampled[0])) == sampled[0]


def test_a_sample_as_large_as_the_file_gives_the_exact_quote(library: Orchestrator, pairs: Path, exact: Any) -> None:
    assert library.estimate(pairs, to=TO, sample=ROWS) == exact


def test_presets_that_hang_on_the_number_of_rows_are_warned_of(library: Orchestrator, tmp_path: Path) -> None:
    """80 % of 10,416 rows are 8,333: the last number that three epochs are the preset for (25,000 examples in all)."""
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(f'{{"input": "question {n}", "output": "x"}}\n' for n in range(10_416)), encoding="utf-8")
    (quote,) = library.estimate(path, to=TO[:1], sample=400)
    assert any(warning.endswith("may take 3 or 2 epochs; give --epochs to settle it") for warning in quote.warnings)


def test_rows_padded_to_the_context_are_billed_by_their_number(pairs: Path) -> None:
    sample = draw(pairs, 1000, columns=Columns(), policy=Policy(skip=("sensitive",)), tokenizers=["o200k_base"])
    assert sample is not None
    facts = ModelFacts(name="m", tunable=Support(answer="yes"), tokenizer="o200k_base", token_margin=Decimal(0))
    padded = count_share(
        sample.lengths("train", "o200k_base"), TokenRules(pads_to_context=True, truncate_at=512), facts
    )
    assert padded.tokens == pytest.approx(512 * padded.rows, rel=0.001)
    assert padded.low < 512 * 0.8 * ROWS < padded.high


def test_preferences_are_asked_for_as_for_a_whole_file(library: Orchestrator, pairs: Path) -> None:
    with pytest.raises(UsageError, match="one answer each"):
        library.estimate(pairs, to=TO[:1], sample=1000, method="dpo")


@pytest.mark.parametrize("given", ["test", "validation", "redact"])
def test_what_a_sample_cannot_do_is_refused_by_name(library: Orchestrator, pairs: Path, given: str) -> None:
    with pytest.raises(UsageError, match=f"from a sample with --{given}"):
        library.estimate(pairs, to=TO[:1], sample=1000, **{given: pairs})  # type: ignore[arg-type]
