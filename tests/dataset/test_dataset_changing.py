"""A file that another program writes to while it is scanned: said in words, whatever became of its lines."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.dataset import check, check_as_is
from orchestrator.dataset.reading import open_part
from orchestrator.dataset.records import Columns, Policy
from orchestrator.dataset.sensitive import Span
from orchestrator.dataset.shards import scan_part
from orchestrator.errors import UsageError
from providers.dialects import OPENAI_CHAT
from providers.records import Example, JsonObject

ROWS = 20_000  # over a megabyte: more than is read at once


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 7)


def grow(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b'{"input": "one more", "output": "y"}\n{"input": "and half')


def vanish(path: Path) -> None:
    path.unlink()


@dataclass
class Meddler:
    """A detector that finds nothing, and does something to the file when it is first asked."""

    path: Path
    change: Callable[[Path], None]
    name: str = "meddler"
    done: list[str] = field(default_factory=list)

    def find(self, text: str) -> Iterable[Span]:
        """Nothing."""
        if not self.done:
            self.done.append(text)
            self.change(self.path)
        return ()


def jsonl() -> bytes:
    return b"".join(b'{"input": "what of the number %d?", "output": "it is %d"}\n' % (n, n) for n in range(ROWS))


def csv() -> bytes:
    return b"input,output\n" + b"".join(
        b"what of the long number %d?,it is of course %d\n" % (n, n) for n in range(ROWS)
    )


def packed() -> bytes:
    return gzip.compress(jsonl(), 1)


@pytest.mark.parametrize("change", [shrink, grow])
@pytest.mark.parametrize(("name", "content"), [("a.jsonl", jsonl), ("a.csv", csv), ("a.jsonl.gz", packed)])
def test_a_file_that_changes_while_it_is_scanned_is_refused_with_both_its_sizes(
    tmp_path: Path, name: str, content: Callable[[], bytes], change: Callable[[Path], None]
) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    size = path.stat().st_size
    with pytest.raises(UsageError, match="was changed while it was being used") as refused:
        check(path, policy=Policy(skip=("near-duplicates",)), detectors=[Meddler(path, change)])
    assert f"it had {size:,} bytes, and now {path.stat().st_size:,}" in refused.value.what
    assert (refused.value.where, refused.value.fix) == (
        str(path),
        "start again when nothing writes to it, or on a copy",
    )


def test_a_file_that_goes_away_while_it_is_scanned_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl())
    with pytest.raises(UsageError, match="cannot be read again: No such file"):
        check(path, policy=Policy(skip=("near-duplicates",)), detectors=[Meddler(path, vanish)])


@pytest.mark.parametrize("change", [shrink, grow])
def test_a_file_that_changes_between_its_first_rows_and_the_rest_is_refused(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl())
    opened = open_part(path, Columns())
    change(path)
    with pytest.raises(UsageError, match="was changed while it was being used"):
        scan_part(opened, Policy(skip=("near-duplicates", "sensitive")), ())


@dataclass
class MeddlingDialect:
    """OpenAI's chat lines, and something happens to the file when the first is read."""

    path: Path
    change: Callable[[Path], None]
    name: str = "openai_chat"
    done: list[JsonObject] = field(default_factory=list)

    def encode(self, example: Example) -> JsonObject:
        """As it stands."""
        return OPENAI_CHAT.encode(example)

    def decode(self, line: JsonObject) -> Example:
        """As it stands."""
        if not self.done:
            self.done.append(line)
            self.change(self.path)
        return OPENAI_CHAT.decode(line)


@pytest.mark.parametrize("change", [shrink, grow])
def test_bytes_that_change_while_they_are_judged_as_they_are_get_no_verdict(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.jsonl"
    turns = [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}]
    path.write_text((json.dumps({"messages": turns}) + "\n") * 2000, encoding="utf-8")
    with pytest.raises(UsageError, match="was changed while it was being used"):
        check_as_is(path, MeddlingDialect(path, change))
