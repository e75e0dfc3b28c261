"""Promises on packed files: read as what they hold, announced, and stopped when they grow without end."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.dataset import Dataset, load
from orchestrator.dataset.unpacking import Allowance
from orchestrator.errors import UsageError

Write = Callable[..., Path]
LINES = "".join(json.dumps({"input": f"café {n}?", "output": f"naïve answer {n}"}) + "\n" for n in range(12)).encode()
TABLE = ("input,output\n" + "".join(f"café {n}?,naïve answer {n}\n" for n in range(12))).encode()


def zstd(content: bytes) -> bytes:
    return bytes(pytest.importorskip("backports.zstd").compress(content))


def same(raw: Write, packed: bytes, name: str) -> Dataset:
    dataset = load(raw(packed, name))
    assert dataset.sha256 == load(raw(LINES, "plain.jsonl")).sha256
    return dataset


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl", "a.GZ", "a"])
def test_gzip_is_read_whatever_its_name_and_announced(raw: Write, name: str) -> None:
    source = same(raw, gzip.compress(LINES), name).sources[0]
    assert (source.format, source.notes[0]) == ("JSON Lines", "is packed with gzip")


@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.zstd"])
def test_zstd_is_read(raw: Write, name: str) -> None:
    assert same(raw, zstd(LINES), name).sources[0].notes[0] == "is packed with zstd"


def test_a_packed_table_in_another_encoding_is_read(raw: Write) -> None:
    dataset = same(raw, gzip.compress(TABLE.decode().encode("utf-16")), "a.csv.gz")
    assert (dataset.sources[0].format, dataset.sources[0].encoding) == ("CSV", "utf-16")


def test_members_one_after_another_are_one_file(raw: Write) -> None:
    half = LINES.index(b"\n", len(LINES) // 2) + 1
    same(raw, gzip.compress(LINES[:half]) + gzip.compress(LINES[half:]), "a.jsonl.gz")


def test_a_damaged_packed_file_is_refused_saying_so(raw: Write) -> None:
    whole = gzip.compress(LINES)
    for content in (whole[:-20], whole[:30] + b"\xff" * 30 + whole[60:], zstd(LINES)[:-9]):
        with pytest.raises(UsageError, match="damaged"):
            load(raw(content, "a.jsonl.gz"))


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_a_decompression_bomb_is_refused_before_it_fills_the_memory(raw: Write, pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UsageError, match="bomb"):
        load(raw(pack(bytes(b"x" * (80 << 20))), "a.jsonl.gz"))


def test_the_allowance_ends_at_64_megabytes_or_200_times_the_packed_size() -> None:
    Allowance("a.gz", packed=1).spend(64 << 20)
    Allowance("a.gz", packed=1 << 20).spend(200 << 20)
    for packed, size in ((1, (64 << 20) + 1), (1 << 20, (200 << 20) + 1), (1 << 40, (64 << 30) + 1)):
        with pytest.raises(UsageError, match="unpacks"):
            Allowance("a.gz", packed).spend(size)


def test_something_else_inside_is_named(raw: Write) -> None:
    with pytest.raises(UsageError, match="PDF"):
        load(raw(gzip.compress(b"%PDF-1.7 and more"), "a.gz"))
