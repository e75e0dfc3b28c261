"""A warm process that forks one whole run after another, in each of which one file operation fails.

Argument: the shim; on standard input the plan as JSON: {"kind": …, "nth": […], "pairs": …, "folder": …}. Prints a line
of JSON a run: how it ended, what it said, how the next start of the same command ended, and what the ledger then held.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

KINDS = {"full": 1, "broken": 2, "locked": 4}
MODEL = "openai:gpt-4.1-mini-2025-04-14"
_NEVER = 1 << 40


def warm() -> None:
    """Import now what a run imports, so that a child begins at once."""
    import scipy.stats  # noqa: F401

    import providers.openai.account  # noqa: F401


def command(folder: Path) -> list[str]:
    """The same one, first and again."""
    places = ["--home", str(folder / ".tunewright")]
    return [
        "tunewright",
        "run",
        str(folder / "pairs.csv"),
        "--to",
        MODEL,
        "--yes",
        "--max-usd",
        "500",
        "--json",
        *places,
    ]


def play(shim: ctypes.CDLL, folder: Path, kind: int, nth: int) -> dict[str, Any]:
    """One run in a child; its exit code, both streams, and what the shim counted and struck."""
    said = folder.parent / f"{folder.name}-said"
    said.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        _in_the_child(shim, folder, said, kind, nth)
    _, status = os.waitpid(child, 0)
    shim_said = json.loads((said / "shim").read_text()) if (said / "shim").exists() else {}
    answer = {
        "code": os.waitstatus_to_exitcode(status),
        "out": (said / "out").read_text(),
        "err": (said / "err").read_text(),
        **shim_said,
    }
    shutil.rmtree(said)
    return answer


def _in_the_child(shim: ctypes.CDLL, folder: Path, said: Path, kind: int, nth: int) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(said / name, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    sys.argv = command(folder)
    shim.failing_arm(str(folder / ".tunewright").encode(), kind, nth)
    code = 99
    try:
        from orchestrator.cli import main

        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        told = {"counted": shim.failing_counted(), "struck": shim.failing_struck().decode()}
        shim.failing_arm(b"", 0, 0)
        (said / "shim").write_text(json.dumps(told))
        os._exit(code)


def books(folder: Path) -> dict[str, Any]:
    """What the ledger holds of the one wish, and whether its file is sound."""
    import sqlite3

    with sqlite3.connect(folder / ".tunewright" / "ledger.sqlite3") as file:
        intents = file.execute("SELECT tag, job_id, state FROM intent").fetchall()
        money = file.execute("SELECT kind, state, usd FROM spending ORDER BY kind").fetchall()
        sound = file.execute("PRAGMA integrity_check").fetchone()[0]
    return {"intents": intents, "money": money, "sound": sound}


def one(shim: ctypes.CDLL, folder: Path, pairs: str, kind: int, nth: int) -> dict[str, Any]:
    """A run in which the Nth operation fails, and the same command again."""
    folder.mkdir()
    (folder / "pairs.csv").write_text(pairs.replace("SALT", f"{folder.name}"), encoding="utf-8")
    first = play(shim, folder, kind, nth)
    again = play(shim, folder, 0, _NEVER)
    left = [path.name for path in folder.rglob("*") if path.name.endswith((".part", ".tmp"))]
    return {"nth": nth, "first": first, "again": again, "left": left, **books(folder)}


def main() -> None:
    asked = json.load(sys.stdin)
    shim = ctypes.CDLL(sys.argv[1])
    shim.failing_arm.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_long)
    shim.failing_counted.restype, shim.failing_struck.restype = ctypes.c_long, ctypes.c_char_p
    warm()
    kind, place = KINDS[asked["kind"]], Path(asked["folder"])
    for nth in asked["nth"]:
        print(json.dumps(one(shim, place / f"{asked['kind']}-{nth}", asked["pairs"], kind, nth)), flush=True)


if __name__ == "__main__":
    main()
