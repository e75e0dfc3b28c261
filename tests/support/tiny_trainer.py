"""A trainer in plain Python that keeps the contract of docs/your-own-trainer.md: softmax over bags of words.

python tiny_trainer.py train       reads the job named by TUNEWRIGHT_JOB
python tiny_trainer.py answer      reads questions on standard input
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

Weights = dict[str, dict[str, float]]


def rows_of(path: str) -> list[tuple[list[str], str]]:
    """(words of the last question, its answer) of every row in OpenAI's chat shape."""
    found = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        messages = json.loads(line)["messages"]
        found.append((words(messages[-2]["content"]), messages[-1]["content"]))
    return found


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def odds(weights: Weights, labels: list[str], bag: list[str]) -> dict[str, float]:
    scores = {label: sum(weights[label].get(word, 0.0) for word in bag) for label in labels}
    top = max(scores.values())
    raised = {label: math.exp(score - top) for label, score in scores.items()}
    total = sum(raised.values())
    return {label: value / total for label, value in raised.items()}


def loss_of(weights: Weights, labels: list[str], rows: list[tuple[list[str], str]]) -> float:
    return -sum(math.log(max(odds(weights, labels, bag).get(label, 0.0), 1e-9)) for bag, label in rows) / len(rows)


def save(folder: Path, state: dict[str, Any]) -> None:
    """Under its name only once it is whole."""
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    (draft / "model.json").write_text(json.dumps(state), encoding="utf-8")
    draft.rename(folder)


class Job:
    """What `job.json` says, and whether to stop."""

    def __init__(self) -> None:
        self.told = json.loads(Path(os.environ["TUNEWRIGHT_JOB"]).read_text(encoding="utf-8"))
        self.settings = self.told["hyperparameters"]
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def pause(self, step: int) -> None:
        """For tests: a while in every step; and from the step of the gate on, until somebody opens it."""
        until = time.monotonic() + float(self.settings.get("pause_s", os.environ.get("TINY_PAUSE_S", 0)))
        gate, opened = (
            int(self.settings.get("gate", os.environ.get("TINY_GATE", 10**9))),
            Path(self.told["folder"]) / "go",
        )
        while not self.stopping and (time.monotonic() < until or (step >= gate and not opened.exists())):
            time.sleep(0.01)

    def measured(self, point: dict[str, Any]) -> None:
        with Path(self.told["metrics"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(point) + "\n")
        print(f"epoch {point['step']}: loss {point['train_loss']:.4f}")

    def begun(self, labels: list[str]) -> dict[str, Any]:
        """Where it stopped, else the model that it goes on from, else nothing."""
        for folder in (self.told["resume_from"], self.told["continues"]):
            if folder:
                state = json.loads((Path(folder) / "model.json").read_text(encoding="utf-8"))
                if folder == self.told["resume_from"]:
                    print(f"going on from step {state['step']}")
                    return dict(state)
                return {**state, "step": 0, "labels": sorted({*labels, *state["labels"]})}
        return {"step": 0, "labels": sorted(set(labels)), "weights": {}}


def train() -> int:
    job = Job()
    if job.settings.get("child"):
        far = job.settings["child"] == "far"
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=far)
    learner = Preferences(job) if job.told["method"] == "dpo" else Labels(job)
    state = learner.state
    for epoch in range(state["step"], job.settings["epochs"]):
        point = learner.epoch(epoch)
        job.pause(epoch + 1)
        job.measured({"step": epoch + 1, "epoch": epoch + 1, **point})
        state |= {"step": epoch + 1, "weights": learner.weights}
        if not (Path(job.told["checkpoints"]) / f"step-{epoch + 1}").exists():
            save(Path(job.told["checkpoints"]) / f"step-{epoch + 1}", state)
        if job.stopping:
            print("told to stop: saved")
            return 75
    save(Path(job.told["artefact"]), state)
    return 0


class Labels:
    """Supervised: softmax regression, one row at a time."""

    def __init__(self, job: Job) -> None:
        self.rows = rows_of(job.told["train_file"])
        self.held_out = rows_of(job.told["validation_file"]) if job.told["validation_file"] else []
        self.state = job.begun([label for _, label in self.rows])
        self.weights: Weights = defaultdict(dict, self.state["weights"])
        self.seed, self.rate = job.told["seed"], job.settings.get("learning_rate", 0.5)

    def epoch(self, number: int) -> dict[str, float]:
        labels = self.state["labels"]
        random.Random(self.seed + number).shuffle(self.rows)
        for bag, label in self.rows:
            for name, chance in odds(self.weights, labels, bag).items():
                for word in bag:
                    now = self.weights[name].get(word, 0.0)
                    self.weights[name][word] = now + self.rate * ((name == label) - chance)
        held_out = {"valid_loss": loss_of(self.weights, labels, self.held_out)} if self.held_out else {}
        return {"train_loss": loss_of(self.weights, labels, self.rows), **held_out}


class Preferences:
    """By preference (DPO): the reference is what the weights were before."""

    def __init__(self, job: Job) -> None:
        lines = [json.loads(line) for line in Path(job.told["train_file"]).read_text(encoding="utf-8").splitlines()]
        self.rows = [
            (
                words(line["input"]["messages"][-1]["content"]),
                line["preferred_output"][0]["content"],
                line["non_preferred_output"][0]["content"],
            )
            for line in lines
        ]
        self.state = job.begun([label for _, *both in self.rows for label in both])
        self.weights: Weights = defaultdict(dict, self.state["weights"])
        self.reference: Weights = defaultdict(dict, json.loads(json.dumps(self.state["weights"])))
        self.beta, self.rate = job.settings["beta"], job.settings.get("learning_rate", 0.5)

    def epoch(self, number: int) -> dict[str, float]:
        margins = [self._margin(*row) for row in self.rows]
        for bag, better, worse in self.rows:
            push = self.rate * self.beta / (1 + math.exp(self._margin(bag, better, worse)))
            for word in bag:
                self.weights[better][word] = self.weights[better].get(word, 0.0) + push
                self.weights[worse][word] = self.weights[worse].get(word, 0.0) - push
        return {
            "train_loss": sum(math.log1p(math.exp(-margin)) for margin in margins) / len(margins),
            "reward_margin": sum(margins) / len(margins),
            "reward_accuracy": sum(margin > 0 for margin in margins) / len(margins),
        }

    def _margin(self, bag: list[str], better: str, worse: str) -> float:
        def ratio(weights: Weights) -> float:
            return sum(weights[better].get(word, 0.0) - weights[worse].get(word, 0.0) for word in bag)

        return float(self.beta * (ratio(self.weights) - ratio(self.reference)))


def answer() -> int:
    """The tuned model picks the likeliest label; the base, without a model, repeats the question's first word."""
    model = os.environ.get("TUNEWRIGHT_MODEL_DIR")
    state = json.loads((Path(model) / "model.json").read_text(encoding="utf-8")) if model else None
    for line in sys.stdin:
        asked = json.loads(line)
        bag = words(asked["messages"][-1]["content"])
        if state is None:
            text = bag[0] if bag else ""
        else:
            chances = odds(state["weights"], state["labels"], bag)
            text = max(chances, key=chances.__getitem__)
        told = {"id": asked["id"], "text": text, "input_tokens": len(bag), "output_tokens": len(words(text)) or 1}
        print(json.dumps(told), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit({"train": train, "answer": answer}[sys.argv[1]]())
