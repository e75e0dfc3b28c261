"""A console that prints untrusted text safely, whoever calls it. Imported when the first line is printed."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..secrecy import Secrecy
from .text import plain_text

__all__ = ["SafeConsole"]


class SafeConsole(Console):
    """Shows control characters and bidi marks instead of obeying them, and nothing secret, in every string it prints.

    On a terminal a long line goes on under its own indent.
    """

    def __init__(self, secrecy: Secrecy, **settings: Any) -> None:
        # No emoji: `:new:` in a name or in what a model says is text, like everything else here.
        super().__init__(**settings, emoji=False)
        self._secrecy = secrecy

    def print(self, *objects: Any, **settings: Any) -> None:
        """As `rich` prints, with strings made plain."""
        plain = [plain_text(self._secrecy.cut(item)) if isinstance(item, str) else item for item in objects]
        if len(plain) == 1 and isinstance(plain[0], str) and not settings.get("soft_wrap", self.soft_wrap):
            for line in plain[0].split("\n"):
                super().print(_indented(line), **settings)
        else:
            super().print(*plain, **settings)


_HEAD = re.compile(r" *(\S{1,12}  +)?")
"""What a line goes on under: its indent, and a short first column if it has one."""


def _indented(line: str) -> Table:
    head = _HEAD.match(line)
    width = head.end() if head else 0
    grid = Table.grid(padding=0)
    if width:
        grid.add_column(width=width, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(*([Text(line[:width])] if width else []), Text(line[width:]))
    return grid
