"""Rounds among checkpoints: who drops out, who wins, and which rows are asked when."""

from __future__ import annotations

from evaluations import evaluation, said

from orchestrator.evaluation.graders import named
from orchestrator.evaluation.sides import Side
from orchestrator.evaluation.tournament import play, portions, winner_of
from orchestrator.pipeline.deciding import sides_of


def sides(n: int, **wrong: tuple[int, int]) -> dict[str, Side]:
    """name → (how many wrong, from which place on)."""
    answers = {name: said("yes", count, n, first) for name, (count, first) in wrong.items()}
    return sides_of(evaluation(answers, ["yes"] * n), named("exact"))


def test_the_clearly_worse_drops_out_and_the_close_one_stays() -> None:
    found = play(1, 3, sides(100, step1=(40, 0), step2=(12, 50), step3=(10, 0)), 0.95)
    assert found.left == ("step3", "step2")
    assert [one.name for one in found.dropped] == ["step1"]
    assert found.dropped[0].p_value < found.level < 0.017


def test_of_equals_the_earlier_one_wins() -> None:
    found = play(1, 1, sides(50, step1=(5, 0), step2=(5, 20)), 0.95)
    assert winner_of([found]).name == "step1"


def test_p_values_are_corrected_for_how_many_are_compared_with_the_leader() -> None:
    alone = play(1, 1, sides(100, best=(10, 0), other=(21, 0)), 0.95)
    crowd = {f"also{n}": (21, 0) for n in range(8)}
    among = play(1, 1, sides(100, best=(10, 0), other=(21, 0), **crowd), 0.95)
    assert "other" in {one.name for one in alone.dropped}
    p_values = {one.name: one.p_value for one in among.dropped}
    assert p_values["other"] == 9 * next(one.p_value for one in alone.dropped)


def test_few_rows_are_asked_in_one_round() -> None:
    assert [len(part) for part in portions(range(79), 8)] == [79]
    assert [len(part) for part in portions(range(100), 2)] == [100]


def test_rounds_ask_each_row_once_and_in_no_order_of_the_file() -> None:
    parts = portions(range(200), 4)
    assert [len(part) for part in parts] == [50, 50, 100]
    assert sorted(row for part in parts for row in part) == list(range(200))
    assert parts[0] != list(range(50))
    assert parts == portions(range(200), 4)


def test_the_same_state_under_two_names_hardly_ever_drops_out() -> None:
    """Sixty tournaments of equals: a false elimination in one round is rarer than the level."""
    import random

    gone = 0
    for seed in range(60):
        rng = random.Random(seed)
        answers = {f"step{n}": ["yes" if rng.random() < 0.8 else "no" for _ in range(60)] for n in range(2)}
        gone += bool(play(1, 3, sides_of(evaluation(answers, ["yes"] * 60), named("exact")), 0.95).dropped)
    assert gone <= 4
