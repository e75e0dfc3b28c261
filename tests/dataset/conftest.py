"""Files for the dataset's tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Write = Callable[..., Path]


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Writes objects as JSON Lines."""

    def write(rows: Iterable[Any], name: str = "pairs.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def raw(tmp_path: Path) -> Callable[..., Path]:
    """Writes bytes, or text as UTF-8."""

    def write(content: bytes | str, name: str = "pairs.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def pairs() -> Callable[..., list[dict[str, str]]]:
    """As many different pairs as asked for, with labels in turn when given."""

    def make(count: int, labels: tuple[str, ...] = ()) -> list[dict[str, str]]:
        answers = labels or tuple(f"answer number {n}, in words of its own" for n in range(count))
        return [{"input": f"question {n}?", "output": answers[n % len(answers)]} for n in range(count)]

    return make
