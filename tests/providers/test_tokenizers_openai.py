"""The offline tokenizer: right, private, safe to call at once, and working where the home cannot be written."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from providers.tokenizers import _openai

O200K_FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"
O200K_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
LOAD = (
    "from providers.tokenizers._openai import encoding\n"
    "print(len(encoding('o200k_base').encode_ordinary('hello world')))"
)


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter, so that nothing is loaded yet."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "ids"), [("o200k_base", [24912, 2375]), ("cl100k_base", [15339, 1917]), ("o200k_harmony", [24912, 2375])]
)
def test_encodings_give_tiktokens_published_ids(name: str, ids: list[int]) -> None:
    assert _openai.encoding(name).encode_ordinary("hello world") == ids


def test_an_empty_cache_is_filled_with_sockets_disabled(tmp_path: Path) -> None:
    done = run(f"import socket; socket.socket = None\n{LOAD}", XDG_CACHE_HOME=str(tmp_path))
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_an_unknown_encoding_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ValueError, match="o200k_base"):
        _openai.encoding("r50k_base")


def test_threads_share_one_encoding() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: _openai.encoding("o200k_base"), range(16)))
    assert len({id(encoding) for encoding in found}) == 1


def test_the_cache_is_private_and_holds_the_checked_file(tmp_path: Path) -> None:
    assert run(LOAD, XDG_CACHE_HOME=str(tmp_path)).stdout == "2\n"
    folder = tmp_path / "tunewright" / "tiktoken"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in folder.iterdir()] == [O200K_FILE]
    assert hashlib.sha256((folder / O200K_FILE).read_bytes()).hexdigest() == O200K_SHA256


def test_a_damaged_cache_file_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "tunewright" / "tiktoken"
    folder.mkdir(parents=True)
    (folder / O200K_FILE).write_bytes(b"damaged")
    assert run(LOAD, XDG_CACHE_HOME=str(tmp_path)).stdout == "2\n"
    assert hashlib.sha256((folder / O200K_FILE).read_bytes()).hexdigest() == O200K_SHA256


def test_a_cache_that_cannot_be_written_falls_back_to_a_temporary_one(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the cache directory should be")
    done = run(LOAD, XDG_CACHE_HOME=str(blocked), TMPDIR=str(tmp_path))
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]


def test_processes_starting_at_once_all_succeed(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: run(LOAD, XDG_CACHE_HOME=str(tmp_path)).stdout, range(4)))
    assert done == ["2\n"] * 4


def test_the_users_own_tiktoken_cache_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    code = f"{LOAD}\nimport os; print(os.environ['TIKTOKEN_CACHE_DIR'])"
    done = run(code, XDG_CACHE_HOME=str(tmp_path / "ours"), TIKTOKEN_CACHE_DIR=str(theirs))
    assert done.stdout == f"2\n{theirs}\n"
    assert list(theirs.iterdir()) == []


def test_importing_the_module_does_not_import_tiktoken() -> None:
    done = run("import sys, providers.tokenizers; print('tiktoken' in sys.modules)")
    assert done.stdout == "False\n"
