"""Starts processes that outlive whoever starts them: the program of a run, and the supervisor that watches over it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .folder import Launch, RunFolder
from .identity import myself

__all__ = ["spawn", "start_supervisor", "substituted"]

_ROOT = Path(__file__).resolve().parents[2]
_BEGIN = (
    "import sys; sys.path.insert(0, sys.argv[1]); from providers.processes.supervisor import main; main(sys.argv[2])"
)
_START_WITHIN_S = 60.0
_CANNOT_START = 127


def start_supervisor(folder: RunFolder) -> None:
    """Have a process watch over the folder; where one does already, the new one ends at once.

    Answers when it watches. Raises `OSError` where it cannot be started.
    """
    # -I: neither the working directory nor PYTHONPATH may put another module in the place of ours.
    command = [sys.executable, "-I", "-c", _BEGIN, str(_ROOT), str(folder.path)]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_START_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"the supervisor did not start within {_START_WITHIN_S:g} s") from error
    if answer.returncode != 0:
        raise OSError(f"the supervisor did not start: {answer.stderr.strip()[-500:] or answer.returncode}")


def spawn(folder: RunFolder, launch: Launch, lock: int, told: Mapping[str, str]) -> int:
    """Start the program in a session, and so a process group, of its own; answers its process id.

    Its process is written down before the program itself begins, and it holds `lock` for as long as it lives: whoever
    finds the lock taken and the record there knows which process to watch. Only for a process without threads.
    """
    log = os.open(folder.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    child = os.fork()
    if child == 0:
        _become(folder, launch, lock, log, told)
    os.close(log)
    return child


def _become(folder: RunFolder, launch: Launch, lock: int, log: int, told: Mapping[str, str]) -> None:
    """Never returns: this process is the program from here on, or ends."""
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.set_inheritable(lock, True)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        folder.write_process("process", myself())
        os.chdir(launch.cwd or folder.path)
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **{k: substituted(v, told) for k, v in launch.env.items()}}
        env["TUNEWRIGHT_JOB"] = str(folder.job_file)
        open_values = {name: value for name, value in told.items() if name != "key"}  # arguments are seen by everybody
        command = [substituted(word, open_values) for word in launch.command]
        os.execvpe(command[0], command, env)
    except BaseException as error:  # noqa: BLE001  a forked copy must not go on as its parent
        os.write(2, f"cannot start {launch.command[0] if launch.command else 'nothing'}: {error}\n".encode())
    finally:
        os._exit(_CANNOT_START)


def substituted(text: str, told: Mapping[str, str]) -> str:
    """`text` with `{name}` replaced by its value, for the names told; other braces stay."""
    for name, value in told.items():
        text = text.replace(f"{{{name}}}", value)
    return text
