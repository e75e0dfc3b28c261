"""Questions of bank customers with their labels (banking77), and whole runs on them at the sandbox."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
from evaluations import evaluation

from orchestrator import Orchestrator
from orchestrator.evaluation.graders import named
from orchestrator.pipeline.deciding import judge
from orchestrator.pipeline.result import RunResult

__all__ = ["Bank", "Pairs", "banking", "drawing", "system", "verdict"]

Pairs = Sequence[tuple[str, str]]


@cache
def banking(name: str, labels: int) -> tuple[tuple[str, str], ...]:
    """Question and label of every row of the first `labels`, shuffled. Raises FileNotFoundError."""
    places = [parent / "shared/data/banking77" / f"{name}.pairs.jsonl" for parent in Path(__file__).parents]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError("the data set banking77 is not beside the checkout")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = set(sorted({row["output"] for row in rows})[:labels])
    kept = [(row["input"], row["output"]) for row in rows if row["output"] in wanted]
    return tuple(random.Random(1).sample(kept, len(kept)))


def with_noise(rows: Pairs, share: float) -> Pairs:
    """The same questions, of which `share` have the label of another row, drawn at random."""
    rng, labels = random.Random(5), [label for _, label in rows]
    return [(asked, rng.choice(labels) if rng.random() < share else label) for asked, label in rows]


def system(labels: int) -> str:
    """The system prompt that lists them."""
    named = sorted({label for _, label in banking("train", labels)})
    return f"Classify the customer's question. Answer with one label only: {', '.join(named)}"


@dataclass
class Bank:
    """One project, where models are trained on the sandbox and asked the same held-out questions."""

    orchestrator: Orchestrator
    folder: Path
    labels: int

    def file(self, name: str, rows: Pairs) -> Path:
        """These rows as a file of pairs."""
        path = self.folder / f"{name}.jsonl"
        lines = [json.dumps({"input": asked, "output": label}) for asked, label in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def trained(
        self, name: str, noise: float, epochs: int, *, size: tuple[int, int, int], choose: str | None = None
    ) -> RunResult:
        """A whole run. `size`: rows to train on, to validate on, held out; `noise`: share of wrong labels in the first
        two."""
        train, validation, test = size
        every = with_noise(banking("train", self.labels)[: train + validation], noise)
        return self.orchestrator.run(
            self.file(name, every[:train]),
            validation=self.file(f"{name}-validation", every[train:]),
            test=self.file("test", banking("test", self.labels)[:test]),
            to=["sandbox:small"],
            system_text=system(self.labels),
            epochs=epochs,
            batch_size=8,
            choose=choose,
            max_usd=Decimal(50),
        )


def drawing(leanings: Sequence[Mapping[str, float]]) -> Callable[[int], list[str]]:
    """What a model says under a seed, at temperature 1, by its leanings to each answer."""
    chances = []
    for scores in leanings:
        powers = np.exp(np.array(list(scores.values())) - max(scores.values()))
        chances.append((list(scores), powers / powers.sum()))

    def said(seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        return [str(rng.choice(labels, p=share)) for labels, share in chances]

    return said


def verdict(base: list[str], tuned: list[str], right: list[str]) -> str:
    """By the default rule."""
    return judge(evaluation({"base": base, "tuned": tuned}, right), [named("exact")], False).verdict.answer
