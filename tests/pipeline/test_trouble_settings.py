"""What to do on trouble: the flag for all of it, else the file for each, else a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import Config, HealthConfig, TrainingConfig, load_config, template
from orchestrator.errors import UsageError
from orchestrator.jobs.health import Policy
from orchestrator.ledger.codec import dump, load
from orchestrator.options import merge
from orchestrator.settings import RunSettings

FILE = Config(training=TrainingConfig(health=HealthConfig(on_trouble="pause", divergence="cancel")))


def test_by_default_everything_is_a_warning() -> None:
    assert merge(Config(), Path("pairs.csv")).on_trouble == Policy.all("warn")


def test_the_file_gives_each_trouble_its_action() -> None:
    policy = merge(FILE, Path("pairs.csv")).on_trouble
    assert policy == Policy(overfitting="pause", plateau="pause", divergence="cancel")


def test_the_flag_wins_over_the_file_for_all_of_them() -> None:
    assert merge(FILE, Path("pairs.csv"), on_trouble="keep").on_trouble == Policy.all("keep")


def test_another_word_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match="panic") as refused:
        merge(Config(), Path("pairs.csv"), on_trouble="panic")
    assert "cancel" in refused.value.fix


@pytest.mark.parametrize("key", ["overfiting", "divergence"])
def test_a_wrong_key_or_value_of_the_file_is_refused_by_name(tmp_path: Path, key: str) -> None:
    path = tmp_path / "tunewright.toml"
    path.write_text(f'[training.health]\n{key} = "stop"\n', encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        load_config(path)
    assert key in refused.value.where


def test_the_commented_file_shows_the_section(tmp_path: Path) -> None:
    text = template()
    assert "[training.health]" in text
    path = tmp_path / "tunewright.toml"
    path.write_text(text.replace("# overfitting =", 'overfitting = "cancel"  #'), encoding="utf-8")
    assert load_config(path).training.health.overfitting == "cancel"


def test_a_run_recorded_before_there_was_a_choice_is_read_as_warned() -> None:
    text = dump(merge(Config(), Path("pairs.csv")))
    old = text.replace('"on_trouble":{"divergence":"warn","overfitting":"warn","plateau":"warn"},', "")
    assert "on_trouble" not in old
    assert load(RunSettings, old).on_trouble == Policy()
