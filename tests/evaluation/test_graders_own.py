"""Your own function as a grader: loaded before anybody is asked, and never the end of an evaluation."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from orchestrator.dataset.records import Row
from orchestrator.errors import UsageError
from orchestrator.evaluation.graders import Grade, Grader, grade_answer, identity, named, own
from orchestrator.evaluation.questions import Answer, questions
from providers.records import Example, Message

ASKED = Example((Message("system", "Be brief."), Message("user", "capital?"), Message("assistant", "Oslo")))


def made(tmp_path: Path, source: str, function: str = "score") -> Grader:
    path = tmp_path / "mine.py"
    path.write_text(source)
    return named(f"{path}:{function}")


def graded(grader: Grader, answer: str = "Oslo!") -> Grade:
    (question,) = questions([Row(number=7, file="f", example=ASKED, accept=("Christiania",))])
    return grade_answer(grader, question, Answer(text=answer), "tuned")


@pytest.mark.parametrize(
    ("source", "score", "passed", "measure"),
    [
        ("def score(answer, expected): return expected in answer", 1.0, True, "score"),
        ("def score(answer, expected) -> bool: return answer == expected", 0.0, False, "binary"),
        ("def score(answer, expected) -> 'bool': return 1", 1.0, True, "binary"),
        ("def score(given, right): return len(right) / 8", 0.5, None, "score"),
        ("def score(answer, accept, messages): return 0.25 * len(messages) * len(accept)", 0.5, None, "score"),
        ("def score(*, row, candidate): return (row == 7) and (candidate == 'tuned')", 1.0, True, "score"),
        ("class score:\n    def __new__(cls, answer, expected, strict=False): return 1", 1.0, None, "score"),
    ],
)
def test_a_function_is_called_with_what_it_asks_for(
    tmp_path: Path, source: str, score: float, passed: bool | None, measure: str
) -> None:
    grader = made(tmp_path, source)
    assert grader.measure == measure
    assert graded(grader) == Grade(score, passed)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "def score(answer, expected):\n    return 1 / 0",
            "row 7: ZeroDivisionError: division by zero (mine.py, line 2)",
        ),
        ("def score(answer, expected): return 'good'", "row 7: TypeError: it answered str"),
        ("def score(answer, expected): return 7", "row 7: ValueError: it answered 7"),
        ("def score(answer, expected): return float('nan')", "row 7: ValueError: it answered nan"),
        ("def score(answer, expected): pass", "row 7: TypeError: it answered NoneType"),
    ],
)
def test_what_goes_wrong_on_one_answer_is_told_with_its_row_and_line(tmp_path: Path, source: str, told: str) -> None:
    grade = graded(made(tmp_path, source))
    assert grade.ungraded
    assert grade.score == 0
    assert grade.note.startswith(told)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def score(answer, expected) return 1", "SyntaxError"),
        (
            "import nowhere_to_be_found\ndef score(a, b): ...",
            "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        ),
        ("x = 1\nraise SystemExit(3)", "SystemExit: 3 (mine.py, line 2)"),
        ("def other(answer, expected): ...", "has no function 'score'"),
        ("async def score(answer, expected): ...", "not an async one"),
        ("def score(answer, expected, mood): ...", "asks for mood"),
        ("score = 3", "has no function 'score'"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_named(tmp_path: Path, source: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        made(tmp_path, source)
    assert told in refused.value.what
    assert refused.value.fix


def test_a_function_may_import_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_it_here.py").write_text("LIMIT = 5\n")
    grader = made(
        tmp_path, "from beside_it_here import LIMIT\ndef score(answer, expected): return len(answer) <= LIMIT"
    )
    assert graded(grader).passed


def test_a_function_changed_since_is_another_grader_of_the_same_name(tmp_path: Path) -> None:
    first = made(tmp_path, "def score(answer, expected): return True")
    second = made(tmp_path, "def score(answer, expected): return False")
    assert first.name == second.name == "mine.py:score"
    assert identity(first) != identity(second)
    assert (graded(first).passed, graded(second).passed) == (True, False)


def test_an_installed_package_offers_graders_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(name: str | None = None) -> EntryPoints:
        found = EntryPoints([EntryPoint("same-length", "operator:eq", own.GROUP)])
        return found if name is None else found.select(name=name)

    monkeypatch.setattr(own, "entry_points", offered)
    grader = named("same-length")
    assert "operator:eq" in grader.reason
    assert graded(grader, "Oslo").passed
    with pytest.raises(UsageError, match="unknown grader 'same-lenth'"):
        named("same-lenth")
