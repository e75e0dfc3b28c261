"""A text classifier in Keras: hashed n-grams and one layer. It learns the answers as labels.

python trainer.py train     with TUNEWRIGHT_JOB, the path of job.json
python trainer.py answer    with TUNEWRIGHT_MODEL_DIR, unless the base is asked; questions on standard input
"""

import json
import os
import shutil
import signal
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from zlib import crc32

# Whichever is installed; KERAS_BACKEND says another.
os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, ("tensorflow", "torch", "jax")), "tensorflow"))

import keras
import numpy as np

BUCKETS = 2**12


def vector(text: str) -> np.ndarray:
    """Words and pairs of words, each as the number of a bucket that holds 1."""
    words = ["<start>", *text.lower().split()]
    found = np.zeros(BUCKETS, dtype="float32")
    for part in [*words, *map(" ".join, pairwise(words))]:
        found[crc32(part.encode()) % BUCKETS] = 1.0
    return found


def rows_of(path: str) -> list[tuple[str, str]]:
    lines = [json.loads(line)["messages"] for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(messages[-2]["content"], messages[-1]["content"]) for messages in lines]


def arrays(rows: list[tuple[str, str]], labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([vector(text) for text, _ in rows]), np.array([labels.index(label) for _, label in rows])


def save(folder: Path, model: keras.Model, labels: list[str]) -> None:
    """Under its name only once it is whole: tunewright takes a folder that has its name for finished."""
    draft = folder.with_name(f".{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    model.save(draft / "model.keras")
    (draft / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    draft.rename(folder)


def load(folder: Path) -> tuple[keras.Model, list[str]]:
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    return keras.saving.load_model(folder / "model.keras"), labels


class Telling(keras.callbacks.Callback):
    """After each epoch: one line of metrics, one checkpoint, and an end where one is asked for."""

    def __init__(self, job: dict, labels: list[str]) -> None:
        super().__init__()
        self.job, self.labels, self.stopped = job, labels, False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, number: int, frame: object) -> None:
        self.stopped = True

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        point = {"step": epoch + 1, "epoch": epoch + 1, "train_loss": logs["loss"], "valid_loss": logs.get("val_loss")}
        with Path(self.job["metrics"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(point) + "\n")
        save(Path(self.job["checkpoints"]) / f"step-{epoch + 1}", self.model, self.labels)
        self.model.stop_training = self.stopped


def train() -> int:
    job = json.loads(Path(os.environ["TUNEWRIGHT_JOB"]).read_text(encoding="utf-8"))
    settings = job["hyperparameters"]
    keras.utils.set_random_seed(job["seed"])
    rows, done = rows_of(job["train_file"]), 0
    labels = sorted({label for _, label in rows})
    if job["resume_from"]:
        (model, labels), done = load(Path(job["resume_from"])), int(job["resume_from"].rpartition("-")[2])
    else:
        model = keras.Sequential([keras.Input((BUCKETS,)), keras.layers.Dense(len(labels), activation="softmax")])
        model.compile(keras.optimizers.Adam(settings["learning_rate"]), "sparse_categorical_crossentropy")
    # A label never seen has no loss to measure.
    held_out = [row for row in rows_of(job["validation_file"]) if row[1] in labels] if job["validation_file"] else []
    telling = Telling(job, labels)
    model.fit(
        *arrays(rows, labels),
        validation_data=arrays(held_out, labels) if held_out else None,
        batch_size=settings["batch_size"],
        initial_epoch=done,
        epochs=settings["epochs"],
        callbacks=[telling],
        verbose=0,
    )
    if telling.stopped:
        return 75  # saved, and stopped before the end
    save(Path(job["artefact"]), model, labels)
    return 0


def answer() -> int:
    folder = os.environ.get("TUNEWRIGHT_MODEL_DIR")
    model, labels = load(Path(folder)) if folder else (None, [])
    for line in sys.stdin:
        question = json.loads(line)
        text = question["messages"][-1]["content"]
        label = "unknown"  # the base has learned nothing yet
        if model is not None:
            label = labels[int(np.asarray(keras.ops.convert_to_numpy(model(vector(text)[None])))[0].argmax())]
        counts = {"input_tokens": len(text.split()), "output_tokens": len(label.split())}
        print(json.dumps({"id": question["id"], "text": label, **counts}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit({"train": train, "answer": answer}[sys.argv[1]]())
