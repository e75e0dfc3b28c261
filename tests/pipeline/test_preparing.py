"""Promises of `prepare`: files that people find, in every format asked for, and none that a platform would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.dataset import Dataset, Policy, check_as_is, load
from orchestrator.errors import DataRefused, UsageError
from orchestrator.pipeline.converting import convert, write_readably
from orchestrator.pipeline.prepare import upload_files
from providers.dialects import BEDROCK_NOVA, OPENAI_CHAT, Limits, format_of, names
from providers.errors import Unsupported
from providers.records import Example, Message, Method

MODEL = "openai:gpt-4.1-mini-2025-04-14"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows as JSON Lines."""

    def lines(rows: list[dict[str, Any]]) -> Path:
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return lines


@pytest.fixture
def library(tmp_path: Path) -> Orchestrator:
    return Orchestrator(home=tmp_path / ".tunewright", environ={})


def pairs(count: int = 40) -> list[dict[str, Any]]:
    return [{"input": f"what is number {n * 37}?", "output": f"it is {n}"} for n in range(count)]


def preferences(count: int = 40) -> list[dict[str, Any]]:
    return [
        {"prompt": f"what is number {n * 37}?", "chosen": f"it is {n}", "rejected": "who knows"} for n in range(count)
    ]


def decoded(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_files_have_names_that_people_read_and_records_keep_their_hash(
    write: Write, library: Orchestrator, tmp_path: Path
) -> None:
    _, files = library.prepare(write(pairs()), tmp_path / "out", to=(MODEL,), formats=("bedrock-nova",))
    assert {name: [file.path.name for file in made] for name, made in files.items()} == {
        "openai": ["train.jsonl", "validation.jsonl"],
        "bedrock-nova": ["train.jsonl", "validation.jsonl"],
    }
    for file in (file for made in files.values() for file in made):
        assert sha256(file.path.read_bytes()).hexdigest() == file.sha256


SUPERVISED = [name for name in names() if "preference" not in name and name != "text"]


@pytest.mark.parametrize("name", SUPERVISED)
def test_pairs_become_every_supervised_format_and_read_back(
    write: Write, library: Orchestrator, tmp_path: Path, name: str
) -> None:
    dataset, files = library.prepare(write(pairs()), tmp_path / "out", formats=(name,))
    dialect = format_of(name).dialect
    read = [dialect.decode(line) for line in decoded(files[name][0].path)]
    assert read == [row.example for row in dataset.split.train]


@pytest.mark.parametrize("name", SUPERVISED)
def test_what_was_prepared_has_no_error_when_judged_as_it_is(
    write: Write, library: Orchestrator, tmp_path: Path, name: str
) -> None:
    _, files = library.prepare(write(pairs()), tmp_path / "out", formats=(name,))
    judged = check_as_is(files[name][0].path, format_of(name).dialect)
    assert [finding.message for finding in judged if finding.severity == "error"] == []


def test_a_line_of_another_format_is_judged_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    turns = [{"role": "user", "content": [{"text": "User: a"}]}, {"role": "assistant", "content": [{"text": "b"}]}]
    path.write_text(json.dumps({"schemaVersion": "v", "messages": turns, "id": 1}) + "\n", encoding="utf-8")
    found = {(finding.rule, finding.field) for finding in check_as_is(path, BEDROCK_NOVA) if finding.row}
    assert found == {("unknown-key", "id"), ("content", "messages[0].content")}


@pytest.mark.parametrize("name", [name for name in names() if "preference" in name])
def test_preferences_become_every_format_of_preferences_and_read_back(
    write: Write, library: Orchestrator, tmp_path: Path, name: str
) -> None:
    dataset, files = library.prepare(write(preferences()), tmp_path / "out", method="dpo", formats=(name,))
    dialect = format_of(name).dialect
    read = [dialect.decode(line) for line in decoded(files[name][0].path)]
    assert read == [row.example for row in dataset.split.train]


def test_preferences_are_prepared_for_a_platform_by_method(write: Write, library: Orchestrator, tmp_path: Path) -> None:
    _, files = library.prepare(write(preferences()), tmp_path / "out", to=(MODEL,), method="dpo")
    assert set(decoded(files["openai"][0].path)[0]) == {"input", "preferred_output", "non_preferred_output"}


def test_llama_factory_gets_its_dataset_info_beside_the_files(
    write: Write, library: Orchestrator, tmp_path: Path
) -> None:
    library.prepare(write(pairs()), tmp_path / "out", formats=("llama-factory",))
    folder = tmp_path / "out/llama-factory"
    told = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    assert all((folder / entry["file_name"]).is_file() for entry in told.values())
    assert sorted(path.name for path in folder.iterdir()) == ["dataset_info.json", "train.jsonl", "validation.jsonl"]


def test_a_row_that_a_format_cannot_hold_is_named_and_no_file_is_left(
    write: Write, library: Orchestrator, tmp_path: Path
) -> None:
    rows = [*pairs(), {"input": "User: hello", "output": "hello"}]
    with pytest.raises(Unsupported, match=r"row 41.*reserved word 'User:' in a prompt$"):
        library.prepare(write(rows), tmp_path / "out", formats=("bedrock-nova",))
    assert not (tmp_path / "out").exists()


def test_a_refusal_says_how_many_rows_it_is_about(write: Write, library: Orchestrator, tmp_path: Path) -> None:
    rows = [{"input": f"User: hello {n}", "output": f"hello {n}"} for n in range(30)]
    with pytest.raises(Unsupported, match=r"and \d\d more of \d\d rows cannot be expressed"):
        library.prepare(write(rows), tmp_path / "out", formats=("bedrock-nova",))


@pytest.mark.parametrize(
    ("rows", "name", "says"),
    [
        (pairs(), "together-preference", "one answer each, and together-preference holds two"),
        (preferences(), "openai-chat", "a rejected answer each, and openai-chat holds one"),
    ],
)
def test_rows_of_the_other_kind_are_refused_as_a_kind(
    write: Write, library: Orchestrator, tmp_path: Path, rows: list[dict[str, Any]], name: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        library.prepare(write(rows), tmp_path / "out", formats=(name,))
    assert not (tmp_path / "out").exists()


def test_what_holds_rows_is_for_its_owner_alone(write: Write, library: Orchestrator, tmp_path: Path) -> None:
    library.prepare(write(pairs()), tmp_path / "out", formats=("openai-chat",))
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.name: path.stat().st_mode & 0o777 for path in files} == {path.name: 0o600 for path in files}


def test_preparing_for_nothing_is_refused_before_the_pairs_are_read(library: Orchestrator, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="say what to prepare for"):
        library.prepare(tmp_path / "absent.csv", tmp_path / "out")


def test_a_validation_file_that_is_refused_leaves_no_training_file(dataset: Dataset, tmp_path: Path) -> None:
    train, validation = dataset.split.train, dataset.split.validation
    spoilt = replace(validation[0], example=Example((Message("user", "[EOS]"), Message("assistant", "b"))))
    split = replace(dataset.split, train=tuple(train), validation=(spoilt,))
    with pytest.raises(Unsupported, match="EOS"):
        write_readably(replace(dataset, split=split), BEDROCK_NOVA, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shares_with_the_very_same_rows_are_two_files(dataset: Dataset, tmp_path: Path) -> None:
    train = tuple(dataset.split.train)
    same = replace(dataset, split=replace(dataset.split, train=train, validation=train))
    first, second = write_readably(same, OPENAI_CHAT, tmp_path / "out")
    assert (first.sha256, first.path.read_bytes()) == (second.sha256, second.path.read_bytes())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"train.jsonl", "validation.jsonl"}


def test_an_unknown_format_is_refused_before_the_pairs_are_read(library: Orchestrator, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="bedrok-nova") as refused:
        library.prepare(tmp_path / "absent.csv", tmp_path / "out", formats=("bedrok-nova",))
    assert (refused.value.where, refused.value.fix) == ("--format", "did you mean 'bedrock-nova'?")


@pytest.fixture
def dataset(write: Write) -> Dataset:
    return load(write(pairs()))


def test_too_few_and_too_many_rows_are_refused_before_anything_is_written(dataset: Dataset, tmp_path: Path) -> None:
    for limits in (Limits(least_rows=1000), Limits(most_rows=10), Limits(most_validation_rows=1)):
        with pytest.raises(DataRefused, match="rows, and it takes no"):
            convert(dataset, OPENAI_CHAT, tmp_path / "out", limits=limits)
    assert not (tmp_path / "out").exists()


def test_a_file_with_too_many_bytes_is_refused_and_not_left_behind(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"train file of bedrock-nova has .* bytes, and .* no more than 1,000"):
        convert(dataset, BEDROCK_NOVA, tmp_path / "out", limits=Limits(most_bytes=1000))
    assert not list((tmp_path / "out").iterdir())


def test_the_documented_limits_hold_unless_others_are_given(write: Write, tmp_path: Path) -> None:
    few = load(write(pairs(12)))
    with pytest.raises(DataRefused, match="no fewer than 100"):
        convert(few, OPENAI_CHAT, tmp_path, limits=Limits(least_rows=100))
    assert convert(few, OPENAI_CHAT, tmp_path)


def test_what_would_be_uploaded_is_held_against_the_limits_too(write: Write, tmp_path: Path) -> None:
    few = load(write(pairs(6)), policy=Policy(minimum_rows=2))
    with pytest.raises(DataRefused, match=r"the train file of openai-chat has . rows, and it takes no fewer than 10"):
        upload_files(few, OPENAI_CHAT, Method.SFT, tmp_path / "files")
    assert not (tmp_path / "files").exists()


def test_a_validation_file_of_an_earlier_call_does_not_stay_beside_a_new_training_file(
    write: Write, dataset: Dataset, tmp_path: Path
) -> None:
    write_readably(dataset, OPENAI_CHAT, tmp_path / "out")
    few = load(write(pairs(10)))
    assert not few.split.validation
    write_readably(few, OPENAI_CHAT, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train.jsonl"]
