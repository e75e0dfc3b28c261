"""A judge with planted preferences: what sways it is found and taken out, what it costs is held and paid once."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.dataset.records import Row
from orchestrator.errors import BudgetRefused, UsageError
from orchestrator.evaluation.judged import Judged
from orchestrator.evaluation.judging import Judging
from orchestrator.evaluation.questions import Answer, Candidate, Question, Spec, questions
from orchestrator.evaluation.rule import Rule
from orchestrator.jobs.desk import Notice
from orchestrator.pipeline.asking_judge import judge_answers, judging_spendings, tell_judging
from orchestrator.pipeline.deciding import Beside, judge
from orchestrator.pipeline.evaluating import Evaluated
from orchestrator.pipeline.grading import with_judgements
from orchestrator.pipeline.human_labels import read_labels
from orchestrator.pipeline.run import start_run
from orchestrator.settings import RunSettings, Target
from orchestrator.stats import Pairwise
from providers.errors import Auth
from providers.records import Example, Message, Sampling
from providers.sandbox import Sandbox

pytestmark = pytest.mark.anyio
JUDGE = "openai:gpt-4.1-mini-2025-04-14"
GOOD, BAD = "the parcel arrives on {n} of May by courier", "no idea, ask number {n} elsewhere please"


def asked_of(count: int) -> tuple[Question, ...]:
    turns = [
        (Message("user", f"when does parcel {n} arrive?"), Message("assistant", GOOD.format(n=n))) for n in range(count)
    ]
    return questions([Row(number=n, file="pairs.csv", example=Example(turn)) for n, turn in enumerate(turns, start=1)])


def answered(better: Sequence[str]) -> Evaluated:
    """Of each question, which candidate gives the better answer: base, tuned, or tie for the same words."""
    asked, answers = asked_of(len(better)), {}
    for n, (question, who) in enumerate(zip(asked, better, strict=True)):
        for name in ("base", "tuned"):
            text = (GOOD if who in (name, "tie") else BAD).format(n=n)
            answers[name, question.key, 0] = Answer(text=text)
    candidates = tuple(Candidate(name=name, provider="openai", model=name) for name in ("base", "tuned"))
    spec = Spec(candidates=candidates, questions=tuple(q.key for q in asked), sampling=Sampling())
    return Evaluated(spec=spec, questions=asked, answers=answers, rule=Rule())


@dataclass
class Court:
    """One project whose answers are judged; `judge` may be called again, as after a restart."""

    library: AsyncOrchestrator
    told: list[Notice]
    settings: RunSettings
    run_id: str = ""

    @property
    def account(self) -> Any:
        return self.library.session.account("openai", None)

    async def judge(self, evaluated: Evaluated, **people: Any) -> Judged:
        session, settings = self.library.session, self.settings
        if not self.run_id:
            run = await start_run(session, Target.parse(JUDGE), {}, self.account)
            self.run_id = run.id
        seen = lambda _done, _total: None  # noqa: E731
        await judge_answers(session, settings, evaluated, self.account, run_id=self.run_id, progress=seen)
        return judge(evaluated, await with_judgements(session, settings, evaluated), False, Beside(**people))


@pytest.fixture
def temper(served: tuple[Any, Sandbox, str], wire: Any) -> Iterator[Callable[..., object]]:
    """How the sandbox judges from now on."""
    yield served[1].judge.set
    served[1].judge.clear()


@pytest.fixture
def court(tmp_path: Path, environ: dict[str, str], temper: Any) -> Iterator[Callable[..., Court]]:
    made: list[Court] = []

    def open_court(*graders: str, **options: Any) -> Court:
        told: list[Notice] = []
        library = AsyncOrchestrator(tmp_path / "home", environ=environ, on_notice=told.append)
        names = [grader.replace("RUBRIC", str(tmp_path / "rubric.md")) for grader in graders]
        settings = library.settings(tmp_path / "pairs.csv", to=JUDGE, grader=names, judge=JUDGE, **options)
        made.append(Court(library, told, settings))
        return made[-1]

    (tmp_path / "rubric.md").write_text("Good is what says when the parcel arrives.\n")
    yield open_court
    for each in made:
        each.library.session.desk.ledger.close()


def only(judged: Judged) -> Judging:
    (judging,) = judged.judgings
    return judging


def pairs_of(judged: Judged) -> Pairwise:
    found = only(judged).pairwise
    assert found is not None
    return found


def mixed(count: int, tuned: float, seed: int = 7) -> list[str]:
    return random.Random(seed).choices(["tuned", "base"], [tuned, 1 - tuned], k=count)


async def test_a_fair_judge_prefers_the_better_answers_whatever_their_order(court: Callable[..., Court]) -> None:
    better = ["tuned"] * 40 + ["base"] * 10 + ["tie"] * 10
    judged = await court("pairwise:RUBRIC").judge(answered(better))
    found = pairs_of(judged)
    assert (found.wins, found.losses, found.ties, found.flips) == (40, 10, 10, 0)
    assert judged.comparison.difference == pytest.approx(0.5)
    assert judged.comparison.p_value < 0.001
    assert judged.comparison.test == "sign test on prompts won in both orders"
    assert "Prompts won and lost have no share of errors, so points are counted instead" in judged.verdict.reason


async def test_the_same_text_twice_is_a_tie_that_nobody_is_asked_for(court: Callable[..., Court], wire: Any) -> None:
    judged = await court("pairwise:RUBRIC").judge(answered(["tie"] * 5 + ["tuned"]))
    assert sum(wire.counts.values()) == 2
    assert pairs_of(judged).ties == 5


async def test_a_planted_position_bias_is_found_and_corrected(court: Callable[..., Court], temper: Any) -> None:
    """The models are equally good. Asked in one order alone, this judge would find the model shown first better."""
    temper(position_bias=0.5)
    evaluated = answered(mixed(80, 0.5))
    judged = await court("pairwise:RUBRIC").judge(evaluated)
    found = pairs_of(judged)
    assert found.position_p < 1e-6
    assert found.first_chosen == found.flips > 25
    assert judged.comparison.p_value > 0.05
    assert judged.comparison.low < 0 < judged.comparison.high
    first_alone = (found.wins + found.flips) / (found.wins + found.losses + found.flips)
    assert first_alone > 0.62
    assert any("a bias for a place" in sentence for sentence in only(judged).sentences)


async def test_a_real_preference_survives_a_bias_against_its_place(court: Callable[..., Court], temper: Any) -> None:
    temper(position_bias=-0.5, noise=0.1)
    judged = await court("pairwise:RUBRIC").judge(answered(mixed(70, 0.85)))
    found = pairs_of(judged)
    assert found.position_p < 0.001
    assert found.first_chosen < found.flips / 4
    assert judged.comparison.difference > 0.2
    assert judged.comparison.p_value < 0.001


async def test_without_a_bias_none_is_found(court: Callable[..., Court], temper: Any) -> None:
    temper(noise=0.3)
    found = pairs_of(await court("pairwise:RUBRIC").judge(answered(mixed(60, 0.5))))
    assert found.flips > 3
    assert found.position_p > 0.001


async def test_a_rubric_scores_each_answer_from_0_to_1(court: Callable[..., Court]) -> None:
    judged = await court("judge:RUBRIC").judge(answered(["tuned"] * 20))
    assert judged.grader.name == "judge:rubric.md"
    assert judged.comparison.kind == "score"
    assert judged.comparison.tuned == 1.0
    assert judged.comparison.base < 0.3
    assert JUDGE in judged.grader.reason


async def test_judgements_in_no_usable_form_are_counted_and_void_the_verdict(
    court: Callable[..., Court], temper: Any
) -> None:
    temper(unparsable=0.3)
    judged = await court("judge:RUBRIC").judge(answered(["tuned"] * 30))
    judging = only(judged)
    assert 8 <= judging.unusable <= 30
    assert judging.judgements == 60
    assert sum(grade.ungraded for grade in (*judged.base_grades, *judged.tuned_grades)) == judging.unusable
    assert judged.verdict.answer == "inconclusive"
    assert "could not be graded" in judged.verdict.reason
    assert "no usable form" in judged.verdict.reason


async def test_an_interrupted_judging_goes_on_and_nothing_is_judged_twice(
    court: Callable[..., Court], wire: Any
) -> None:
    evaluated, judging = answered(["tuned"] * 30), court("pairwise:RUBRIC", concurrency=2)
    wire.refuse = lambda _model, _text: (401, {"message": "no such key"}) if len(wire.asked) > 21 else None
    with pytest.raises(Auth):
        await judging.judge(evaluated)
    wire.refuse = lambda _model, _text: None
    judged = await judging.judge(evaluated)
    assert pairs_of(judged).wins == 30
    assert len(wire.counts) == 60
    assert sum(wire.counts.values()) <= 60 + 2  # those refused while two were in flight
    assert [" of them are there" in n.text for n in judging.told if n.kind == "judging"] == [False, True]


async def test_once_judged_nobody_is_asked_again(court: Callable[..., Court], wire: Any) -> None:
    evaluated, judging = answered(mixed(20, 0.5)), court("pairwise:RUBRIC", "judge:RUBRIC")
    first = await judging.judge(evaluated)
    wire.asked.clear()
    assert await judging.judge(evaluated) == first
    assert wire.asked == []


async def test_judging_is_money_of_its_own_held_first_and_settled_with_its_bill(court: Callable[..., Court]) -> None:
    judging = court("judge:RUBRIC")
    await judging.judge(answered(["tuned"] * 10))
    session = judging.library.session
    (spending,) = await session.desk.db(session.desk.ledger.budget.spendings, judging.run_id)
    assert (spending.kind, spending.state) == ("judging", "settled")
    assert spending.quoted_usd is not None
    assert Decimal(0) < spending.usd < spending.quoted_usd
    assert await judging_spendings(session, judging.run_id) == spending.usd


async def test_judging_over_the_cap_is_refused_before_anybody_is_asked(court: Callable[..., Court], wire: Any) -> None:
    judging, evaluated = court("judge:RUBRIC", max_usd=Decimal("0.0001")), answered(["tuned"] * 30)
    with pytest.raises(BudgetRefused, match="judging"):
        tell_judging(
            judging.library.session, judging.settings, judging.account, evaluated.questions, ("base", "tuned"), None
        )
    with pytest.raises(BudgetRefused):
        await judging.judge(evaluated)
    assert wire.asked == []


async def test_what_is_told_before_is_no_less_than_what_is_billed(court: Callable[..., Court]) -> None:
    judging, evaluated = court("pairwise:RUBRIC"), answered(mixed(30, 0.5))
    session = judging.library.session
    most = tell_judging(session, judging.settings, judging.account, evaluated.questions, ("base", "tuned"), Decimal(0))
    await judging.judge(evaluated)
    billed = await judging_spendings(session, judging.run_id)
    assert most is not None
    assert billed is not None
    assert billed < most
    assert any("favours what it would have said" in notice.text for notice in judging.told)


async def test_a_missing_answer_loses_and_is_not_judged(court: Callable[..., Court], wire: Any) -> None:
    evaluated = answered(["tuned"] * 20)
    key = evaluated.questions[0].key
    evaluated.answers["tuned", key, 0] = Answer(text="", error="timeout")
    found = pairs_of(await court("pairwise:RUBRIC").judge(evaluated))
    assert (found.wins, found.losses) == (19, 1)
    assert sum(wire.counts.values()) == 38


async def test_several_graders_the_first_decides_and_the_others_stand_beside_it(court: Callable[..., Court]) -> None:
    judged = await court("exact", "judge:RUBRIC", "chrf").judge(answered(["tuned"] * 10 + ["base"] * 10))
    assert judged.grader.name == "exact"
    assert [metric.name for metric in judged.metrics] == ["judge:rubric.md", "chrf"]
    assert all(metric.p_adjusted >= metric.comparison.p_value for metric in judged.metrics)


async def test_people_and_judge_are_held_against_each_other(court: Callable[..., Court], tmp_path: Path) -> None:
    better = ["tuned"] * 10 + ["base"] * 10
    evaluated = answered(better)
    said = ["tuned"] * 8 + ["base"] * 10 + ["tie", ""]
    _csv(tmp_path / "people.csv", ["row", "human"], [(n, label) for n, label in enumerate(said, start=1)])
    people = read_labels(str(tmp_path / "people.csv"), evaluated.questions)
    agreement = only(await court("pairwise:RUBRIC").judge(evaluated, people=people)).agreement
    assert agreement is not None
    assert (agreement.n, agreement.raw, agreement.unlabelled) == (19, pytest.approx(16 / 19), 1)
    # By hand: expected agreement (10·8 + 9·10) / 19², as the judge says tuned 10 and base 9 times.
    assert agreement.kappa == pytest.approx((16 / 19 - 170 / 361) / (1 - 170 / 361))


async def test_scores_of_people_name_the_candidate(court: Callable[..., Court], tmp_path: Path) -> None:
    evaluated = answered(["tuned"] * 3)
    rows = [(n, who, score) for n in (1, 2, 3) for who, score in (("tuned", "5"), ("base", "1"))]
    _csv(tmp_path / "people.csv", ["row", "candidate", "expert"], rows)
    people = read_labels(f"{tmp_path / 'people.csv'}:expert", evaluated.questions)
    agreement = only(await court("judge:RUBRIC").judge(evaluated, people=people)).agreement
    assert agreement is not None
    assert agreement.n == 6
    assert agreement.raw >= 0.5


@pytest.mark.parametrize(
    ("columns", "row", "told"),
    [
        (["row", "said"], ("1", "tie"), "no column 'human'"),
        (["row", "human"], ("one", "tie"), "'one' is no row number"),
        (["row", "human"], ("1", "good"), "'good' is no label"),
        (["row", "human"], ("1", "4"), "must say whose"),
    ],
)
async def test_labels_that_cannot_be_read_are_refused_with_their_line(
    tmp_path: Path, columns: list[str], row: tuple[str, str], told: str
) -> None:
    _csv(tmp_path / "people.csv", columns, [row])
    with pytest.raises(UsageError) as refused:
        read_labels(str(tmp_path / "people.csv"), asked_of(1))
    assert told in refused.value.what
    assert refused.value.fix


async def test_a_further_candidate_is_judged_beside_both(court: Callable[..., Court], wire: Any) -> None:
    evaluated = answered(["tuned"] * 6)
    for question in evaluated.questions:
        evaluated.answers["also1", question.key, 0] = Answer(text="the parcel, perhaps")
    more = (*evaluated.spec.candidates, Candidate(name="also1", provider="openai", model="also1"))
    evaluated = replace(evaluated, spec=replace(evaluated.spec, candidates=more))
    judging = court("pairwise:RUBRIC")
    await judging.judge(evaluated)
    (grader,) = await with_judgements(judging.library.session, judging.settings, evaluated)
    assert sum(wire.counts.values()) == 3 * 2 * 6
    assert grader.choices("tuned", "also1").losses == 6  # type: ignore[attr-defined]
    assert grader.choices("base", "also1").wins == 6  # type: ignore[attr-defined]


def _csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
