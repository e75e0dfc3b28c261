"""Keys planted in the environment, in `.env`, in the configuration and in URLs are found nowhere afterwards.

Not in what is printed with `--debug` and both SDKs' own debug logs on, not in the ledger, a report or the sandbox's
files, not in a traceback, and not in the arguments of any process.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

KEYS = {
    "OPENAI_API_KEY": "sk-sandbox-canary-openai-0123456789",
    "TOGETHER_API_KEY": "sk-sandbox-canary-other-9876543210",
    "OPENAI_WEBHOOK_SECRET": "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0",
    "HF_TOKEN": "hf_canaryCanaryCanary0123456789",
    "WANDB_API_KEY": "canary0wandb0canary0wandb0canary0wandb0",
    "MY_DB_PASSWORD": "canary password/with=odd&letters",
}
LOUD = {"OPENAI_LOG": "debug", "TOGETHER_LOG": "debug"}
RUN = ("run", "pairs.csv", "--yes", "--max-usd", "500", "--debug")
MODELS = {"openai": "openai:gpt-4.1-mini-2025-04-14", "together": "together:Qwen/Qwen3-8B"}
DEFECT = """
import os, sys

def strike(event, arguments):
    if event == "sqlite3.connect":
        raise RuntimeError("a defect that repeats " + os.environ["OPENAI_API_KEY"])

sys.addaudithook(strike)
"""


def planted(text: bytes) -> set[str]:
    """The names of the keys that stand in it, as they are, encoded for a URL, or in base64."""
    forms = {
        name: (key.encode(), quote(key, safe="").encode(), base64.b64encode(key.encode())[:-4])
        for name, key in KEYS.items()
    }
    return {name for name, spelled in forms.items() if any(form in text for form in spelled)}


def left_in(folder: Path) -> dict[str, set[str]]:
    """File → keys found in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {str(path): found for path in files if (found := planted(path.read_bytes()))}


@pytest.fixture
def arguments_seen() -> Iterator[Callable[[], bytes]]:
    """The command lines of all processes on this machine, looked at again and again until asked for."""
    seen, over = set[bytes](), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes())
                except OSError:
                    continue

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    yield lambda: (over.set(), looking.join(), b"\n".join(seen))[-1]
    over.set()


@pytest.fixture
def quiet(server: Any) -> dict[str, str]:
    """The sandbox as both platforms, with our keys in place of its own."""
    return {**server.environ, **KEYS, **LOUD}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_whole_run_with_every_log_on_leaves_no_key_anywhere(
    process: Any, pairs: Path, work: Path, quiet: dict[str, str], name: str, arguments_seen: Callable[[], bytes]
) -> None:
    answer = process(*RUN, "--to", MODELS[name], env=quiet)
    assert answer.code in (0, 6, 7), answer.err[-500:]
    assert "HTTP Re" in answer.err, "the SDK's own log was not on"
    assert planted((answer.out + answer.err).encode()) == set()
    assert left_in(work) == {}
    seen = arguments_seen()
    assert b"orchestrator.cli" in seen
    assert planted(seen) == set()


def test_a_key_in_dotenv_is_as_secret_as_one_in_the_environment(
    process: Any, pairs: Path, work: Path, server: Any
) -> None:
    lines = [f"{name}={value!r}" for name, value in KEYS.items()]
    (work / ".env").write_text("\n".join(lines), encoding="utf-8")
    urls = {name: url for name, url in server.environ.items() if name not in KEYS}
    server.world.faults.set("training_not_available")
    answer = process(*RUN, "--to", MODELS["openai"], "--json", env={**urls, **LOUD})
    assert answer.error["code"] == "closed"
    (work / ".env").unlink()
    assert planted((answer.out + answer.err).encode()) == set()
    assert left_in(work) == {}


def test_a_wrong_key_is_refused_without_being_repeated(process: Any, pairs: Path, quiet: dict[str, str]) -> None:
    wrong = "canary-of-no-known-shape-0123456789"
    answer = process(*RUN, "--to", MODELS["openai"], env={**quiet, "OPENAI_API_KEY": wrong})
    assert answer.code != 0
    assert wrong not in answer.out + answer.err


def test_the_traceback_of_a_defect_repeats_no_key(
    process: Any, pairs: Path, quiet: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DEFECT, encoding="utf-8")
    answer = process(*RUN, "--to", MODELS["openai"], env={**quiet, "PYTHONPATH": str(folder)})
    assert "a defect that repeats ***" in answer.err
    assert planted((answer.out + answer.err).encode()) == set()


@pytest.mark.parametrize("setting", ["api_key", "account"])
def test_a_key_in_the_configuration_is_refused_and_not_repeated(
    process: Any, pairs: Path, work: Path, quiet: dict[str, str], setting: str
) -> None:
    config = work / "tunewright.toml"
    config.write_text(f'{setting} = "{KEYS["OPENAI_API_KEY"]}"\n', encoding="utf-8")
    answer = process(
        *RUN, "--to", MODELS["openai"], "--json", env=quiet | {"OPENAI_ORG_ID": "", "OPENAI_PROJECT_ID": ""}
    )
    assert answer.code != 0
    config.unlink()
    assert planted((answer.out + answer.err).encode()) == set()
    assert left_in(work) == {}


@pytest.mark.parametrize("option", ["wandb_api_key", "hf_api_token"])
def test_a_key_among_the_settings_is_refused_and_not_repeated(
    process: Any, pairs: Path, work: Path, quiet: dict[str, str], option: str
) -> None:
    answer = process(*RUN, "--to", MODELS["together"], "--set", f"{option}={KEYS['WANDB_API_KEY']}", env=quiet)
    assert answer.code == 2
    assert planted((answer.out + answer.err).encode()) == set()
    assert left_in(work) == {}


def test_a_password_in_a_base_url_is_refused_before_it_is_kept(
    process: Any, pairs: Path, work: Path, quiet: dict[str, str]
) -> None:
    url = quiet["OPENAI_BASE_URL"].replace("://", "://me:s3cret-canary@")
    answer = process(*RUN, "--to", MODELS["openai"], env={**quiet, "OPENAI_BASE_URL": url})
    assert "holds a name or a password" in answer.err
    assert "s3cret-canary" not in answer.out + answer.err
    assert not any(b"s3cret-canary" in path.read_bytes() for path in work.rglob("*") if path.is_file())


def test_the_search_finds_a_key_that_was_not_cut(work: Path) -> None:
    (work / "log").write_bytes(b"Authorization: Bearer " + KEYS["OPENAI_API_KEY"].encode())
    (work / "url").write_bytes(b"https://host/?p=" + quote(KEYS["MY_DB_PASSWORD"], safe="").encode())
    found = left_in(work)
    assert sorted(key for keys in found.values() for key in keys) == ["MY_DB_PASSWORD", "OPENAI_API_KEY"]


def test_the_search_of_arguments_finds_a_key_on_a_command_line(arguments_seen: Callable[[], bytes]) -> None:
    key = KEYS["OPENAI_API_KEY"]
    subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)", key], check=True, env={**os.environ})
    assert planted(arguments_seen()) == {"OPENAI_API_KEY"}
