"""Verdicts on real questions of bank customers, whole runs on the sandbox: each verdict where it is the right one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("starlette")
from banking import Bank, banking, drawing, system, verdict

from orchestrator import Orchestrator
from orchestrator.pipeline.result import RunResult
from providers.sandbox.learner import Pair, Setting, learner

LABELS = 8
SIZE = TRAIN, VALIDATION, TEST = 480, 80, 120
FAR_TOO_MANY = 16


@pytest.fixture(autouse=True, scope="module")
def data() -> None:
    try:
        banking("train", LABELS)
    except FileNotFoundError as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("bank")
    return Bank(Orchestrator(folder / "home", environ={}), folder, LABELS)


@pytest.fixture(scope="module")
def good(bank: Bank) -> RunResult:
    return bank.trained("good", 0.0, 3, size=SIZE)


@pytest.fixture(scope="module")
def noisy(bank: Bank) -> tuple[RunResult, RunResult]:
    """A quarter of the labels wrong and far too many epochs: the last model, and the checkpoint that was chosen."""
    last = bank.trained("noisy", 0.25, FAR_TOO_MANY, size=SIZE)
    return last, bank.trained("noisy", 0.25, FAR_TOO_MANY, size=SIZE, choose="checkpoint")


def test_a_model_tuned_on_good_pairs_is_deployed(good: RunResult) -> None:
    assert good.verdict == "deploy"
    assert good.judged.comparison.low > 0.2


def test_a_model_trained_on_shuffled_labels_is_not_deployed(bank: Bank) -> None:
    shuffled = bank.trained("shuffled", 1.0, 3, size=SIZE)
    assert shuffled.verdict == "stop"
    assert shuffled.judged.comparison.high < 0


def test_pushed_too_far_on_noisy_labels_an_earlier_checkpoint_is_chosen(noisy: tuple[RunResult, RunResult]) -> None:
    last, chosen = noisy
    assert last.job is not None
    assert chosen.job is not None
    assert chosen.job.id == last.job.id, "choosing buys no second job"
    best = chosen.run.record["evaluated"]["step"]
    assert best < max(item["step"] for item in chosen.run.record["checkpoints"])


def test_the_chosen_checkpoint_wins_on_the_held_out_rows_that_had_no_part_in_it(
    noisy: tuple[RunResult, RunResult],
) -> None:
    last, chosen = noisy
    assert chosen.judged.comparison.tuned > last.judged.comparison.tuned + 0.03
    assert "the held-out rows had no part in that" in chosen.run.record["evaluated"]["why"]


def test_the_tournament_asks_validation_rows_alone_and_is_billed(noisy: tuple[RunResult, RunResult]) -> None:
    last, chosen = noisy
    rounds = chosen.run.record["tournament"]["rounds"]
    assert rounds[-1]["n"] <= VALIDATION
    assert len(rounds[0]["standings"]) == 8
    assert last.billed.evaluation_usd is not None
    assert (chosen.billed.evaluation_usd or 0) > last.billed.evaluation_usd


def test_twelve_prompts_are_too_few_and_the_verdict_says_how_many_are_needed(
    bank: Bank, good: RunResult, noisy: tuple[RunResult, RunResult]
) -> None:
    """Of the models that 120 prompts deploy, whether twelve seem clear or not."""
    few = bank.file("twelve", banking("test", LABELS)[TEST : TEST + 12])
    needed = {name: twelve_show(bank, few, model) for name, model in (("good", good), ("noisy", noisy[0]))}
    assert needed["good"] >= 20
    assert needed["noisy"] > 12


def twelve_show(bank: Bank, few: Path, trained: RunResult) -> int:
    assert trained.job is not None
    assert trained.verdict == "deploy"
    tuned, prompt = f"sandbox:{trained.job.tuned_model}", system(LABELS)
    result = bank.orchestrator.compare(few, base="sandbox:small", tuned=tuned, system_text=prompt, max_usd=Decimal(5))
    needed = result.judged.verdict.prompts_needed
    assert (result.verdict, result.judged.comparison.n) == ("inconclusive", 12)
    assert f"Hold out about {needed} prompts" in " ".join(result.judged.verdict.advice)
    return needed or 0


def test_two_copies_of_one_model_with_sampling_noise_are_hardly_ever_deployed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """200 pairs of evaluations of the same model, whose answers are drawn by its own probabilities."""
    model = learner([Pair("", asked, label) for asked, label in banking("train", LABELS)[:250]], [], Setting(1, 16))
    model.epoch(lambda: False)
    asked = banking("test", LABELS)[:100]
    right, draw = [label for _, label in asked], drawing([model.leanings("", text) for text, _ in asked])
    verdicts = [verdict(draw(2 * seed), draw(2 * seed + 1), right) for seed in range(200)]
    false = verdicts.count("deploy") / len(verdicts)
    with capsys.disabled():
        print(f"\nfalse 'deploy' of two copies of one model: {false:.1%} of {len(verdicts)} evaluations")
    assert false <= 0.05
