"""Graders at the command line: your own, several, a judge; and another one afterwards, which replaces nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ExitCode

BASE, TUNED = "openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4.1-nano-2025-04-14"
OWN = """
def flatters(candidate): return candidate == "tuned"

def fails_on_row_3(answer, expected, row) -> bool:
    if row == 3:
        raise KeyError("no such thing")
    return answer == expected
"""


@pytest.fixture
def evaluate(tunewright: Any, server: Any, pairs: Path, work: Path) -> Callable[..., Any]:
    (work / "own.py").write_text(OWN)
    (work / "rubric.md").write_text("Good is what names the right label.\n")
    models = ("--base", BASE, "--tuned", TUNED, "--yes", "--max-usd", "5", "--json")
    return lambda *options: tunewright("evaluate", pairs, *models, *options, env=server.environ)


def test_a_grader_taken_afterwards_is_exploratory_and_replaces_nothing(
    evaluate: Any, tunewright: Any, server: Any, work: Path
) -> None:
    recorded = evaluate("--grader", "exact")
    report = Path(recorded.json["report"])
    before = report.read_bytes()
    flattering = tunewright("decide", "--grader", "own.py:flatters", "--json")
    assert flattering.json["verdict"] == "deploy"
    assert flattering.json["exploratory"].startswith("EXPLORATORY, not the verdict")
    assert flattering.json["reason"].startswith("EXPLORATORY")
    assert flattering.json["recorded_verdict"] == recorded.json["verdict"]
    assert flattering.code == recorded.code != 0
    assert "was recorded for the grader exact" in flattering.err
    assert Path(flattering.json["report"]) != report
    assert report.read_bytes() == before
    again = tunewright("decide", "--json")
    assert (again.json["verdict"], again.json["exploratory"], again.code) == (
        recorded.json["verdict"],
        None,
        recorded.code,
    )


def test_the_same_questions_under_a_new_run_are_still_judged_by_the_first_grader(evaluate: Any) -> None:
    first = evaluate("--grader", "exact")
    second = evaluate("--grader", "own.py:flatters")
    assert second.json["run"] != first.json["run"]
    assert second.json["exploratory"]
    assert (second.json["recorded_verdict"], second.code) == (first.json["verdict"], first.code)


def test_a_function_changed_since_is_exploratory_too(evaluate: Any, tunewright: Any, work: Path) -> None:
    assert evaluate("--grader", "own.py:flatters").code == 0
    (work / "own.py").write_text("def flatters(candidate): return candidate != 'tuned'\n")
    changed = tunewright("decide", "--json")
    assert "its file, rubric or judge is another now" in changed.json["exploratory"]
    assert changed.code == 0


def test_what_your_function_raises_is_told_with_its_row_and_line(evaluate: Any) -> None:
    answer = evaluate("--grader", "own.py:fails_on_row_3")
    assert answer.json["verdict"] == "inconclusive"
    assert "row 3: KeyError: 'no such thing' (own.py, line 6)" in answer.json["reason"]
    assert answer.code == 7


def test_what_cannot_be_loaded_is_refused_before_anybody_is_asked(evaluate: Any, server: Any) -> None:
    answer = evaluate("--grader", "own.py:nothing_like_it")
    assert answer.code == 2
    assert answer.error["fix"] == "it has flatters, fails_on_row_3"
    assert server.asked("POST", "/chat/completions") == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--grader", "judge:rubric.md"), "needs to know who judges"),
        (("--judge", BASE), "no grader asks a judge"),
        (("--grader", "judge:rubric.md", "--judge", BASE, "--human-labels", "none.csv"), "no such file of labels"),
        (("--grader", "judge:absent.md", "--judge", BASE), "the rubric cannot be read"),
        (("--grader", "judge:rubric.md", "--judge", "nobody"), "is not PLATFORM:MODEL"),
        (("--grader", "exact", "--grader", "exact"), "named twice"),
    ],
)
def test_a_judge_that_cannot_judge_is_refused(evaluate: Any, options: tuple[str, ...], told: str) -> None:
    answer = evaluate(*options)
    assert answer.code == 2
    assert told in answer.error["what"]


def test_a_judge_stands_beside_the_grader_that_decides_and_is_billed(evaluate: Any, tunewright: Any) -> None:
    answer = evaluate("--grader", "exact", "--grader", "judge:rubric.md", "--judge", BASE)
    (judging,) = answer.json["judgings"]
    assert answer.json["grader"]["name"] == "exact"
    assert [metric["name"] for metric in answer.json["metrics"]] == ["judge:rubric.md"]
    assert judging["judgements"] > 0 == judging["unusable"]
    assert float(answer.json["billed"]["judging_usd"]) > 0
    kinds = {item["kind"] for item in tunewright("budget", "show", "--json").json["spendings"]}
    assert "judging" in kinds
    told = [line for line in answer.err.splitlines() if "judging by" in line]
    assert told
    assert "expected answers" in told[0]


def test_a_judge_asked_afterwards_pays_for_itself_alone(evaluate: Any, tunewright: Any, server: Any) -> None:
    assert evaluate().code in (6, 7)
    asked = server.asked("POST", "/chat/completions")
    judge = ("--grader", "judge:rubric.md", "--judge", BASE)
    refused = tunewright("decide", *judge, "--json")
    assert refused.code == 2
    assert "has judged none of these answers yet" in refused.error["what"]
    unasked = tunewright("evaluate", *judge, "--json", env=server.environ)
    assert unasked.code == ExitCode.BUDGET_REFUSED
    assert "judging by" in unasked.err
    assert server.asked("POST", "/chat/completions") == asked
    judged = tunewright("evaluate", *judge, "--json", "--yes", env=server.environ)
    assert judged.json["exploratory"]
    assert judged.json["judgings"][0]["unusable"] == 0
    greeted = 1
    assert server.asked("POST", "/chat/completions") - asked == judged.json["judgings"][0]["judgements"] + greeted
    assert tunewright("decide", *judge, "--json").json["judgings"] == judged.json["judgings"]


def test_a_killed_judging_goes_on_and_what_was_stored_is_not_paid_again(
    evaluate: Any, tunewright: Any, start: Any, pairs: Path, server: Any
) -> None:
    options = ("--grader", "judge:rubric.md", "--judge", BASE, "--concurrency", "4")
    models = ("--base", BASE, "--tuned", TUNED, "--yes", "--max-usd", "5")
    running = start("evaluate", pairs, *models, *options, env=server.environ)
    running.until("judgements by")
    server.world.faults.set("slow", count=None, seconds=0.1, path="/chat/completions$")
    before, pause = _asked(server), threading.Event()
    while _asked(server) < before + 12:
        pause.wait(0.01)
    running.kill()
    server.world.faults.clear()
    killed_at, run = _asked(server), running.err.partition("run ")[2].split()[0]
    done = tunewright("evaluate", run, "--json", env=server.environ)
    (judging,) = done.json["judgings"]
    greetings, answers, in_flight = 2 + 2 + 1, 120, 4 + 4
    assert judging["judgements"] > 30
    assert judging["unusable"] == 0
    assert _asked(server) - killed_at < judging["judgements"]
    assert _asked(server) <= greetings + answers + judging["judgements"] + in_flight


def _asked(server: Any) -> int:
    return int(server.asked("POST", "/chat/completions"))


def test_the_sample_grader_runs(evaluate: Any) -> None:
    sample = Path(__file__).parents[2] / "samples" / "shop_reply.py"
    answer = evaluate("--grader", f"{sample}:useful", "--grader", f"{sample}:short")
    assert answer.json["grader"]["name"] == "shop_reply.py:useful"
    assert answer.code in (6, 7)


def test_the_price_of_judging_told_before_a_run_counts_every_candidate(
    tunewright: Any, server: Any, pairs: Path, work: Path
) -> None:
    (work / "rubric.md").write_text("Good is what names the right label.\n")
    words = ("run", pairs, "--to", BASE, "--grader", "judge:rubric.md", "--judge", BASE)
    two, three = (_judging_usd(tunewright(*words, *more, env=server.environ)) for more in ((), ("--also-shots", "2")))
    assert three == pytest.approx(1.5 * two, rel=0.1)


def _judging_usd(answer: Any) -> float:
    assert answer.code == ExitCode.BUDGET_REFUSED
    (told,) = re.findall(r"judging by .*: about \$([\d.]+) at most", answer.err)
    return float(told)
