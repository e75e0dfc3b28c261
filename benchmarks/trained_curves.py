"""Curves of jobs really trained on the embedded sandbox, read through both adapters, and what is true of each.

Truth is measured, not assumed: the same training is done again with a held-out set of a thousand rows that the job
never saw, and read epoch by epoch. What lies between healthy and ill is left free.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

import anyio
from curves import Made

import providers
from providers.contract import Provider
from providers.records import (
    TERMINAL_STATES,
    Example,
    Hyperparameters,
    JobState,
    Message,
    Method,
    MetricPoint,
    Plan,
    ProviderFile,
    RemoteJob,
)
from providers.sandbox import Sandbox, serve
from providers.sandbox.learner import Pair, Setting, learner

__all__ = ["RECIPES", "Recipe", "trained"]

_MODELS = {"openai": "gpt-4.1-mini-2025-04-14", "together": "Qwen/Qwen3-8B"}
_SYSTEM = "Answer with one label."
_TOPICS = {f"topic{i}": tuple(f"w{i}x{j}" for j in range(12)) for i in range(8)}
_HELD_OUT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One training. `noise`: share of labels drawn at random. `valid` 0: no validation file."""

    name: str
    wire: str
    rows: int
    epochs: int
    noise: float = 0.0
    valid: int = 80
    evals: int | None = None
    rate: float | None = None
    batch: int | None = 8
    method: Method = Method.SFT
    prose: bool = False


RECIPES: tuple[Recipe, ...] = (
    Recipe(name="clean labels, 3 epochs", wire="openai", rows=400, epochs=3),
    Recipe(name="clean labels, 5 epochs", wire="openai", rows=240, epochs=5),
    Recipe(name="clean labels, 4 epochs, 8 evals", wire="together", rows=400, epochs=4, evals=8),
    Recipe(name="clean labels, tiny validation", wire="openai", rows=300, epochs=4, valid=12),
    Recipe(name="clean labels, low rate", wire="openai", rows=300, epochs=4, rate=0.02),
    Recipe(name="30% noise, 3 epochs", wire="openai", rows=400, epochs=3, noise=0.3),
    Recipe(name="30% noise, 12 epochs", wire="together", rows=240, epochs=12, evals=12, noise=0.3),
    Recipe(name="40% noise, 25 epochs", wire="openai", rows=300, epochs=25, noise=0.4),
    Recipe(name="40% noise, 20 epochs, 5 evals", wire="together", rows=300, epochs=20, evals=5, noise=0.4),
    Recipe(name="random labels, 15 epochs", wire="openai", rows=160, epochs=15, noise=1.0),
    Recipe(name="sixteen rows, 20 epochs", wire="openai", rows=16, epochs=20, valid=24, batch=4),
    Recipe(name="clean labels, 50 epochs", wire="openai", rows=80, epochs=50),
    Recipe(name="rate a hundredfold", wire="openai", rows=200, epochs=6, rate=100.0, noise=0.3),
    Recipe(name="no validation file", wire="openai", rows=200, epochs=3, valid=0),
    Recipe(name="one epoch", wire="openai", rows=300, epochs=1),
    Recipe(name="two evaluations", wire="together", rows=300, epochs=4, evals=2, noise=0.4),
    Recipe(name="free text, 4 epochs", wire="openai", rows=200, epochs=4, prose=True),
    Recipe(name="free text, 20 epochs", wire="openai", rows=120, epochs=20, prose=True),
    Recipe(name="preferences, 4 epochs", wire="openai", rows=300, epochs=4, method=Method.DPO),
    Recipe(name="noisy preferences, 20 epochs", wire="together", rows=160, epochs=20, evals=10, noise=0.5,
           method=Method.DPO),
)  # fmt: skip


def trained(seed: int, recipes: Sequence[Recipe] = RECIPES) -> list[Made]:
    """Each recipe trained once, with rows of this seed."""
    return anyio.run(_trained, seed, recipes)


async def _trained(seed: int, recipes: Sequence[Recipe]) -> list[Made]:
    with tempfile.TemporaryDirectory() as folder, Sandbox(None, pace_s=0) as sandbox, serve(sandbox) as running:
        async with AsyncExitStack() as stack:
            opened: dict[str, Provider] = {}
            for wire in _MODELS:
                platform = providers.platform(wire)
                connection = platform.connection(running.environ, None, Path(folder))
                opened[wire] = await stack.enter_async_context(platform.open(connection))
            return [
                await _one(recipe, f"{seed} {number}", opened[recipe.wire], sandbox, Path(folder))
                for number, recipe in enumerate(recipes)
            ]


async def _one(recipe: Recipe, seed: str, provider: Provider, sandbox: Sandbox, folder: Path) -> Made:
    train, valid = rows_of(recipe, recipe.rows, f"{seed} train"), rows_of(recipe, recipe.valid, f"{seed} valid")
    parts = {"train": train, "validation": valid}
    files = [_file(provider, recipe, folder, role, part) for role, part in parts.items() if part]
    ids = {file.role: (await provider.upload(file)).id for file in files}
    await _read_through(provider, list(ids.values()))
    by_role: dict[str, str] = {file.role: file.sha256 for file in files}
    plan = Plan(
        provider=recipe.wire,
        account="bench",
        model=_MODELS[recipe.wire],
        method=recipe.method,
        hyperparameters=_hyperparameters(recipe),
        train_sha256=by_role["train"],
        validation_sha256=by_role.get("validation"),
    )
    job = await provider.create(plan, ids, "")
    job = await _ended(provider, job.id)
    assert job.state is JobState.SUCCEEDED, job
    points = await provider.metrics(job.id)
    held = sandbox.book.find(job.id)
    assert held is not None
    setting = Setting(held.epochs, held.batch_size, held.rate, held.seed, held.epochs, held.beta)
    return _judged(recipe, points, train, rows_of(recipe, _HELD_OUT, f"{seed} truth"), setting)


