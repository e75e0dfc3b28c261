"""How a run ended, from what it left behind; its exit status alone never makes it a success."""

from __future__ import annotations

from typing import NamedTuple

from .folder import Order, RunFolder
from .history import Standing

__all__ = ["PLEASE_RESUME", "Outcome", "last_words", "outcome_of"]

PLEASE_RESUME = 75
"""The exit status of a program that has saved a checkpoint and stopped before its end (EX_TEMPFAIL of sysexits.h)."""

_SHELL_SAYS_SIGNALLED = (128 + 9, 128 + 15)
_TAIL, _LONGEST = 16_384, 500


class Outcome(NamedTuple):
    """`error`: for people, where there is one."""

    standing: Standing
    error: str | None = None


def outcome_of(run: RunFolder, order: Order, code: int | None, why_stopped: str | None) -> Outcome:
    """`code`: the exit status, negative for a signal; None where nobody saw it end. `why_stopped`: by us."""
    if order.idle_timeout_s is not None:
        return _of_server(run, code, why_stopped)
    missing = run.missing(order.launch)
    killed = code is None or code < 0
    if not missing and (killed or code == 0):
        return Outcome("succeeded")
    if why_stopped == "cancel":
        return Outcome("cancelled")
    if why_stopped == "pause":
        return Outcome("paused")
    if killed or code == PLEASE_RESUME or code in _SHELL_SAYS_SIGNALLED:
        return Outcome("died", _how_it_died(code))
    if code == 0:
        return Outcome("failed", f"it ended without an error and without {', '.join(missing)}{_said(run)}")
    return Outcome("failed", f"it ended with exit status {code}{_said(run)}")


def _of_server(run: RunFolder, code: int | None, why_stopped: str | None) -> Outcome:
    if why_stopped == "idle":
        return Outcome("idle")
    if why_stopped is not None:
        return Outcome("cancelled")
    return Outcome("failed", f"the server ended by itself ({_how_it_died(code)}){_said(run)}")


def _how_it_died(code: int | None) -> str:
    if code is None:
        return "its process was gone, and nobody saw it end"
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def _said(run: RunFolder) -> str:
    words = last_words(run)
    return f"; the last it said: {words}" if words else ""


def last_words(run: RunFolder) -> str:
    """The log's last line that holds anything."""
    try:
        with run.log.open("rb") as stream:
            stream.seek(max(0, run.log.stat().st_size - _TAIL))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return lines[-1][-_LONGEST:] if lines else ""
