"""Every mistake in a `trainer.toml` is named with its key, and what a plan needs is looked for before it starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from own_trainer import make_trainer

import providers
from providers.errors import InvalidData, NotFound, Unsupported
from providers.records import Hyperparameters, Method
from providers.script.definition import read_trainer
from providers.testing import sample_plan

GOOD = 'train = ["{python}", "train.py"]\nanswer = ["{python}", "answer.py"]\n'


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / "trainer.toml").write_text(text, encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not toml", "not a TOML file"),
        (GOOD + 'trian = ["x"]', "trian"),
        ('answer = ["x"]', "train must be a list of words"),
        ('train = ["x"]', "either answer or serve"),
        (GOOD + 'serve = ["x"]', "either answer or serve"),
        (GOOD + "train = []".replace("train", "title"), "title must be text"),
        (GOOD + "context_tokens = true", "context_tokens must be a whole number"),
        (GOOD + 'methods = ["ppo"]', "ppo"),
        (GOOD + "hours = [2, 1]", "hours"),
        (GOOD + 'hours = ["soon", 1]', "hours"),
        (GOOD + "[hyperparameters]\nepochs = 3", "hyperparameters.epochs must be a table"),
        (GOOD + '[hyperparameters]\nepochs = { kind = "number" }', "hyperparameters.epochs.kind"),
        (GOOD + '[hyperparameters]\nepochs = { kind = "int", least = 1 }', "hyperparameters.epochs.least"),
        (GOOD + '[hyperparameters]\nepochs = { kind = "int", low = "1" }', "hyperparameters.epochs.low"),
        (GOOD + '[hyperparameters]\nepochs = { kind = "int", words = "auto" }', "hyperparameters.epochs.words"),
    ],
)
def test_a_mistake_is_named(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=says) as wrong:
        read_trainer(written(tmp_path, text))
    assert "trainer.toml" in wrong.value.message


def test_a_trainer_is_found_by_its_file_or_its_folder(tmp_path: Path) -> None:
    folder = written(tmp_path, GOOD)
    assert read_trainer(folder).path == read_trainer(f"{folder}/trainer.toml").path == tmp_path / "trainer.toml"
    with pytest.raises(NotFound) as absent:
        read_trainer(str(tmp_path / "other"))
    assert "trainer.toml" in str(absent.value.fix)


def test_its_python_is_ours_unless_it_names_one(tmp_path: Path) -> None:
    assert read_trainer(written(tmp_path, GOOD)).command(["{python}", "x"]) == [sys.executable, "x"]
    other = read_trainer(written(tmp_path, GOOD + 'python = "venv/bin/python"\n'))
    assert other.command(["{python}", "x"]) == [str(tmp_path / "venv/bin/python"), "x"]


def test_a_setting_is_kept_to_its_range_and_completed_by_its_default(tmp_path: Path) -> None:
    platform, trainer = providers.platform("script"), str(make_trainer(tmp_path / "trainer"))
    recipe = platform.recipe(trainer, Method.SFT, Hyperparameters(), 100, 0)
    assert (recipe.hyperparameters.epochs, recipe.hyperparameters.seed) == (2, 7)
    assert "beta" not in recipe.hyperparameters.extra
    assert recipe.reasons["epochs"] == "a few hundred rows are learned in two"
    with pytest.raises(Unsupported, match="epochs: 0 is below 1"):
        platform.recipe(trainer, Method.SFT, Hyperparameters(epochs=0), 100, 0)
    with pytest.raises(Unsupported, match="lora: is not a setting"):
        platform.recipe(trainer, Method.SFT, Hyperparameters(lora=True), 100, 0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('train = ["no-such-program"]\nanswer = ["{python}"]\n', "there is no program 'no-such-program'"),
        ('python = "venv/bin/python"\n' + GOOD, "venv/bin/python"),
        (GOOD + "free_disk_mb = 1_000_000_000\n", "MB are free"),
        ("wrong = 1", "wrong"),
    ],
)
async def test_what_stands_in_the_way_is_told_before_anything_is_started(text: str, says: str, tmp_path: Path) -> None:
    platform, trainer = providers.platform("script"), written(tmp_path, text)
    plan = sample_plan("script", trainer, hyperparameters=Hyperparameters(seed=7))
    async with platform.open(platform.connection({}, None, tmp_path / "state")) as account:
        assert any(says in problem for problem in (await account.preflight(plan)).problems)
    assert not (tmp_path / "state").exists()