async def _read_through(provider: Provider, ids: Sequence[str]) -> None:
    for file_id in ids:
        while (await provider.file(file_id)).state == "processing":  # noqa: ASYNC110 - a platform is polled
            await anyio.sleep(0.02)


async def _ended(provider: Provider, job_id: str) -> RemoteJob:
    while (job := await provider.job(job_id)).state not in TERMINAL_STATES:  # noqa: ASYNC110 - a platform is polled
        await anyio.sleep(0.02)
    return job


def _hyperparameters(recipe: Recipe) -> Hyperparameters:
    extra: dict[str, Any] = {}
    if recipe.wire == "together" and recipe.evals and recipe.valid:
        extra["n_evals"] = recipe.evals
    if recipe.rate is not None and recipe.wire == "openai":
        extra["learning_rate_multiplier"] = recipe.rate
    return Hyperparameters(epochs=recipe.epochs, batch_size=recipe.batch, seed=7, extra=extra)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def rows_of(recipe: Recipe, count: int, seed: str) -> list[Pair]:
    """Texts of five words, most of one topic; the answer is the topic, or a sentence about it."""
    dice = random.Random(seed)
    every = [word for words in _TOPICS.values() for word in words]
    return [_pair(recipe, dice, every) for _ in range(count)]


def _pair(recipe: Recipe, dice: random.Random, every: Sequence[str]) -> Pair:
    label = dice.choice(sorted(_TOPICS))
    words = [dice.choice(_TOPICS[label]) if dice.random() < 0.6 else dice.choice(every) for _ in range(5)]
    shown = dice.choice(sorted(_TOPICS)) if dice.random() < recipe.noise else label
    if recipe.prose:
        shown = " ".join([f"about {shown} we say", *(dice.choice(_TOPICS[shown]) for _ in range(6))])
    other = dice.choice([name for name in sorted(_TOPICS) if name != shown])
    return Pair(_SYSTEM, " ".join(words), shown, other if recipe.method is Method.DPO else None)


def _file(provider: Provider, recipe: Recipe, folder: Path, role: Any, pairs: Sequence[Pair]) -> ProviderFile:
    dialect = provider.platform.dialect(recipe.method)
    lines = [json.dumps(dialect.encode(_example(pair))) for pair in pairs]
    data = ("\n".join(lines) + "\n").encode()
    name = sha256(data).hexdigest()
    path = folder / f"{name[:24]}.jsonl"
    path.write_bytes(data)
    return ProviderFile(path, name, len(data), len(pairs), role, dialect.name)


def _example(pair: Pair) -> Example:
    turns = (Message("system", pair.system), Message("user", pair.user), Message("assistant", pair.answer))
    return Example(turns, rejected=(Message("assistant", pair.rejected),) if pair.rejected else ())


# ── truth ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _judged(
    recipe: Recipe, points: tuple[MetricPoint, ...], train: list[Pair], truth: list[Pair], setting: Setting
) -> Made:
    """`expected` from the same training measured on many rows; between the lines, what may be said either way."""
    epochs = list(_epochs(train, truth, setting))
    losses, held_out = [loss for loss, _ in epochs], [loss for _, loss in epochs]
    expected, free = set[str](), set[str]()
    evaluations = sum(point.valid_loss is not None for point in points)
    risen, rounds = held_out[-1] / min(held_out), len(losses) // 3
    if evaluations >= 3:
        _mark("overfitting", risen, 1.05, 1.01, expected, free)
    if rounds:
        gained = 1 - fmean(losses[-rounds:]) / fmean(losses[-2 * rounds :][:rounds])
        _mark("plateau", -gained, -0.005, -0.03, expected, free)
    _mark("divergence", losses[-1] / min(losses), 2.0, 1.5, expected, free)
    if evaluations < 3 and not expected:
        expected.add("too_few_evaluations")
    shown = f"{len(points)} points, {evaluations} evals of {recipe.valid} rows"
    note = {"held_out_rise": risen - 1, "train_loss": losses[-1]}
    kind = " + ".join(sorted(expected)) or "healthy"
    return Made(recipe.name, kind, points, frozenset(expected), frozenset(free), shown, recipe.wire, note)


def _mark(name: str, value: float, ill: float, well: float, expected: set[str], free: set[str]) -> None:
    if value >= ill:
        expected.add(name)
    elif value > well:
        free.add(name)


def _epochs(train: list[Pair], truth: list[Pair], setting: Setting) -> Iterator[tuple[float, float]]:
    """Mean training loss of each epoch, and the held-out loss at its end."""
    model = learner(train, truth, replace(setting, evals=setting.epochs))
    for _ in range(setting.epochs):
        points = model.epoch(lambda: False) or ()
        measured = [point.valid_loss for point in points if point.valid_loss is not None]
        yield fmean(point.loss for point in points), measured[-1]
