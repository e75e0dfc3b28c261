"""Promises of the written file: exact bytes named by their hash, all or nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.dataset import Row, load, write_file
from orchestrator.errors import DataRefused, TunewrightError
from providers.dialects import OPENAI_CHAT, TOGETHER_INSTRUCTION
from providers.errors import Unsupported
from providers.records import Example, Message

PAIR = Row(1, "pairs.csv", Example((Message("user", "q"), Message("assistant", "ä"))))


def test_the_file_is_named_by_the_hash_of_its_bytes(tmp_path: Path) -> None:
    file = write_file([PAIR, PAIR], OPENAI_CHAT, tmp_path / "new", "train")
    content = file.path.read_bytes()
    assert file.path.name == f"{hashlib.sha256(content).hexdigest()}.jsonl" == f"{file.sha256}.jsonl"
    assert (file.size, file.rows, file.role, file.dialect) == (len(content), 2, "train", "openai_chat")


def test_the_file_reads_back_as_the_rows_it_was_made_of(
    tmp_path: Path, jsonl: Callable[..., Path], pairs: Callable[..., list[object]]
) -> None:
    rows = load(jsonl(pairs(50))).split.train
    file = write_file(rows, TOGETHER_INSTRUCTION, tmp_path / "out", "train")
    lines = file.path.read_text(encoding="utf-8").splitlines()
    assert [TOGETHER_INSTRUCTION.decode(json.loads(line)) for line in lines] == [row.example for row in rows]


def test_writing_twice_gives_one_file_for_its_owner_alone(tmp_path: Path) -> None:
    first, again = (write_file([PAIR], OPENAI_CHAT, tmp_path, "train") for _ in range(2))
    assert first == again
    assert [path.name for path in tmp_path.iterdir()] == [first.path.name]
    assert first.path.stat().st_mode & 0o077 == 0


def test_a_row_the_dialect_cannot_express_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    system = Row(7, "pairs.csv", Example((Message("system", "s"), *PAIR.example.messages)))
    with pytest.raises(Unsupported, match=r"pairs\.csv, row 7: .*system"):
        write_file([PAIR, system], TOGETHER_INSTRUCTION, tmp_path, "train")
    assert list(tmp_path.iterdir()) == []


def test_no_rows_make_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataRefused):
        write_file([], OPENAI_CHAT, tmp_path, "validation")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_a_file_is_refused_clearly(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(TunewrightError, match="cannot be written") as refused:
        write_file([PAIR], OPENAI_CHAT, tmp_path / "taken", "train")
    assert "taken" in refused.value.where


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from orchestrator.dataset import Row, write_file
from orchestrator.errors import TunewrightError
from providers.dialects import OPENAI_CHAT
from providers.records import Example, Message
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
row = Row(1, "a", Example((Message("user", "q" * 1000), Message("assistant", "a"))))
try:
    write_file([row] * 2000, OPENAI_CHAT, Path(sys.argv[1]), "train")
except TunewrightError as error:
    print(error.what)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_no_space_is_said_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    out = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "no space left" in out.stdout
    assert list(tmp_path.iterdir()) == []
