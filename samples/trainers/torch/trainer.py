"""A text classifier in PyTorch: hashed n-grams, one embedding, one layer. It learns the answers as labels.

python trainer.py train     with TUNEWRIGHT_JOB, the path of job.json
python trainer.py answer    with TUNEWRIGHT_MODEL_DIR, unless the base is asked; questions on standard input
"""

import json
import os
import random
import shutil
import signal
import sys
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import torch
from torch import nn

BUCKETS = 2**15


class Classifier(nn.Module):
    def __init__(self, labels: list[str], width: int) -> None:
        super().__init__()
        self.labels, self.width = labels, width
        self.words = nn.EmbeddingBag(BUCKETS, width)
        self.out = nn.Linear(width, len(labels))

    def forward(self, texts: list[str]) -> torch.Tensor:
        bags = [ngrams(text) for text in texts]
        starts = [sum(map(len, bags[:place])) for place in range(len(bags))]
        return self.out(self.words(torch.tensor([n for bag in bags for n in bag]), torch.tensor(starts)))


def ngrams(text: str) -> list[int]:
    """Words and pairs of words, each as the number of a bucket."""
    words = ["<start>", *text.lower().split()]
    return [crc32(part.encode()) % BUCKETS for part in [*words, *map(" ".join, pairwise(words))]]


def rows_of(path: str) -> list[tuple[str, str]]:
    lines = [json.loads(line)["messages"] for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(messages[-2]["content"], messages[-1]["content"]) for messages in lines]


def save(folder: Path, model: Classifier, optimizer: torch.optim.Optimizer) -> None:
    """Under its name only once it is whole: tunewright takes a folder that has its name for finished."""
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, draft / "weights.pt")
    (draft / "labels.json").write_text(json.dumps({"labels": model.labels, "width": model.width}), encoding="utf-8")
    draft.rename(folder)


def load(folder: Path) -> tuple[Classifier, dict]:
    state = torch.load(folder / "weights.pt", weights_only=True)
    model = Classifier(**json.loads((folder / "labels.json").read_text(encoding="utf-8")))
    model.load_state_dict(state["model"])
    return model, state["optimizer"]


def train() -> int:
    job = json.loads(Path(os.environ["TUNEWRIGHT_JOB"]).read_text(encoding="utf-8"))
    settings, checkpoints = job["hyperparameters"], Path(job["checkpoints"])
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
    torch.manual_seed(job["seed"])

    rows = rows_of(job["train_file"])
    held_out = rows_of(job["validation_file"]) if job["validation_file"] else []
    model, done, state = Classifier(sorted({label for _, label in rows}), settings["width"]), 0, None
    if job["resume_from"]:
        (model, state), done = load(Path(job["resume_from"])), int(job["resume_from"].rpartition("-")[2])
    held_out = [row for row in held_out if row[1] in model.labels]  # a label never seen has no loss to measure
    optimizer = torch.optim.Adam(model.parameters(), lr=settings["learning_rate"])
    if state:
        optimizer.load_state_dict(state)

    for epoch in range(done + 1, settings["epochs"] + 1):
        random.Random(job["seed"] + epoch).shuffle(rows)
        size, losses = settings["batch_size"], []
        for batch in (rows[start : start + size] for start in range(0, len(rows), size)):
            loss = loss_of(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        point = {"step": epoch, "epoch": epoch, "train_loss": sum(losses) / len(losses)}
        if held_out:
            with torch.no_grad():
                point["valid_loss"] = loss_of(model, held_out).item()
        with Path(job["metrics"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(point) + "\n")
        save(checkpoints / f"step-{epoch}", model, optimizer)
        if stop:
            return 75  # saved, and stopped before the end
    save(Path(job["artefact"]), model, optimizer)
    return 0


def loss_of(model: Classifier, rows: list[tuple[str, str]]) -> torch.Tensor:
    wanted = torch.tensor([model.labels.index(label) for _, label in rows])
    return nn.functional.cross_entropy(model([text for text, _ in rows]), wanted)


def answer() -> int:
    folder = os.environ.get("TUNEWRIGHT_MODEL_DIR")
    model = load(Path(folder))[0] if folder else None
    for line in sys.stdin:
        question = json.loads(line)
        text = question["messages"][-1]["content"]
        label = "unknown"  # the base has learned nothing yet
        if model is not None:
            with torch.no_grad():
                label = model.labels[int(model([text]).argmax())]
        counts = {"input_tokens": len(text.split()), "output_tokens": len(label.split())}
        print(json.dumps({"id": question["id"], "text": label, **counts}), flush=True)
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit({"train": train, "answer": answer}[sys.argv[1]]())
