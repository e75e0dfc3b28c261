"""To iterate is to change something: what the failures and the training rows beside them say."""

from __future__ import annotations

from evaluations import evaluation, row

from orchestrator.dataset.records import Row
from orchestrator.evaluation.decide import Rule
from orchestrator.evaluation.graders import named
from orchestrator.evaluation.questions import questions
from orchestrator.evaluation.what_to_change import contradictions
from orchestrator.pipeline.deciding import Beside, judge
from orchestrator.pipeline.evaluating import Evaluated

ASKED = [f"where is my {what} number {n}" for n in range(30) for what in ("parcel", "refund", "invoice", "card")]
RIGHT = [what for _ in range(30) for what in ("delivery", "money", "billing", "lost")]


def iterating() -> Evaluated:
    """Much better than the base, but slower than allowed; half of "money" is answered with "billing"."""
    tuned = ["billing" if right == "money" and place % 8 < 4 else right for place, right in enumerate(RIGHT)]
    return evaluation({"base": ["lost"] * 120, "tuned": tuned}, RIGHT, asked=ASKED, rule=Rule(must_beat=("also1",)))


def advice(*train: Row, checkpoint: str | None = None) -> tuple[str, ...]:
    tuned = iterating()
    also = {key: answer for key, answer in tuned.answers.items() if key[0] == "tuned"}
    made = evaluation(
        {
            "base": ["lost"] * 120,
            "tuned": [also["tuned", question.key, 0] for question in tuned.questions],
            "also1": RIGHT,
        },
        RIGHT,
        asked=ASKED,
        rule=Rule(must_beat=("also1",)),
    )
    verdict = judge(made, [named("exact")], True, Beside(train=train, checkpoint=checkpoint)).verdict
    assert verdict.answer == "iterate"
    return verdict.advice


def test_the_worst_labels_are_named_with_counts_and_what_was_answered_instead() -> None:
    assert any("'money' (15 of 30 wrong, 15 answered 'billing')" in text for text in advice())


def test_training_rows_that_ask_the_same_and_answer_otherwise_are_shown() -> None:
    train = [row(7, "where is my refund number 4", "billing", file="train.jsonl")]
    told = next(text for text in advice(*train) if "beside training rows" in text)
    assert "train.jsonl row 7 says 'billing' where 'money' was right" in told


def test_labels_with_few_examples_are_named() -> None:
    train = [row(n, f"give me back my euros {n}", "money") for n in range(6)]
    assert any("few training examples: 'money' (6)" in text for text in advice(*train))


def test_an_earlier_checkpoint_is_proposed() -> None:
    assert "Try the checkpoint at step 5." in advice(checkpoint="Try the checkpoint at step 5.")


def test_rows_that_ask_something_else_or_answer_alike_contradict_nothing() -> None:
    failed = questions([row(1, "where is my refund please", "money")])
    train = [row(1, "where is my refund please", "Money"), row(2, "close the account of my late aunt", "billing")]
    assert contradictions(failed, train) == []


def test_the_nearest_contradiction_comes_first() -> None:
    failed = questions([row(1, "where is my refund please", "money")])
    far, near = row(1, "where is my refund then, dear people", "lost"), row(2, "where is my refund please", "billing")
    assert next(one.row for one in contradictions(failed, [far, near])) == near


def test_texts_in_advice_are_short_and_on_one_line() -> None:
    train = [row(7, "where is my refund number 4", "billing\x1b[31m\n" + "x" * 500)]
    told = next(text for text in advice(*train) if "beside training rows" in text)
    assert "\n" not in told
    assert "\x1b" not in told
    assert len(told) < 900
