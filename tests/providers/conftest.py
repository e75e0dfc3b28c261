"""Small makers shared by the adapters' tests: a plan, a file of rows, a clean environment."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from providers.records import Plan, ProviderFile
from providers.testing import SAMPLE_TAG, sample_file, sample_plan


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def tag() -> str:
    return SAMPLE_TAG


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
    """A plan for OpenAI where a test does not say otherwise."""

    def make(provider: str = "openai", model: str = "gpt-4.1-mini-2025-04-14", **changes: Any) -> Plan:
        return sample_plan(provider, model, **changes)

    return make


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., ProviderFile]:
    """Writes 24 labelled rows in the platform's own dialect; `salt` makes other bytes, dpo adds the other label."""
    return partial(sample_file, tmp_path)
