"""What the suite buys and asks: 24 labelled rows in a platform's own dialect, a plan for them, one question."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..contract import Platform
from ..records import Example, FileRole, Hyperparameters, Message, Method, Plan, ProviderFile

__all__ = ["ASK", "ROWS", "SAMPLE_TAG", "sample_file", "sample_plan"]

ROWS = 24
SAMPLE_TAG = "tw-" + "a2b3c4d5e6f7g2h3"

_SYSTEM = Message("system", "Answer with one label: lost_card, refund")
ASK = (_SYSTEM, Message("user", "I think my card is lost"))
"""Whoever learned the rows answers `lost_card`."""


def sample_plan(provider: str, model: str, **changes: Any) -> Plan:
    """A plan of two epochs over a training file; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "method": Method.SFT,
        "account": "default",
        "train_sha256": "a" * 64,
        "validation_sha256": None,
        "hyperparameters": Hyperparameters(epochs=2, seed=7),
    }
    return Plan(provider=provider, model=model, **{**fields, **changes})


def sample_file(
    folder: Path, platform: Platform, role: FileRole = "train", salt: str = "", method: Method = Method.SFT
) -> ProviderFile:
    """Writes the rows in the platform's own dialect; `salt` makes other bytes, dpo adds the other label."""
    dialect = platform.dialect(method)
    lines = [json.dumps(dialect.encode(sample_row(number, salt, method))) for number in range(ROWS)]
    data = ("\n".join(lines) + "\n").encode()
    digest = sha256(data).hexdigest()
    path = folder / f"{digest}.jsonl"
    path.write_bytes(data)
    return ProviderFile(path, digest, len(data), len(lines), role, dialect.name)


def sample_row(number: int, salt: str = "", method: Method = Method.SFT) -> Example:
    """Rows of even number have lost a card, the others want their money back."""
    lost = number % 2 == 0
    worse = Message("assistant", "refund" if lost else "lost_card")
    words = f"my card is lost {salt}{number}" if lost else f"please refund my order {salt}{number}"
    turns = (_SYSTEM, Message("user", words), Message("assistant", "lost_card" if lost else "refund"))
    return Example(turns, rejected=(worse,) if method is Method.DPO else ())
