"""The process that a run starts: clears away a half-written save, lets `llamafactory-cli` train, believes its files.

`main([FOLDER, "lora" or "full", "early" or "whole", COMMAND…])`, in the run's folder. LLaMA-Factory goes on from the
checkpoint with the highest number, also from one that was being written when the run was killed: such a one is removed
first. Afterwards the model is published under `artefact/`, or what is missing is said, whatever the exit code was.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .config import OUTPUT_DIR
from .outcome import failure_of, missing, unfinished

__all__ = ["BEGIN", "main", "publish"]

BEGIN = (
    "import sys; sys.path.insert(0, sys.argv[1]); from providers.llamafactory.launch import main; main(sys.argv[2:])"
)
"""Run by `python -I -c`, with the folder that holds this project first."""

_ARTEFACT = "artefact"
_TAIL = 65_536


def main(arguments: Sequence[str]) -> NoReturn:
    """Ends with 0 only where a model was made."""
    folder, lora, early = Path(arguments[0]), arguments[1] == "lora", arguments[2] == "early"
    output, artefact = folder / OUTPUT_DIR, folder / _ARTEFACT
    for checkpoint in unfinished(output):
        print(f"{checkpoint.name} was not finished and is removed", flush=True)
        shutil.rmtree(checkpoint)
    if missing(output, lora=lora, early=early):
        # The whole group is signalled: the trainer ends by it, and this process when the trainer has ended. A handler,
        # as a signal that is ignored would be ignored by the trainer too.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        code = subprocess.Popen(arguments[3:]).wait()
        if code != 0:
            _say(failure_of(_end_of_log(folder), code).words)
            sys.exit(code if code > 0 else 128 - code)
    lacking = missing(output, lora=lora, early=early)
    if lacking:
        _say(f"llamafactory-cli ended without an error, and without {', '.join(lacking)}")
        sys.exit(1)
    publish(output, artefact)
    sys.exit(0)


def publish(output: Path, artefact: Path) -> None:
    """The files of the finished model, without the checkpoints beside them, under their name in one step."""
    if artefact.exists():
        return
    draft = artefact.with_name(f".{artefact.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    for path in sorted(output.iterdir()):
        if path.is_file():
            _linked(path, draft / path.name)
    draft.rename(artefact)


def _linked(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _end_of_log(folder: Path) -> str:
    try:
        data = (folder / "log.txt").read_bytes()
    except OSError:
        return ""
    return data[-_TAIL:].decode("utf-8", errors="replace")


def _say(words: str) -> None:
    print(words, flush=True)
