"""Verdicts on real questions of bank customers, whole runs on the sandbox: each verdict where it is the right one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from evaluations import evaluation

from orchestrator import Orchestrator
from orchestrator.evaluation.graders import named
from orchestrator.pipeline.deciding import judge
from orchestrator.pipeline.result import RunResult

pytest.importorskip("starlette")
from providers.sandbox.learner import Pair, Setting, learner

LABELS = 12
TRAIN, VALIDATION, TEST = 400, 100, 150
FAR_TOO_MANY = 12


@cache
def banking(name: str) -> tuple[tuple[str, str], ...]:
    """Question and label of every row of the first twelve labels, shuffled; skips where the data set is not at hand."""
    places = (parent / "shared/data/banking77" / f"{name}.pairs.jsonl" for parent in Path(__file__).parents)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        pytest.skip("the data set banking77 is not beside the checkout")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    labels = sorted({row["output"] for row in rows})[:LABELS]
    kept = [(row["input"], row["output"]) for row in rows if row["output"] in labels]
    return tuple(random.Random(1).sample(kept, len(kept)))


def with_noise(rows: Sequence[tuple[str, str]], share: float) -> list[tuple[str, str]]:
    """The same questions, of which `share` have a label of another row."""
    rng = random.Random(5)
    labels = [label for _, label in rows]
    return [(asked, rng.choice(labels) if rng.random() < share else label) for asked, label in rows]


def system() -> str:
    labels = sorted({label for _, label in banking("train")})
    return f"Classify the customer's question. Answer with one label only: {', '.join(labels)}"


@dataclass
class Bank:
    """One project, where models are trained on the sandbox and asked the same held-out questions."""

    orchestrator: Orchestrator
    folder: Path

    def file(self, name: str, rows: Sequence[tuple[str, str]]) -> Path:
        path = self.folder / f"{name}.jsonl"
        lines = [json.dumps({"input": asked, "output": label}) for asked, label in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def trained(self, name: str, noise: float, epochs: int, choose: str | None = None) -> RunResult:
        every = with_noise(banking("train")[: TRAIN + VALIDATION], noise)
        return self.orchestrator.run(
            self.file(name, every[:TRAIN]),
            validation=self.file(f"{name}-validation", every[TRAIN:]),
            test=self.file("test", banking("test")[:TEST]),
            to=["sandbox:small"],
            system_text=system(),
            epochs=epochs,
            batch_size=16,
            choose=choose,
            max_usd=Decimal(50),
        )


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("bank")
    return Bank(Orchestrator(folder / "home", environ={}), folder)


@pytest.fixture(scope="module")
def good(bank: Bank) -> RunResult:
    return bank.trained("good", 0.0, 3)


@pytest.fixture(scope="module")
def noisy(bank: Bank) -> tuple[RunResult, RunResult]:
    """A quarter of the labels wrong and far too many epochs: the last model, and the checkpoint that was chosen."""
    last = bank.trained("noisy", 0.25, FAR_TOO_MANY)
    return last, bank.trained("noisy", 0.25, FAR_TOO_MANY, choose="checkpoint")


def test_a_model_tuned_on_good_pairs_is_deployed(good: RunResult) -> None:
    assert good.verdict == "deploy"
    assert good.judged.comparison.low > 0.2


def test_a_model_trained_on_shuffled_labels_is_not_deployed(bank: Bank) -> None:
    shuffled = bank.trained("shuffled", 1.0, 3)
    assert shuffled.verdict in ("stop", "inconclusive")
    assert shuffled.judged.comparison.tuned < shuffled.judged.comparison.base


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
    assert [one["n"] for one in rounds][-1] <= VALIDATION
    assert len(rounds[0]["standings"]) == 8
    assert last.billed.evaluation_usd is not None
    assert (chosen.billed.evaluation_usd or 0) > last.billed.evaluation_usd


def test_twelve_prompts_are_too_few_and_the_verdict_says_how_many_are_needed(bank: Bank, good: RunResult) -> None:
    assert good.job is not None
    few = bank.file("twelve", twelve())
    result = bank.orchestrator.compare(
        few, base="sandbox:small", tuned=f"sandbox:{good.job.tuned_model}", system_text=system(), max_usd=Decimal(5)
    )
    assert (result.verdict, result.judged.comparison.n) == ("inconclusive", 12)
    assert (result.judged.verdict.prompts_needed or 0) > 12
    assert f"Hold out about {result.judged.verdict.prompts_needed} prompts" in " ".join(result.judged.verdict.advice)


def twelve() -> Sequence[tuple[str, str]]:
    return banking("test")[TEST : TEST + 12]


def test_two_copies_of_one_model_with_sampling_noise_are_hardly_ever_deployed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """200 pairs of evaluations of the same model, whose answers are drawn by its own probabilities."""
    rows = banking("train")[:250]
    model = learner([Pair("", asked, label) for asked, label in rows], [], Setting(1, 16))
    model.epoch(lambda: False)
    asked = banking("test")[:100]
    right, draw = [label for _, label in asked], drawing([model.leanings("", text) for text, _ in asked])
    verdicts = [verdict(draw(2 * seed), draw(2 * seed + 1), right) for seed in range(200)]
    false = verdicts.count("deploy") / len(verdicts)
    with capsys.disabled():
        print(f"\nfalse 'deploy' of two copies of one model: {false:.1%} of {len(verdicts)} evaluations")
    assert false <= 0.05


def drawing(leanings: Sequence[dict[str, float]]) -> Callable[[int], list[str]]:
    """What the model says under a seed, at temperature 1."""
    chances = []
    for scores in leanings:
        powers = np.exp(np.array(list(scores.values())) - max(scores.values()))
        chances.append((list(scores), powers / powers.sum()))

    def said(seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        return [str(rng.choice(labels, p=share)) for labels, share in chances]

    return said


def verdict(base: list[str], tuned: list[str], right: list[str]) -> str:
    return judge(evaluation({"base": base, "tuned": tuned}, right), [named("exact")], False).verdict.answer
