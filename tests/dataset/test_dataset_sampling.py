"""Promises about samples: every row is as likely as any other, little is read, and what is wrong is still said."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset import PairsRefused
from orchestrator.dataset.records import Columns, Policy
from orchestrator.dataset.samples import Sample
from orchestrator.dataset.sampling import LEAST_ROWS, draw
from orchestrator.errors import UsageError

QUICK = Policy(skip=("near-duplicates", "sensitive"))
TOKENIZER = "o200k_base"


def rows(count: int, longest: int = 60) -> Iterator[dict[str, Any]]:
    """Chats of very different lengths, which clump."""
    for number in range(count):
        words = "word " * (1 + number // 50 * 37 % longest + number % 3)
        asked = {"role": "user", "content": f"question {number} {words}"}
        yield {"messages": [asked, {"role": "assistant", "content": f"answer {number % 7} {words}"}]}


def drawn(path: Path, count: int = LEAST_ROWS, *, policy: Policy = QUICK, seed: int = 7) -> Sample | None:
    return draw(path, count, columns=Columns(), policy=policy, tokenizers=[TOKENIZER], seed=seed)


def taken(path: Path, **given: Any) -> Sample:
    """A sample that there must be."""
    sample = drawn(path, **given)
    assert sample is not None
    return sample


def seen(sample: Sample) -> int:
    return sum(map(len, sample.measured[TOKENIZER]))


def bytes_read() -> int:
    """What this process has read of files so far."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split()[1])


def test_about_as_many_rows_are_read_as_were_asked_for(jsonl: Any) -> None:
    assert taken(jsonl(rows(4000)), count=1000).rows_read == pytest.approx(1000, rel=0.3)


def test_the_same_seed_draws_the_same_rows_and_another_seed_others(jsonl: Any) -> None:
    path = jsonl(rows(3000))
    assert taken(path).windows == taken(path).windows != taken(path, seed=8).windows


def test_every_row_is_as_likely_as_any_other(jsonl: Any) -> None:
    """One row in ten is fifty times as long: who picks a byte, and the line around it, would find six in seven such."""
    path = jsonl({"input": f"{number} " + "long " * (number % 10 == 0) * 250, "output": "x"} for number in range(3000))
    found: Counter[bool] = Counter()
    for seed in range(10):
        for lengths in taken(path, seed=seed).measured[TOKENIZER]:
            found.update((lengths.usual["prompt"] > 100).tolist())
    assert found[True] / found.total() == pytest.approx(0.1, abs=0.03)


def test_the_bytes_of_the_drawn_lines_are_whole_lines(jsonl: Any) -> None:
    path = jsonl({"input": f"{number:06}", "output": "x"} for number in range(2000))
    sample, line = taken(path), path.stat().st_size // 2000
    assert sum(sample.windows.sizes) == sample.rows_read * line


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the bytes that a process reads are counted on Linux")
def test_a_small_share_of_a_large_file_is_read(jsonl: Any) -> None:
    path = jsonl(rows(60_000, longest=150))
    taken(path)  # what is imported and loaded on the way is read once
    before = bytes_read()
    taken(path, count=1000)
    assert bytes_read() - before < path.stat().st_size / 8


def test_a_sample_of_most_of_the_file_is_no_sample(jsonl: Any) -> None:
    path = jsonl(rows(1000))
    assert drawn(path, 1000) is drawn(path, 5000) is None


def test_several_files_are_sampled_as_one(jsonl: Any, tmp_path: Path) -> None:
    for number in range(3):
        jsonl(rows(1500 * (number + 1)), f"{number}.jsonl")
    sample = taken(tmp_path, count=1500)
    assert sample.windows.size == sum(path.stat().st_size for path in tmp_path.glob("*.jsonl"))
    assert sample.about_rows == pytest.approx(9000, rel=0.25)


def test_a_last_line_without_an_end_is_a_row(raw: Any) -> None:
    told = [{"input": f"question {number} " + "long " * (number == 259) * 200, "output": "x"} for number in range(260)]
    path = raw("\n".join(map(json.dumps, told)), "pairs.jsonl")
    lengths = [one for seed in range(8) for one in taken(path, seed=seed).measured[TOKENIZER]]
    assert max(one.usual["prompt"].max(initial=0) for one in lengths) > 200


def test_rows_that_a_policy_drops_are_counted_and_not_used(jsonl: Any) -> None:
    path = jsonl({"input": f"question {number}", "output": "x" * (number % 2)} for number in range(4000))
    sample = taken(path, count=400)
    assert sample.dropped["blank-answer"] + seen(sample) == sample.rows_read
    assert sample.about_rows == pytest.approx(2000, rel=0.2)


def test_a_broken_row_is_refused_by_its_place_in_bytes(jsonl: Any) -> None:
    path = jsonl(row if number % 5 else {"messages": 5} for number, row in enumerate(rows(3000)))
    with pytest.raises(PairsRefused, match=r"in a sample of [\d,]+ rows") as refused:
        drawn(path)
    for finding in refused.value.findings[:20]:
        assert finding.row is not None
        assert path.read_bytes()[finding.row :].startswith(b'{"messages": 5}\n')
    assert "line at byte" in refused.value.where


def test_too_few_rows_are_no_sample(jsonl: Any) -> None:
    with pytest.raises(UsageError, match="too few"):
        drawn(jsonl(rows(300)), LEAST_ROWS - 1)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"text,label\nhello,x\n", "is CSV"),
        ("a.json", b'[\n{"input": "a", "output": "b"}\n]\n', "is JSON;"),
        ("a.jsonl", b'\xef\xbb\xbf{"input": "a", "output": "b"}\n', "byte order mark"),
        ("a.jsonl", '{"input": "a", "output": "b"}\n'.encode("utf-16-le"), "looks like utf-16-le"),
        ("a.jsonl", b'{"input": "caf\xe9", "output": "b"}\n', "is not UTF-8"),
        ("a.jsonl.gz", gzip.compress(b'{"input": "a", "output": "b"}\n', mtime=0), "is gzip-compressed"),
    ],
)
def test_what_cannot_be_sampled_says_what_can(raw: Any, name: str, content: bytes, what: str) -> None:
    with pytest.raises(UsageError, match=f"{what}.*only plain UTF-8 JSON Lines can be sampled") as refused:
        drawn(raw(content, name))
    assert "--sample" in refused.value.fix


def test_an_empty_file_is_left_to_the_usual_way(raw: Any) -> None:
    assert drawn(raw(b"", "a.jsonl")) is None
