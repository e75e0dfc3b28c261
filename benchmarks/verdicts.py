"""Verdicts on banking77, whole runs on the sandbox, larger than a test may be; and how often two equal models deploy.

    python benchmarks/verdicts.py [--labels 77] [--seeds 200]

Needs banking77 (train.pairs.jsonl, test.pairs.jsonl) in shared/data/banking77 at or above this checkout.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from banking import Bank, banking, drawing, system, verdict

from orchestrator import Orchestrator
from orchestrator.pipeline.result import RunResult
from providers.sandbox.learner import Pair, Setting, learner

_FEW, _DRAWS = 12, 20


def main() -> None:
    """Print a line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--labels", type=int, default=40)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank(Orchestrator(Path(folder) / "home", environ={}), Path(folder), given.labels)
        _scenarios(bank, given.rows)
    for held_out in (50, 100, 300):
        _equals(given.labels, held_out, given.seeds)


def _scenarios(bank: Bank, rows: int) -> None:
    size = (rows, rows // 5, rows // 4)
    good = bank.trained("good", 0.0, 3, size=size)
    _told("tuned on good pairs", good)
    _told("tuned on shuffled labels", bank.trained("shuffled", 1.0, 3, size=size))
    _told("a quarter shuffled, 16 epochs, the last model", bank.trained("noisy", 0.25, 16, size=size))
    chosen = bank.trained("noisy", 0.25, 16, choose="checkpoint", size=size)
    _told(f"the same, chosen: {chosen.run.record['evaluated']['why']}", chosen)
    _few(bank, good)


def _few(bank: Bank, good: RunResult) -> None:
    """Sets of twelve prompts: what the same models get by them."""
    assert good.job is not None
    test, answers, needed = banking("test", bank.labels), Counter[str](), list[int]()
    for draw in range(_DRAWS):
        few = bank.file(f"few{draw}", test[-_FEW * (draw + 1) :][:_FEW])
        result = bank.orchestrator.compare(
            few,
            base="sandbox:small",
            tuned=f"sandbox:{good.job.tuned_model}",
            system_text=system(bank.labels),
            max_usd=Decimal(5),
        )
        answers[result.verdict] += 1
        needed += [result.judged.verdict.prompts_needed] if result.judged.verdict.prompts_needed else []
    print(f"sets of {_FEW} prompts: {dict(answers)}, needed {min(needed, default=0)} to {max(needed, default=0)}")


def _equals(labels: int, held_out: int, seeds: int) -> None:
    model = learner([Pair("", asked, label) for asked, label in banking("train", labels)[:600]], [], Setting(1, 16))
    model.epoch(lambda: False)
    asked = banking("test", labels)[:held_out]
    right, draw = [label for _, label in asked], drawing([model.leanings("", text) for text, _ in asked])
    found = Counter(verdict(draw(2 * seed), draw(2 * seed + 1), right) for seed in range(seeds))
    share = found["deploy"] / seeds
    print(f"two copies of one model, {held_out} prompts, {seeds} seeds: {share:.1%} deploy, {dict(found)}")


def _told(what: str, result: RunResult) -> None:
    c = result.judged.comparison
    print(f"{what}: {result.verdict}; base {c.base:.1%}, tuned {c.tuned:.1%}, {c.low:+.3f} to {c.high:+.3f}, n {c.n}")


if __name__ == "__main__":
    main()
