"""At least forty curves, drawn and really trained: what is ill is named, what is healthy stays silent at every look.

The curves and the table are those of `benchmarks/health.py`; the seeds are of its second set, on which no threshold was
set. The whole of it, 1,600 curves, is printed by the benchmark.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRAINED = (
    "clean labels, 3 epochs",
    "clean labels, 4 epochs, 8 evals",
    "30% noise, 12 epochs",
    "sixteen rows, 20 epochs",
    "no validation file",
    "preferences, 4 epochs",
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """The benchmark as a module, with its neighbours."""
    sys.path.insert(0, str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("health_benchmark", BENCHMARKS / "health.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(BENCHMARKS))
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def drawn(bench: Any) -> list[Any]:
    return list(bench.judged(bench.synthetic(bench.SETS["second"][0], 5)))


@pytest.fixture(scope="module")
def trained(bench: Any) -> list[Any]:
    recipes = [recipe for recipe in bench.RECIPES if recipe.name in TRAINED]
    return list(bench.judged(bench.trained(bench.SETS["second"][0], recipes)))


def test_there_are_at_least_forty_curves_of_every_kind(bench: Any, drawn: list[Any], trained: list[Any]) -> None:
    assert len(drawn) >= 40
    assert len(trained) == len(TRAINED)
    assert {name for one in drawn for name in one.made.expected} == {
        "overfitting", "plateau", "divergence", "too_few_evaluations",
    }  # fmt: skip
    assert len(bench.table([*drawn, *trained]).splitlines()) > len(TRAINED)


def test_no_healthy_curve_is_called_ill_at_its_end(drawn: list[Any], trained: list[Any]) -> None:
    assert [(one.made.name, one.made.noise, one.false) for one in (*drawn, *trained) if one.false] == []


def test_hardly_any_is_called_ill_on_the_way(drawn: list[Any], trained: list[Any]) -> None:
    wrong = [(one.made.name, one.made.noise) for one in (*drawn, *trained) if one.false_on_the_way]
    assert len(wrong) <= 0.02 * (len(drawn) + len(trained)), wrong


def test_what_is_ill_is_named(drawn: list[Any], trained: list[Any]) -> None:
    ill = [one for one in (*drawn, *trained) if one.made.expected]
    missed = [(one.made.name, one.made.noise, one.missed) for one in ill if one.missed]
    assert len(missed) <= 0.06 * len(ill), missed


def test_every_trained_curve_is_named_as_what_it_is(trained: list[Any]) -> None:
    assert {one.made.name: set(one.missed | one.false | one.false_on_the_way) for one in trained} == {
        name: set() for name in TRAINED
    }
