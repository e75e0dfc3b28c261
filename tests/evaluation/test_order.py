"""The order of questions: every one once, fixed by the seed, side by side, and without those answered before."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.dataset.records import Row
from orchestrator.evaluation.order import Order, Turn
from orchestrator.evaluation.questions import Candidate, Question, Spec, questions
from providers.records import Example, Message, Sampling

NAMES = ("base", "tuned", "also1")


@pytest.fixture
def asked() -> tuple[Question, ...]:
    turns = [(Message("user", f"question {n}"), Message("assistant", "yes")) for n in range(30)]
    return questions([Row(number=n, file="pairs.csv", example=Example(turn)) for n, turn in enumerate(turns, start=1)])


def spec_of(asked: tuple[Question, ...], seed: int = 7, samples: int = 2) -> Spec:
    return Spec(
        candidates=tuple(Candidate(name=name, provider="p", model=name) for name in NAMES),
        questions=tuple(question.key for question in asked),
        sampling=Sampling(),
        samples=samples,
        order_seed=seed,
    )


def keys(turns: list[Turn]) -> list[tuple[str, str, int]]:
    return [(turn.candidate.name, turn.question.key, turn.sample) for turn in turns]


def test_every_question_of_every_candidate_has_one_turn_a_sample(asked: tuple[Question, ...]) -> None:
    order = Order(spec_of(asked), asked)
    assert len(order) == 180
    assert set(Counter(keys(list(order))).values()) == {1}
    assert len(set(keys(list(order)))) == 180


def test_the_order_is_shuffled_and_fixed_by_the_seed(asked: tuple[Question, ...]) -> None:
    orders = [keys(list(Order(spec_of(asked, seed), asked))) for seed in (7, 7, 8)]
    assert orders[0] == orders[1] != orders[2]
    assert [key for _, key, _ in orders[0][:90:3]] != [question.key for question in asked]


def test_a_question_goes_to_all_candidates_side_by_side_each_as_often_first(asked: tuple[Question, ...]) -> None:
    turns = keys(list(Order(spec_of(asked, samples=10), asked)))
    together = [turns[place : place + 3] for place in range(0, len(turns), 3)]
    assert all(len({key for _, key, _ in three}) == 1 for three in together)
    first = Counter(three[0][0] for three in together)
    assert all(70 <= first[name] <= 130 for name in NAMES)


def test_what_was_answered_is_left_out_and_changes_no_order(asked: tuple[Question, ...]) -> None:
    whole, rest = Order(spec_of(asked), asked), Order(spec_of(asked), asked)
    done = keys(list(whole))[:100:3]
    rest.skip(done)
    assert rest.answered == len(done)
    assert keys(list(rest)) == [key for key in keys(list(whole)) if key not in set(done)]


def test_answers_to_other_questions_are_passed_by(asked: tuple[Question, ...]) -> None:
    order = Order(spec_of(asked), asked)
    order.skip([("base", "unknown", 0), ("unknown", asked[0].key, 0), ("base", asked[0].key, 2)])
    assert (order.answered, len(list(order))) == (0, 180)
