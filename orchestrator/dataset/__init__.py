"""Pairs to a checked, split dataset, and a dataset to a file a platform takes.

`load` refuses what cannot be used, `check` only says so; `check_as_is` judges bytes as they would be uploaded. Dialects
come from `providers.dialects`; nothing here knows a platform. Readers and rules are imported when they are first used,
so that naming the records stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .records import Action, Columns, Dataset, Dropped, Finding, Policy, Row, Severity, SourceInfo, Split

if TYPE_CHECKING:
    from .answers import Task
    from .as_is import check_as_is
    from .loading import PairsRefused, check, load
    from .rules import RULES, Rule, explain
    from .writing import write_file

__all__ = [
    "RULES",
    "Action",
    "Columns",
    "Dataset",
    "Dropped",
    "Finding",
    "PairsRefused",
    "Policy",
    "Row",
    "Rule",
    "Severity",
    "SourceInfo",
    "Split",
    "Task",
    "check",
    "check_as_is",
    "explain",
    "load",
    "write_file",
]

_LATER = {
    "PairsRefused": "loading",
    "RULES": "rules",
    "Rule": "rules",
    "Task": "answers",
    "check": "loading",
    "check_as_is": "as_is",
    "explain": "rules",
    "load": "loading",
    "write_file": "writing",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
