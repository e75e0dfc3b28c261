"""Which answers tell how fast a model is."""

from __future__ import annotations

from orchestrator.evaluation.questions import Answer
from orchestrator.evaluation.timing import timed, timed_pairs

COLD, WARM = Answer(text="a", latency_s=9.0, warm_up=True), Answer(text="a", latency_s=0.1)
LOST = Answer(text="", error="unreachable: no", latency_s=0.1)


def test_the_warm_up_and_what_never_came_tell_no_time() -> None:
    assert timed([COLD, WARM, LOST, WARM, Answer(text="a")]) == [WARM, WARM]


def test_where_all_was_warm_up_it_is_better_than_nothing() -> None:
    assert timed([COLD, LOST, COLD]) == [COLD, COLD]


def test_a_question_is_left_out_for_both_when_it_was_warm_up_for_one() -> None:
    assert timed_pairs([COLD, WARM, WARM, LOST], [WARM, COLD, WARM, WARM]) == [(WARM, WARM)]


def test_pairs_of_nothing_but_warm_up_are_compared_all_the_same() -> None:
    assert timed_pairs([COLD, LOST], [WARM, WARM]) == [(COLD, WARM)]
