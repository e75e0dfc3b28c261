"""`prepare --format` at the command line: what is written where, and what is said when a name is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from providers.dialects import names

TO = ("--to", "openai:gpt-4.1-mini-2025-04-14")


def test_several_formats_are_written_beside_a_platform(tunewright: Any, work: Path, pairs: Path) -> None:
    formats = ("--format", "bedrock-nova", "--format", "llama_factory")
    answer = tunewright("prepare", pairs, *TO, *formats, "-o", "out", "--json")
    assert answer.code == 0
    assert set(answer.json["files"]) == {"openai", "bedrock-nova", "llama-factory"}
    listed = [file["path"] for made in answer.json["files"].values() for file in made]
    assert all((work / path).is_file() for path in listed)
    assert (work / "out/llama-factory/dataset_info.json").is_file()


def test_a_wrong_format_is_a_usage_error_with_the_nearest_name(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("prepare", pairs, "--format", "gemni", "-o", "out", "--json")
    assert (answer.code, answer.error["where"], answer.error["fix"]) == (2, "--format", "did you mean 'gemini'?")


def test_a_name_like_no_other_lists_them_all(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("prepare", pairs, "--format", "zzz", "-o", "out", "--json")
    assert all(name in answer.error["fix"] for name in names())


@pytest.mark.parametrize("path", ["out/bedrock-nova/train.jsonl", "out/test.jsonl"])
def test_the_files_are_named_to_people(tunewright: Any, pairs: Path, path: str) -> None:
    assert path in tunewright("prepare", pairs, "--format", "bedrock-nova", "-o", "out").out
