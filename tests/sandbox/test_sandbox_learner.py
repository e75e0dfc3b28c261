"""The sandbox's models really learn: loss falls because they fit, held-out scores fall when noise is memorised."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from providers.sandbox.learner import Classifier, Learner, Pair, Point, Retriever, Setting, learner

BANKING = Path(__file__).parents[2] / "../shared/data/banking77"
TOPICS = {f"topic{i}": tuple(f"w{i}x{j}" for j in range(12)) for i in range(8)}


def labelled(rows: int, noise: float, seed: int) -> list[Pair]:
    """Texts of five words, some of them any topic's; `noise` is the share of labels drawn at random."""
    rng = random.Random(seed)
    every = [word for words in TOPICS.values() for word in words]
    pairs = []
    for _ in range(rows):
        label = rng.choice(sorted(TOPICS))
        words = [rng.choice(TOPICS[label]) if rng.random() < 0.6 else rng.choice(every) for _ in range(5)]
        shown = rng.choice(sorted(TOPICS)) if rng.random() < noise else label
        pairs.append(Pair("", " ".join(words), shown))
    return pairs


def trained(train: list[Pair], valid: list[Pair], setting: Setting) -> list[tuple[Point, ...]]:
    model = learner(train, valid, setting)
    return [model.epoch(lambda: False) or () for _ in range(setting.epochs)]


def loss(points: tuple[Point, ...]) -> float:
    return sum(point.loss for point in points) / len(points)


def test_training_and_validation_loss_fall_on_clean_labels() -> None:
    epochs = trained(labelled(400, 0, 1), labelled(200, 0, 2), Setting(4, 8, evals=4))
    losses = [loss(points) for points in epochs]
    held_out = [points[-1].valid_loss or 0 for points in epochs]
    assert losses == sorted(losses, reverse=True)
    assert held_out[-1] < held_out[0]


def test_pushed_too_far_on_noisy_labels_it_overfits() -> None:
    clean, model = labelled(200, 0, 3), learner(labelled(300, 0.4, 1), labelled(200, 0.4, 2), Setting(25, 8, evals=25))
    epochs = [model.epoch(lambda: False) or ()]
    early = model.snapshot()
    epochs += [model.epoch(lambda: False) or () for _ in range(24)]
    held_out = [points[-1].valid_loss or 0 for points in epochs]
    assert loss(epochs[-1]) < 0.2 * loss(epochs[0])
    assert held_out[-1] > min(held_out) * 1.1
    assert right(model, clean) < right(early, clean) - 0.05


def right(model: Learner, pairs: list[Pair]) -> float:
    return sum(model.answer("", pair.user) == pair.answer for pair in pairs) / len(pairs)


def test_the_same_seed_gives_the_same_training() -> None:
    pairs = labelled(100, 0.1, 1)
    assert trained(pairs, [], Setting(2, 8, seed=3)) == trained(pairs, [], Setting(2, 8, seed=3))


def test_another_seed_gives_another_training() -> None:
    pairs = labelled(100, 0.1, 1)
    assert trained(pairs, [], Setting(2, 8, seed=3)) != trained(pairs, [], Setting(2, 8, seed=4))


def test_a_snapshot_is_not_changed_by_further_epochs() -> None:
    model = Classifier(labelled(100, 0, 1), [], Setting(2, 8))
    model.epoch(lambda: False)
    kept = model.snapshot()
    before = kept.arrays()["weights"].copy()
    model.epoch(lambda: False)
    assert (kept.arrays()["weights"] == before).all()


def test_training_stops_between_two_steps() -> None:
    assert learner(labelled(100, 0, 1), [], Setting(1, 8)).epoch(lambda: True) is None


def test_evaluations_are_spread_evenly_and_end_with_the_training() -> None:
    assert Setting(2, 10, evals=4).eval_steps(100) == {5, 10, 15, 20}


def test_short_answers_that_repeat_are_labels_and_others_are_text() -> None:
    assert isinstance(learner(labelled(50, 0, 1), [], Setting(1, 8)), Classifier)
    texts = [Pair("", f"question {i}", f"an answer of its own, number {i}") for i in range(20)]
    assert isinstance(learner(texts, [], Setting(1, 8)), Retriever)


def test_free_text_answers_with_the_nearest_known_answer() -> None:
    facts = {"When was the shop founded?": "In 1987, by two sisters.", "Do you ship abroad?": "Yes, to 30 countries."}
    model = learner([Pair("", q, a) for q, a in facts.items()], [], Setting(1, 1))
    assert model.answer("", "when was your shop founded") == "In 1987, by two sisters."


def test_free_text_loss_falls_and_pushed_too_far_it_overfits() -> None:
    rng = random.Random(1)
    words = [f"w{i}" for i in range(40)]
    texts = [Pair("", f"q{i}", " ".join(rng.choices(words, k=12))) for i in range(120)]
    epochs = trained(texts[:80], texts[80:], Setting(10, 8, evals=10))
    held_out = [points[-1].valid_loss or 0 for points in epochs]
    assert loss(epochs[-1]) < loss(epochs[0])
    assert held_out[-1] > min(held_out)


def test_the_system_text_matters_where_there_is_more_than_one() -> None:
    pairs = [
        Pair(language, f"word {i}", {"in french": "oui", "in german": "ja"}[language])
        for i in range(20)
        for language in ("in french", "in german")
    ]
    model = learner(pairs, [], Setting(5, 4))
    for _ in range(5):
        model.epoch(lambda: False)
    assert (model.answer("in french", "word 3"), model.answer("in german", "word 3")) == ("oui", "ja")


def _banking(name: str) -> list[Pair]:
    path = BANKING / name
    if not path.exists():
        pytest.skip("the shared data sets are not here")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [Pair("", row["input"], row["output"]) for row in rows]


@pytest.mark.slow
def test_unseen_bank_queries_are_sorted_well_after_three_epochs() -> None:
    train, held_out = _banking("train.pairs.jsonl"), _banking("test.pairs.jsonl")
    random.Random(1).shuffle(train)
    epochs = trained(train[:8000], held_out[:500], Setting(3, 16, evals=3))
    assert (epochs[-1][-1].valid_accuracy or 0) > 0.75
