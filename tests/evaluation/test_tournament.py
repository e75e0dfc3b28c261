"""Rounds among checkpoints: who drops out, who wins, and which rows are asked when."""

from __future__ import annotations

from orchestrator.evaluation.tournament import portions, round_of
from orchestrator.stats import Tournament, open_tournament, play_round


def played(rounds: int = 1, n: int = 100, **wrong: tuple[int, int]) -> Tournament:
    """After one round. name → (how many wrong, from which place on)."""
    scores = {
        name: [0.0 if first <= place < first + count else 1.0 for place in range(n)]
        for name, (count, first) in wrong.items()
    }
    return play_round(open_tournament(tuple(wrong), rounds=rounds), scores)


def test_a_round_shows_the_clearly_worse_as_dropped_and_the_close_one_as_left() -> None:
    tournament = played(3, step1=(40, 0), step2=(12, 50), step3=(10, 0))
    found = round_of(tournament)
    assert [one.name for one in found.standings] == ["step3", "step2", "step1"]
    assert [one.name for one in found.dropped] == ["step1"]
    assert (found.dropped[0].p_value or 1) < found.level < 0.017
    assert tournament.alive == ("step2", "step3")


def test_of_equals_the_earlier_one_stands_first() -> None:
    tournament = played(step1=(5, 0), step2=(5, 20))
    assert round_of(tournament).standings[0].name == tournament.winner == "step1"


def test_a_later_round_shows_only_who_played_it() -> None:
    tournament = played(2, step1=(60, 0), step2=(10, 0), step3=(10, 30))
    again = play_round(tournament, {name: [1.0] * 20 for name in tournament.alive})
    assert {one.name for one in round_of(again).standings} == {"step2", "step3"}
    assert round_of(again).n == 120


def test_few_rows_are_asked_in_one_round() -> None:
    assert [len(part) for part in portions(range(79), 8)] == [79]
    assert [len(part) for part in portions(range(100), 2)] == [100]


def test_rounds_ask_each_row_once_and_in_no_order_of_the_file() -> None:
    parts = portions(range(200), 4)
    assert [len(part) for part in parts] == [50, 50, 100]
    assert sorted(row for part in parts for row in part) == list(range(200))
    assert parts[0] != list(range(50))
    assert parts == portions(range(200), 4)
