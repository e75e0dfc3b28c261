"""Small makers shared by the adapters' tests: a plan, a file of rows, a clean environment."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from providers.contract import Platform
from providers.records import Example, FileRole, Hyperparameters, Message, Method, Plan, ProviderFile

TAG = "tw-" + "a2b3c4d5e6f7g2h3"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tag() -> str:
    return TAG


@pytest.fixture(scope="session")
def varied_texts() -> Callable[[int], list[str]]:
    """The makers of odd texts that the benchmark of tokenizers uses too."""
    path = Path(__file__).parents[2] / "benchmarks" / "varied_texts.py"
    spec = importlib.util.spec_from_file_location("varied_texts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[int], list[str]] = module.varied_texts
    return found


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    def make(provider: str = "openai", model: str = "gpt-4.1-mini-2025-04-14", **changes: Any) -> Plan:
        settings = changes.pop("hyperparameters", Hyperparameters(epochs=2, seed=7))
        fields = {"method": Method.SFT, "account": "default", "train_sha256": "a" * 64, "validation_sha256": None}
        return Plan(provider=provider, model=model, hyperparameters=settings, **{**fields, **changes})

    return make


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., ProviderFile]:
    """Writes 24 labelled rows in the platform's own dialect; `salt` makes other bytes, dpo adds the other label."""

    def make(platform: Platform, role: FileRole = "train", salt: str = "", method: Method = Method.SFT) -> ProviderFile:
        dialect = platform.dialect(method)
        lines = [json.dumps(dialect.encode(_example(number, salt, method))) for number in range(24)]
        data = ("\n".join(lines) + "\n").encode()
        digest = sha256(data).hexdigest()
        path = tmp_path / f"{digest}.jsonl"
        path.write_bytes(data)
        return ProviderFile(path, digest, len(data), len(lines), role, dialect.name)

    return make


def _example(number: int, salt: str, method: Method) -> Example:
    lost = number % 2 == 0
    worse = Message("assistant", "refund" if lost else "lost_card")
    words = f"my card is lost {salt}{number}" if lost else f"please refund my order {salt}{number}"
    system = Message("system", "Answer with one label: lost_card, refund")
    turns = (system, Message("user", words), Message("assistant", "lost_card" if lost else "refund"))
    return Example(turns, rejected=(worse,) if method is Method.DPO else ())
