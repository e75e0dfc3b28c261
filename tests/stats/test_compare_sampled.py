"""Several answers a prompt: prompts stay the unit, and more answers narrow only what answers can."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.stats import (
    all_passed,
    compare_binary,
    compare_clustered,
    compare_sampled,
    compare_scores,
    sampled_prompts_needed,
    score_prompts_needed,
)

Samples = list[list[float]]


def answers(n: int, samples: int, seed: int = 5) -> tuple[Samples, Samples]:
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.2, 0.8, n)
    draw = [rng.binomial(1, np.minimum(chance + gain, 1)[:, np.newaxis], (n, samples)) for gain in (0.0, 0.1)]
    return draw[0].astype(float).tolist(), draw[1].astype(float).tolist()


def test_answers_are_averaged_within_their_prompt_first() -> None:
    base, tuned = answers(40, 4)
    alone = compare_scores(np.mean(base, axis=1).tolist(), np.mean(tuned, axis=1).tolist())
    found = compare_sampled(base, tuned)
    assert (found.low, found.high, found.p_value, found.n) == (alone.low, alone.high, alone.p_value, 40)
    assert found.samples == 4


def test_the_same_answers_ten_times_over_show_no_more() -> None:
    base, tuned = answers(40, 1)
    once, often = compare_sampled(base, tuned), compare_sampled([b * 10 for b in base], [t * 10 for t in tuned])
    assert (once.low, once.high, once.p_value) == pytest.approx((often.low, often.high, often.p_value))


def test_prompts_of_a_group_stay_one_group() -> None:
    base, tuned = answers(40, 3)
    groups = [i // 2 for i in range(40)]
    means = np.mean(base, axis=1).tolist(), np.mean(tuned, axis=1).tolist()
    assert compare_sampled(base, tuned, groups=groups).p_value == compare_clustered(*means, groups).p_value


def test_the_share_of_prompts_that_every_answer_passed() -> None:
    base, tuned = [[1, 1], [1, 0], [0, 0], [1, 1]], [[1, 1], [1, 1], [1, 1], [0, 1]]
    assert compare_sampled(base, tuned).all_passed == (0.5, 0.75)
    assert compare_binary(all_passed(base), all_passed(tuned)).discordant == (1, 2)


def test_sides_may_have_answered_a_different_number_of_times() -> None:
    found = compare_sampled([[1, 0, 1]] * 30, [[1, 0]] * 30)
    assert (found.samples, found.difference) == (2, pytest.approx(-1 / 6))


def test_a_prompt_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="prompt 2 has no answer of the tuned model"):
        compare_sampled([[1], [0]], [[1], []])


def test_more_answers_a_prompt_need_fewer_prompts_down_to_a_floor() -> None:
    needed = [sampled_prompts_needed(0.05, 0.2, (0.45, 0.45), (k, k)) for k in (1, 2, 4, 1000)]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] == pytest.approx(score_prompts_needed(0.05, 0.2), abs=2)


@pytest.mark.parametrize(("gap", "samples"), [(0.0, (1, 1)), (1.1, (1, 1)), (0.1, (0, 1))])
def test_plans_that_make_no_sense_are_refused(gap: float, samples: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="gap"):
        sampled_prompts_needed(gap, 0.2, (0.4, 0.4), samples)
