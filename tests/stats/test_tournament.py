"""Choosing among many round by round: who goes on, that the best is kept, and that choosing makes no false winner."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.stats import (
    Tournament,
    compare_binary,
    compare_chosen,
    compare_scores,
    open_tournament,
    play_round,
    round_sizes,
)

CHECKPOINTS = [f"step-{number}" for number in range(1, 9)]
NAMES = [*CHECKPOINTS, "base"]


def right(rates: list[float], n: int, rng: np.random.Generator) -> dict[str, list[float]]:
    """Answers of each checkpoint to the same n prompts, which differ in how hard they are."""
    hard = rng.uniform(-0.2, 0.2, n)
    return {
        name: (rng.random(n) < rate + hard).astype(float).tolist() for name, rate in zip(NAMES, rates, strict=False)
    }


def played(rates: list[float], prompts: int, rng: np.random.Generator) -> Tournament:
    sizes, scores, start = round_sizes(prompts, 3), right(rates, prompts, rng), 0
    found = open_tournament(CHECKPOINTS[: len(rates)], rounds=len(sizes))
    for size in sizes:
        if not found.finished:
            found = play_round(found, {name: scores[name][start : start + size] for name in found.alive})
        start += size
    return found


@given(st.integers(1, 2000), st.integers(1, 9))
def test_rounds_use_every_prompt_and_none_is_empty(prompts: int, rounds: int) -> None:
    sizes = round_sizes(prompts, rounds)
    assert (sum(sizes), len(sizes)) == (prompts, min(prompts, rounds))
    assert min(sizes) >= 1


def test_rounds_double() -> None:
    assert round_sizes(140, 3) == (20, 40, 80)


def test_who_is_shown_to_be_worse_is_dropped_early_and_asked_no_more() -> None:
    found = played([0.7, 0.2, 0.7, 0.2], 210, np.random.default_rng(1))
    out = {each.name: each.out_in_round for each in found.standings}
    assert out["step-2"] in (1, 2)
    assert out["step-4"] in (1, 2)
    assert len(found.scores["step-2"]) < 210
    assert found.winner in ("step-1", "step-3")


def test_equal_candidates_all_go_on_and_the_first_of_equals_wins() -> None:
    found = open_tournament(["a", "b", "c"], rounds=1)
    found = play_round(found, {name: [1.0, 0.0, 1.0] for name in "abc"})
    assert (found.alive, found.winner) == (("a", "b", "c"), "a")


def test_a_cap_drops_the_lowest_and_says_that_it_was_the_cap() -> None:
    found = play_round(open_tournament(["a", "b", "c"]), {"a": [1, 0], "b": [1, 1], "c": [0, 0]}, keep=2)
    assert found.alive == ("a", "b")
    assert [each.by_budget for each in found.standings] == [False, False, True]


def test_one_candidate_has_won_before_the_first_round() -> None:
    found = open_tournament(["only"])
    assert (found.finished, found.winner) == (True, "only")


def test_there_is_no_winner_before_the_end() -> None:
    with pytest.raises(ValueError, match="round 1 of 3 has not been played"):
        _ = open_tournament(["a", "b"]).winner


def test_scores_decide_by_sign_flips() -> None:
    rng = np.random.default_rng(2)
    scores = {"a": rng.uniform(0.5, 0.9, 60).tolist(), "b": rng.uniform(0.1, 0.5, 60).tolist()}
    assert play_round(open_tournament(["a", "b"]), scores).winner == "a"


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"a": [1.0]}, "but the round is played by"),
        ({"a": [1.0], "b": [1.0, 0.0]}, "1 scores of the base against 2"),
        ({"a": [1.0], "b": [2.0]}, "between 0 and 1"),
        ({"a": [], "b": []}, "at least one prompt"),
    ],
)
def test_a_round_that_does_not_fit_is_refused(scores: dict[str, list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        play_round(open_tournament(["a", "b"]), scores)


def test_the_truly_best_is_nearly_never_dropped() -> None:
    rng, rates = np.random.default_rng(3), [0.6] * 7 + [0.65]
    kept = [CHECKPOINTS[7] in played(rates, 140, rng).alive for _ in range(150)]
    assert np.mean(kept) >= 0.95


def test_the_best_of_eight_equals_tested_on_other_prompts_is_no_false_winner() -> None:
    """The naive way, testing on the prompts that chose, must fail the same limit here, or this shows nothing."""
    rng, runs, honest, naive, corrected = np.random.default_rng(5), 400, 0, 0, 0
    for _ in range(runs):
        winner = played([0.6] * 8, 70, rng).winner
        test = right([0.6] * 9, 120, rng)
        base = test.pop("base")
        honest += better(base, test[winner])
        naive += better(base, max(test.values(), key=sum))
        chosen = compare_chosen(base, test).comparison
        corrected += chosen.p_value < 0.05 and chosen.low > 0
    assert honest / runs <= 0.05
    assert corrected / runs <= 0.05
    assert naive / runs > 0.1


def better(base: list[float], tuned: list[float]) -> bool:
    found = compare_binary([b == 1 for b in base], [t == 1 for t in tuned])
    return found.p_value < 0.05 and found.low > 0


def test_comparing_the_chosen_one_widens_its_interval_and_multiplies_its_p_value() -> None:
    rng = np.random.default_rng(1)
    scores = right([0.5, 0.8, 0.5], 200, rng)
    base = scores.pop("step-1")
    found, alone = (
        compare_chosen(base, scores),
        compare_binary([b == 1 for b in base], [s == 1 for s in scores["step-2"]]),
    )
    assert found.name == "step-2"
    assert found.comparison.p_value == pytest.approx(2 * alone.p_value)
    assert found.comparison.low < alone.low < alone.high < found.comparison.high
    assert found.comparison.confidence == 0.95
    assert "too large" in found.comparison.notes[-1]


def test_a_single_candidate_needs_no_correction() -> None:
    base, tuned = [0.2, 0.4] * 20, [0.5, 0.6] * 20
    assert compare_chosen(base, {"only": tuned}).comparison == compare_scores(base, tuned)


def test_no_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="no candidate"):
        compare_chosen([1.0], {})
