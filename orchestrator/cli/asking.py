"""Reading a line from the person at the terminal, so that no key of theirs is lost."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

__all__ = ["read_line"]


def read_line(prompt: str) -> str:
    """Print `prompt` on stderr and answer the line typed. Ctrl-C and Ctrl-D raise `KeyboardInterrupt`."""
    click.echo(prompt, nl=False, err=True)
    with _ctrl_c_interrupts():
        if os.name != "nt":  # its select knows sockets alone
            _wait_for_input()
        line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.rstrip("\n")


@contextmanager
def _ctrl_c_interrupts() -> Iterator[None]:
    """While a person is asked, Ctrl-C must reach the question itself."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _wait_for_input() -> None:
    """Return when stdin has a line to read. A signal wakes it up, even one that came just before the waiting began:
    `read` alone would sleep on, for Python runs its handlers between instructions, not inside a system call."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        while sys.stdin not in select.select([sys.stdin, woken], [], [])[0]:
            os.read(woken, 64)
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(wake)
