"""A folder with a trainer in plain Python, as a user of `script:PATH` would have one."""

from __future__ import annotations

from pathlib import Path

import tiny_trainer

__all__ = ["make_trainer", "own_rate"]


def own_rate(provider: str, usd: str) -> str:
    """A price file: what an hour of this machine costs its owner."""
    return (
        f'[[price]]\nprovider = "{provider}"\nitem = ["train", "hosting"]\nper = "hour"\nusd = "{usd}"\n'
        "as_of = 2026-11-26\n"
    )


_TOML = """
title = "Softmax over bags of words, in plain Python"
train = ["{python}", "tiny_trainer.py", "train"]
answer = ["{python}", "tiny_trainer.py", "answer"]
methods = ["sft", "dpo"]
hours = ["0.0001", "0.01"]
free_disk_mb = 1

[hyperparameters]
epochs = { kind = "int", low = 1, high = 1000, default = 2, why = "a few hundred rows are learned in two" }
learning_rate = { kind = "float", above = 0, default = 0.5, why = "large steps suit so few weights" }
beta = { kind = "float", above = 0, default = 0.1, why = "the usual start" }
pause_s = { kind = "float", low = 0 }
gate = { kind = "int", low = 1 }
child = { kind = "text" }
"""


def make_trainer(folder: Path) -> Path:
    """The folder, made."""
    folder.mkdir()
    (folder / "tiny_trainer.py").write_bytes(Path(tiny_trainer.__file__).read_bytes())
    (folder / "trainer.toml").write_text(_TOML, encoding="utf-8")
    return folder
