"""Promises under fuzzing: whatever the bytes, readers and checks answer or refuse, and nothing is half written."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.dataset import Policy, check, check_as_is, load, write_file
from orchestrator.errors import DataRefused, UsageError
from providers.dialects import OPENAI_CHAT, BadLine, named, names
from providers.errors import ProviderError

SHARED = Path(__file__).parents[2] / "../shared/data"
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".jsonl.gz", ".parquet", ".arrow", ".jsonl.zst")
FEW = settings(max_examples=40, deadline=5000, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))


def lines(count: int = 5) -> bytes:
    turns = [[{"role": "user", "content": f"q{n} é"}, {"role": "assistant", "content": f"a{n}"}] for n in range(count)]
    return b"".join(json.dumps({"messages": row}, ensure_ascii=False).encode() + b"\n" for row in turns)


def parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    stream = io.BytesIO()
    parquet.write_table(pyarrow.table({"input": ["q"] * 9, "output": [str(n) for n in range(9)]}), stream)
    return stream.getvalue()


SEEDS: dict[str, Callable[[], bytes]] = {
    ".jsonl": lines,
    ".json": lambda: b"[" + b",".join(lines().splitlines()) + b"]",
    ".csv": lambda: 'input,output,history\nq,"a, ""b""","[[""c"",""d""]]"\né,f,\n'.encode() * 2,
    ".tsv": lambda: b"text\tlabel\na\tb\nc\td\n",
    ".txt": lambda: lines().decode().encode("utf-16"),
    ".jsonl.gz": lambda: gzip.compress(lines()),
    ".parquet": parquet,
}


@contextmanager
def file_of(content: bytes, suffix: str) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        yield path


def judged(content: bytes, suffix: str) -> None:
    """Both checks answer, and what they answer can be written down."""
    with file_of(content, suffix) as path:
        json.dumps([finding.to_json() for finding in check_as_is(path, OPENAI_CHAT)])
        try:
            dataset = check(path)
        except UsageError:
            return
        json.dumps(dataset.to_json())
        assert len(list(dataset.rows)) + len(dataset.dropped) == sum(source.rows for source in dataset.sources)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, str]:
    """A whole file, cut, with bytes put in, taken out or turned over."""
    suffix = draw(st.sampled_from(sorted(SEEDS)))
    content = bytearray(SEEDS[suffix]())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        put = draw(
            st.binary(max_size=12) | st.sampled_from([b'"', b"{", b"}", b"\n", b"\r", b"\0", b"\\ud800", b"NaN"])
        )
        content[at : at + draw(st.integers(0, 20))] = put
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content), suffix


@FEW
@given(st.binary(max_size=300), st.sampled_from(SUFFIXES))
def test_any_bytes_are_judged(content: bytes, suffix: str) -> None:
    judged(content, suffix)


@FEW
@given(mutated())
def test_broken_files_of_every_format_are_judged(file: tuple[bytes, str]) -> None:
    judged(*file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
TURN = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "user", "assistant", "tool", "Human", "developer"]) | JSON,
        "from": st.sampled_from(["human", "gpt", "function_call"]) | JSON,
        "value": st.text(max_size=6) | JSON,
        "content": st.text(max_size=6) | JSON,
        "thinking": JSON,
        "tool_calls": st.lists(
            st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": JSON, "arguments": st.text() | JSON})})
        ),
        "weight": JSON,
        "tool_call_id": JSON,
    },
)
TURNS = st.lists(TURN | JSON, max_size=4) | JSON
COLUMNS = {
    **dict.fromkeys(("messages", "conversations", "prompt", "completion", "chosen", "rejected", "history"), TURNS),
    **dict.fromkeys(("input", "output", "instruction", "question", "reasoning", "system", "label", "text"), JSON),
    **dict.fromkeys(("preferred_output", "non_preferred_output", "contents", "reference_answer", "tools"), TURNS),
    "schemaVersion": JSON,
    "Messages": TURNS,
}
ROW = st.fixed_dictionaries({}, optional=COLUMNS)


@FEW
@given(st.lists(ROW | JSON, min_size=1, max_size=4))
def test_rows_of_every_shape_and_none_are_judged(rows: list[Any]) -> None:
    judged(b"".join(json.dumps(row).encode() + b"\n" for row in rows), ".jsonl")


@FEW
@given(ROW, st.sampled_from(names()))
def test_every_dialect_refuses_by_name(row: dict[str, Any], name: str) -> None:
    with suppress(BadLine):
        named(name).decode(row)


@settings(FEW, max_examples=25)
@given(st.lists(ROW, min_size=1, max_size=3), st.sampled_from(names()))
def test_what_is_written_is_written_whole_or_not_at_all(rows: list[Any], name: str) -> None:
    with file_of(lines(12) + b"".join(json.dumps(row).encode() + b"\n" for row in rows), ".jsonl") as path:
        out = path.parent / "out"
        try:
            dataset = load(path, policy=Policy(broken="drop", minimum_rows=1))
            made = write_file(dataset.split.train, named(name), out, "train")
        except (UsageError, DataRefused, ProviderError):
            assert not list(out.glob("*"))
        else:
            assert made.path.read_bytes().count(b"\n") == made.rows == len(dataset.split.train)


@pytest.mark.fuzz
@MANY
@given(mutated())
def test_many_broken_files_are_judged(file: tuple[bytes, str]) -> None:
    judged(*file)


@pytest.mark.fuzz
@MANY
@given(st.lists(ROW | JSON, min_size=1, max_size=4))
def test_many_rows_of_every_shape_are_judged(rows: list[Any]) -> None:
    judged(b"".join(json.dumps(row).encode() + b"\n" for row in rows), ".jsonl")


@pytest.mark.fuzz
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_real_files_cut_and_broken_are_judged(data: st.DataObject) -> None:
    files = [path for path in sorted(SHARED.rglob("*.*")) if path.suffix in (".jsonl", ".json", ".csv")]
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes()[: data.draw(st.integers(0, 60_000))])
    at = data.draw(st.integers(0, len(content)))
    content[at : at + data.draw(st.integers(0, 50))] = data.draw(st.binary(max_size=20))
    judged(bytes(content), path.suffix)
