"""Should you fine-tune at all? The document's questions and situations, answered from the data where possible.

What the data cannot tell comes back as `questions` for the caller to ask. The texts are in document.toml.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .advice_records import Advice, AdviceInput, Answer, DataFacts, Outcome, Question
from .document import document
from .mistakes import FEWEST_ROWS, check_mistakes

if TYPE_CHECKING:
    from ..dataset import Dataset

__all__ = ["advise", "data_facts"]

ENOUGH_ROWS = 500
WORTH_TUNING = Decimal("0.20")
NOT_WORTH_IT = Decimal("0.10")
_NONE = "none"


def advise(given: AdviceInput) -> Advice:
    """The document's advice for what is known. Raises `UsageError` for an unknown situation or domain."""
    told = document()
    situation = _find(told["situations"], given.situation, "situation")
    answers = tuple(_answer(row, given) for row in told["questions"])
    outcome, reasons = _outcome(given, situation, answers)
    questions = _questions(given, answers)
    return Advice(
        outcome=outcome,
        provisional=bool(questions) and not _is_settled(given, situation),
        reasons=tuple(reasons),
        answers=answers,
        mistakes=check_mistakes(given),
        questions=questions,
        situation=situation,
        situations=tuple(told["situations"]),
        domain=_find(told["domains"], given.domain, "domain"),
        domains=tuple(told["domains"]),
        approaches=tuple(told["approaches"]),
    )


def data_facts(dataset: Dataset) -> DataFacts:
    """What a checked dataset tells: rows left, what was dropped, inputs with more than one answer, labels."""
    duplicates = sum("duplicate" in dropped.rule for dropped in dataset.dropped)
    return DataFacts(
        rows=len(dataset.rows),
        duplicates=duplicates,
        unusable=len(dataset.dropped) - duplicates,
        contradictory_inputs=dataset.counts.get("contradiction", 0),
        labels=dataset.labels,
        held_out=len(dataset.split.test),
    )


# ── the outcome ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _outcome(
    given: AdviceInput, situation: Mapping[str, Any] | None, answers: Sequence[Answer]
) -> tuple[Outcome, list[str]]:
    """The first rule that holds: what makes tuning pointless, then what is missing, then what is not proved."""
    no = {row["id"]: row.get("no", "") for row in document()["questions"]}
    rows, gain = given.data.rows if given.data else None, given.expected_improvement
    if given.real_time:
        return "RAG", [next(row["yes"] for row in document()["questions"] if row["id"] == "real_time")]
    if situation:
        better = f"For {situation['title']} tuning does not help: {situation['better']}."
        return situation["outcome"], [better, _saving(situation)]
    if gain is not None and gain < NOT_WORTH_IT:
        return "prompt first", [no["expected_improvement"]]
    against = [no[key] for key in ("domain_expertise", "production") if getattr(given, key) is False]
    if against:
        return "prompt first", against
    if rows is not None and rows < ENOUGH_ROWS:
        return "collect data", _too_few(rows, no["enough_examples"])
    if gain is not None and gain <= WORTH_TUNING:
        return "prompt first", [f"A gain of {gain:.0%} is not over 20%: improve the prompt, measure, then decide."]
    still_open = [answer.text for answer in answers if answer.yes is None]
    if still_open:
        return "prompt first", ["Nothing speaks against tuning so far, but nothing proves it either.", *still_open]
    return "tune", [f"{answer.text} {answer.detail}" for answer in answers]


def _is_settled(given: AdviceInput, situation: Mapping[str, Any] | None) -> bool:
    """No open answer could change the outcome any more."""
    return bool(given.real_time or (situation and given.real_time is False))


def _too_few(rows: int, why: str) -> list[str]:
    if rows >= FEWEST_ROWS:
        return [f"{rows:,} rows are left after cleaning. {why}"]
    return [f"{rows:,} rows are left after cleaning: under {FEWEST_ROWS} a model memorises instead of learning.", why]


def _saving(situation: Mapping[str, Any]) -> str:
    if "low_usd" not in situation:
        return f"Skipping it saves {situation['saves']}."
    low, high = Decimal(situation["low_usd"]), Decimal(situation["high_usd"])
    return f"Skipping it saves ${low:,}-${high:,} {situation['saves']}."


# ── the five questions ───────────────────────────────────────────────────────────────────────────────────────────────


def _answer(row: Mapping[str, Any], given: AdviceInput) -> Answer:
    key = row["id"]
    if key == "enough_examples":
        return _enough(row, given.data)
    value = getattr(given, key)
    if value is None:
        return Answer(key, row["text"], None, "nobody", "not answered")
    if key == "expected_improvement":
        return Answer(key, row["text"], value > WORTH_TUNING, "you", f"{value:.0%} expected")
    return Answer(key, row["text"], value, "you", "yes" if value else "no")


def _enough(row: Mapping[str, Any], data: DataFacts | None) -> Answer:
    if data is None:
        return Answer(row["id"], row["text"], None, "nobody", "no pairs were given")
    return Answer(row["id"], row["text"], data.rows >= ENOUGH_ROWS, "data", f"{data.rows:,} left after cleaning")


def _questions(given: AdviceInput, answers: Iterable[Answer]) -> tuple[Question, ...]:
    rows = {row["id"]: row for row in document()["questions"]}
    asked = [
        Question(answer.id, answer.text, rows[answer.id]["flag"], rows[answer.id]["kind"])
        for answer in answers
        if answer.yes is None and "flag" in rows[answer.id]
    ]
    if given.situation is None:
        choices = (*(row["id"] for row in document()["situations"]), _NONE)
        asked.append(Question("situation", "Is it one of these situations?", "--situation NAME", "choice", choices))
    return tuple(asked)


def _find(rows: Sequence[Mapping[str, Any]], wanted: str | None, what: str) -> Mapping[str, Any] | None:
    """The row of that id; None for None or "none"."""
    if wanted is None or wanted == _NONE:
        return None
    by_id = {row["id"]: row for row in rows}
    if wanted in by_id:
        return by_id[wanted]
    near = get_close_matches(wanted, by_id, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(by_id)}"
    raise UsageError(f"unknown {what} {wanted!r}", fix=hint)
