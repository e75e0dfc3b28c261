"""A stand-in for `llamafactory-cli` 0.9.5, for machines that have it not: the same files, log lines and wire.

It really learns, though not a language model: which answer goes with which words, by gradient descent. What it accepts,
writes, refuses and answers follows the real command, and the same tests run against that one where it is installed
(`LLAMAFACTORY_CLI`). `STAND_IN_PACE_S` is the time that a step takes; `STAND_IN_FAULT` what it leaves out at its end:
"files" all of the model, "steps" the last of them.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys
import time
import uuid
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

VERSION = "0.9.5"
KNOWN = json.loads((Path(__file__).parent / "llamafactory_arguments.json").read_text(encoding="utf-8"))


def main(arguments: list[str]) -> None:
    command = arguments[0] if arguments else "help"
    if command == "train" and _enabled("FORCE_TORCHRUN"):
        # As the launcher and torchrun do: a command line that was split at white space, and a worker that leaves the
        # process group for a session of its own (seen with torch 2.13).
        words = f"{sys.executable} {__file__} worker {' '.join(arguments[1:])}".split()
        sys.exit(subprocess.run(words, check=True, start_new_session=True).returncode)
    if command in ("train", "worker"):
        train(read(arguments[1], "train"))
    elif command == "api":
        serve(read(arguments[1], "infer"))
    elif command == "env":
        print(f"\n- `llamafactory` version: {VERSION}\n- Platform: stand-in\n- PyTorch version: 2.13.0+cpu\n")
    elif command == "version":
        print(f"{'-' * 58}\n| Welcome to LLaMA Factory, version {VERSION}{' ' * (21 - len(VERSION))}|\n{'-' * 58}")
    else:
        print("| Usage:\n|   llamafactory-cli api -h: launch an OpenAI-style API server")


def read(name: str, kind: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(Path(name).absolute().read_text(encoding="utf-8"))
    unknown = sorted(set(config) - set(KNOWN[kind]))
    if unknown:
        raise ValueError(f"Some keys are not used by the HfArgumentParser: {unknown}")
    if not Path(config["model_name_or_path"]).is_dir():
        raise OSError(f"{config['model_name_or_path']} is not a local folder and is not a valid model identifier")
    return config


# ── the learner ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Model:
    """Scores of answers by the words asked, on top of nothing: an adapter is all that was learned."""

    def __init__(self, weights: dict[str, dict[str, float]] | None = None) -> None:
        self.weights = weights or {}

    @classmethod
    def load(cls, folder: str | None) -> Model:
        if folder is None:
            return cls()
        data = (Path(folder) / "adapter_model.safetensors").read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return cls(json.loads(header["__metadata__"]["weights"]))

    def save(self, folder: Path, config: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        header = json.dumps({"__metadata__": {"weights": json.dumps(self.weights)}}).encode()
        (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        about = {"base_model_name_or_path": config["model_name_or_path"], "peft_type": "LORA", "r": config["lora_rank"]}
        (folder / "adapter_config.json").write_text(json.dumps(about), encoding="utf-8")

    def copy(self) -> Model:
        return Model({answer: dict(words) for answer, words in self.weights.items()})

    def score(self, answer: str, words: set[str]) -> float:
        known = self.weights.get(answer, {})
        return sum(known.get(word, 0.0) for word in words)

    def nudge(self, answer: str, words: set[str], by: float) -> None:
        known = self.weights.setdefault(answer, {})
        for word in words:
            known[word] = known.get(word, 0.0) + by

    def odds(self, answers: list[str], words: set[str]) -> dict[str, float]:
        scores = {answer: self.score(answer, words) for answer in answers}
        top = max(scores.values())
        parts = {answer: math.exp(score - top) for answer, score in scores.items()}
        return {answer: part / sum(parts.values()) for answer, part in parts.items()}


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def supervised(model: Model, rows: list[dict[str, Any]], answers: list[str], rate: float) -> dict[str, float]:
    """One step on these rows, or a mere look with `rate` 0; the loss is the one before the step."""
    loss, before = 0.0, model.copy()
    for row in rows:
        asked, right = words_of(row["conversations"][-2]["value"]), row["conversations"][-1]["value"]
        odds = before.odds(answers, asked)
        loss -= math.log(max(odds.get(right, 0.0), 1e-9))
        for answer, share in odds.items():
            if rate:
                model.nudge(answer, asked, rate * ((answer == right) - share))
    return {"loss": loss / len(rows)}


def preferring(
    model: Model, rows: list[dict[str, Any]], reference: Model, beta: float, rate: float
) -> dict[str, float]:
    margins, before = [], model.copy()
    for row in rows:
        asked = words_of(row["conversations"][-1]["value"])
        good, bad = row["chosen"]["value"], row["rejected"]["value"]
        ahead = [scorer.score(good, asked) - scorer.score(bad, asked) for scorer in (before, reference)]
        margins.append(beta * (ahead[0] - ahead[1]))
        push = rate * beta / (1 + math.exp(margins[-1]))
        if rate:
            model.nudge(good, asked, push)
            model.nudge(bad, asked, -push)
    return {
        "loss": sum(math.log1p(math.exp(-margin)) for margin in margins) / len(rows),
        "rewards/accuracies": sum(margin > 0 for margin in margins) / len(rows),
        "rewards/margins": sum(margins) / len(rows),
    }


# ── training ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def rows_of(config: dict[str, Any], name: str) -> list[dict[str, Any]]:
    folder = Path(config["dataset_dir"])
    entry = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8")).get(name)
    if entry is None:
        raise ValueError(f"Undefined dataset {name} in dataset_info.json.")
    rows = [json.loads(line) for line in (folder / entry["file_name"]).read_text(encoding="utf-8").splitlines()]
    for row in rows:
        for column in entry["columns"].values():
            row[column]  # a column that is missing from the file is a KeyError there too
    return rows


def train(config: dict[str, Any]) -> None:
    output = Path(config["output_dir"])
    rows = rows_of(config, config["dataset"])
    held_out = rows_of(config, config["eval_dataset"]) if "eval_dataset" in config else []
    run = Run(config, output, rows, held_out)
    run.resume()
    run.go()


class Run:
    def __init__(self, config: dict[str, Any], output: Path, rows: list[Any], held_out: list[Any]) -> None:
        self.config, self.output, self.rows, self.held_out = config, output, rows, held_out
        self.model = Model.load(config.get("adapter_name_or_path"))
        self.reference = self.model.copy()
        self.batch = config["per_device_train_batch_size"] * config["gradient_accumulation_steps"]
        self.per_epoch = math.ceil(len(rows) / self.batch)
        self.total = self.per_epoch * config["num_train_epochs"]
        self.step, self.tokens, self.history = 0, 0, []
        self.started = time.time()
        self.answers = sorted({row["conversations"][-1]["value"] for row in rows})

    def resume(self) -> None:
        saved = sorted(self.output.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
        if not saved:
            return
        print(f"Resuming training from {saved[-1]}.", flush=True)
        self.model = Model.load(str(saved[-1]))
        state = json.loads((saved[-1] / "trainer_state.json").read_text(encoding="utf-8"))
        self.step, self.history, self.tokens = (
            state["global_step"],
            state["log_history"],
            state["num_input_tokens_seen"],
        )

    def go(self) -> None:
        self.output.mkdir(parents=True, exist_ok=True)
        while self.step < self.total:
            time.sleep(float(os.environ.get("STAND_IN_PACE_S", "0")))
            epoch, place = divmod(self.step, self.per_epoch)
            order = list(range(len(self.rows)))
            random.Random(self.config["seed"] + epoch).shuffle(order)
            rows = [self.rows[index] for index in order[place * self.batch : (place + 1) * self.batch]]
            told = self.learn(rows)
            self.step += 1
            self.tokens += sum(len(json.dumps(row).split()) for row in rows)
            self.log({**told, "learning_rate": self.config["learning_rate"]})
            if self.due("eval_strategy", "eval_steps"):
                self.log({f"eval_{name}": value for name, value in self.look().items()})
            if self.due("save_strategy", "save_steps"):
                self.save(self.output / f"checkpoint-{self.step}")
        if os.environ.get("STAND_IN_FAULT") == "files":
            return
        self.log({"train_runtime": time.time() - self.started, "train_loss": self.history[-1].get("loss", 0.0)})
        self.model.save(self.output, self.config)
        (self.output / "train_results.json").write_text(json.dumps({"epoch": float(self.config["num_train_epochs"])}))
        self.write_state(self.output)

    def learn(self, rows: list[Any]) -> dict[str, float]:
        rate = self.config["learning_rate"] * 2000
        if self.config["stage"] == "dpo":
            return preferring(self.model, rows, self.reference, self.config["pref_beta"], rate * 10)
        return supervised(self.model, rows, self.answers, rate)

    def look(self) -> dict[str, float]:
        if self.config["stage"] == "dpo":
            return preferring(self.model, self.held_out, self.reference, self.config["pref_beta"], 0)
        return supervised(self.model, self.held_out, self.answers, 0)

    def due(self, strategy: str, steps: str) -> bool:
        how = self.config[strategy]
        every = self.per_epoch if how == "epoch" else self.config.get(steps, 0)
        return how != "no" and self.step % every == 0

    def log(self, told: dict[str, Any]) -> None:
        epoch = self.step / self.per_epoch
        self.history.append({"epoch": epoch, "step": self.step, **told})
        elapsed = time.time() - self.started
        left = elapsed / self.step * (self.total - self.step)
        row = {
            "current_steps": self.step,
            "total_steps": self.total,
            "loss": told.get("loss"),
            "eval_loss": told.get("eval_loss"),
            "accuracy": told.get("rewards/accuracies"),
            "lr": told.get("learning_rate"),
            "epoch": epoch,
            "percentage": round(self.step / self.total * 100, 2),
            "elapsed_time": str(timedelta(seconds=int(elapsed))),
            "remaining_time": str(timedelta(seconds=int(left))),
            "throughput": round(self.tokens / max(elapsed, 1e-6), 2),
            "total_tokens": self.tokens,
        }
        with (self.output / "trainer_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n")

    def save(self, folder: Path) -> None:
        self.model.save(folder, self.config)
        self.write_state(folder)

    def write_state(self, folder: Path) -> None:
        short = os.environ.get("STAND_IN_FAULT") == "steps"
        state = {
            "global_step": self.step - short,
            "max_steps": self.total,
            "num_input_tokens_seen": self.tokens,
            "log_history": self.history,
        }
        (folder / "trainer_state.json").write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


# ── serving ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def serve(config: dict[str, Any]) -> None:
    model = Model.load(config.get("adapter_name_or_path"))
    host, port = os.environ.get("API_HOST", "0.0.0.0"), int(os.environ.get("API_PORT", "8000"))
    handler = type("Handler", (Api,), {"model": model})
    print(f"Visit http://localhost:{port}/docs for API document.", flush=True)
    ThreadingHTTPServer((host, port), handler).serve_forever()


class Api(BaseHTTPRequestHandler):
    model: Model

    def do_GET(self) -> None:
        if not self._allowed():
            return
        name = os.environ.get("API_MODEL_NAME", "gpt-3.5-turbo")
        card = {"id": name, "object": "model", "created": int(time.time()), "owned_by": "owner"}
        self._answer(200, {"object": "list", "data": [card]})

    def do_POST(self) -> None:
        if not self._allowed():
            return
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = self._say(asked["messages"])
        about = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asked["model"]}
        if asked.get("stream"):
            self._stream(text, {**about, "object": "chat.completion.chunk"})
            return
        into, out = sum(len(str(turn["content"]).split()) for turn in asked["messages"]), len(text.split())
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
        self._answer(200, {**about, "object": "chat.completion", "choices": [choice], "usage": usage})

    def _say(self, messages: list[dict[str, Any]]) -> str:
        asked = str(messages[-1]["content"])
        answers = sorted(self.model.weights)
        if not answers:
            return asked.split()[-1]
        odds = self.model.odds(answers, words_of(asked))
        return max(answers, key=lambda answer: odds[answer])

    def _stream(self, text: str, about: dict[str, Any]) -> None:
        """No usage is told in a stream, whatever is asked."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.end_headers()
        deltas = [
            {"role": "assistant", "content": ""},
            *({"content": part} for part in re.findall(r"\S+\s*", text)),
            {},
        ]
        for delta in deltas:
            ended = "stop" if not delta else None
            chunk = {**about, "choices": [{"index": 0, "delta": delta, **({"finish_reason": ended} if ended else {})}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _allowed(self) -> bool:
        key = os.environ.get("API_KEY")
        allowed = not key or self.headers.get("authorization") == f"Bearer {key}"
        if not allowed:
            self.close_connection = True
            self._answer(401, {"detail": "Invalid API key."})
        return allowed

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing: what was asked is not written down."""


def _enabled(name: str) -> bool:
    return os.environ.get(name, "0").lower() in ("true", "y", "1")


if __name__ == "__main__":
    main(sys.argv[1:])
