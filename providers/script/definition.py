"""Reads a `trainer.toml`: which programs train and answer, and which settings they take. Every mistake is named."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from ..errors import InvalidData, NotFound
from ..records import Method
from ..settings import Setting

__all__ = ["FILE_NAME", "Trainer", "read_trainer"]

FILE_NAME = "trainer.toml"
_KEYS = {
    "title": str,
    "python": str,
    "train": list,
    "answer": list,
    "serve": list,
    "methods": list,
    "context_tokens": int,
    "free_disk_mb": int,
    "hours": list,
    "hyperparameters": dict,
}
_SETTING_KEYS = ("kind", "low", "high", "above", "words", "default", "why")
_KINDS = ("int", "float", "bool", "text")
_WHY = "the default of the trainer itself"
_USUAL: Mapping[str, Setting] = {"seed": Setting(kind="int", low=0)}
_SEED = (7, "a fixed seed, so that the same data and settings can be run again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """One trainer. `python` stands for `{python}` in its commands, which run in `folder`, where the file lies.

    `settings`: every hyperparameter it takes; `presets`: name → (default, why).
    """

    path: Path
    title: str
    python: str
    train: Sequence[str]
    answer: Sequence[str] = ()
    serve: Sequence[str] = ()
    methods: tuple[Method, ...] = (Method.SFT,)
    context_tokens: int | None = None
    free_disk_mb: int = 200
    hours: tuple[Decimal, Decimal] | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)
    presets: Mapping[str, tuple[Any, str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its commands run."""
        return self.path.parent

    def command(self, words: Sequence[str]) -> list[str]:
        """A command with its interpreter filled in."""
        return [word.replace("{python}", self.python) for word in words]

    def missing_programs(self) -> list[str]:
        """The programs of its commands that cannot be found, or may not be run."""
        wanted = dict.fromkeys(self.command(words)[0] for words in (self.train, self.answer, self.serve) if words)
        return [word for word in wanted if shutil.which(str(self.folder / word) if "/" in word else word) is None]


def read_trainer(name: str) -> Trainer:
    """The trainer at a path: a TOML file, or a folder that holds `trainer.toml`.

    Raises `NotFound` where there is none, `InvalidData` naming the key that is wrong.
    """
    path = Path(name).expanduser()
    path = (path / FILE_NAME if path.is_dir() else path).absolute()
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fix = f"give the path of a {FILE_NAME}, or of its folder; docs/your-own-trainer.md says what is in it"
        raise NotFound(f"there is no trainer at {name!r}", provider="script", nothing_created=True, fix=fix) from None
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(path, f"is not a TOML file: {error}", f"name the {FILE_NAME} beside the script") from None
    return _trainer(path, told)


def _trainer(path: Path, told: Mapping[str, Any]) -> Trainer:
    _refuse_unknown(path, told, tuple(_KEYS), "")
    for key, kind in _KEYS.items():
        if key in told and (not isinstance(told[key], kind) or isinstance(told[key], bool)):
            raise _wrong(path, f"{key} must be {_called(kind)}")
    if ("answer" in told) == ("serve" in told):
        raise _wrong(path, "give either answer or serve: how a model is asked")
    hyperparameters = told.get("hyperparameters", {})
    settings = {name: _setting(path, name, row) for name, row in hyperparameters.items()}
    presets = {
        name: (row["default"], str(row.get("why", _WHY))) for name, row in hyperparameters.items() if "default" in row
    }
    return Trainer(
        path=path,
        title=told.get("title", path.parent.name),
        python=_python(path, told.get("python")),
        train=_command(path, told, "train"),
        answer=_command(path, told, "answer") if "answer" in told else (),
        serve=_command(path, told, "serve") if "serve" in told else (),
        methods=tuple(_method(path, name) for name in told.get("methods", ["sft"])),
        context_tokens=told.get("context_tokens"),
        free_disk_mb=told.get("free_disk_mb", 200),
        hours=_hours(path, told.get("hours")),
        settings={**_USUAL, **settings},
        presets={"seed": _SEED, **presets},
    )


def _python(path: Path, told: str | None) -> str:
    """By default the interpreter that runs this; a relative path is seen from the file's folder."""
    if told is None:
        return sys.executable
    return str(path.parent / Path(told).expanduser()) if "/" in told else told


def _command(path: Path, told: Mapping[str, Any], key: str) -> Sequence[str]:
    words = told.get(key)
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise _wrong(path, f"{key} must be a list of words", f'{key} = ["{{python}}", "{key}.py"]')
    return tuple(words)


def _setting(path: Path, name: str, row: object) -> Setting:
    where = f"hyperparameters.{name}"
    if not isinstance(row, Mapping):
        raise _wrong(path, f"{where} must be a table", f'{where} = {{ kind = "int", low = 1, default = 3 }}')
    _refuse_unknown(path, row, _SETTING_KEYS, f"{where}.")
    kind = row.get("kind")
    if kind not in _KINDS:
        raise _wrong(path, f"{where}.kind is {kind!r}", f"one of: {', '.join(_KINDS)}")
    for end in ("low", "high", "above"):
        if end in row and (isinstance(row[end], bool) or not isinstance(row[end], int | float)):
            raise _wrong(path, f"{where}.{end} must be a number")
    words = row.get("words", [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise _wrong(path, f"{where}.words must be a list of texts")
    return Setting(
        kind=cast(Any, kind), low=row.get("low"), high=row.get("high"), above=row.get("above"), words=tuple(words)
    )


def _method(path: Path, name: object) -> Method:
    if name not in [method.value for method in Method]:
        raise _wrong(path, f"methods holds {name!r}", f"one or more of: {', '.join(Method)}")
    return Method(str(name))


def _hours(path: Path, told: list[Any] | None) -> tuple[Decimal, Decimal] | None:
    """How long a training takes on this machine, at least and at most, as its owner says."""
    if told is None:
        return None
    try:
        low, high = (Decimal(str(value)) for value in told)
    except (InvalidOperation, ValueError):
        low, high = Decimal(-1), Decimal(-1)
    if not (low.is_finite() and high.is_finite() and 0 <= low <= high):
        raise _wrong(path, "hours must be the least and the most that a training takes", 'hours = ["0.1", "2"]')
    return low, high


def _refuse_unknown(path: Path, told: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in told:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise _wrong(path, f"unknown key {where}{key}", hint)


def _called(kind: type) -> str:
    return {str: "text", list: "a list", int: "a whole number", dict: "a table"}[kind]


def _wrong(path: Path, message: str, fix: str | None = None) -> InvalidData:
    return InvalidData(f"{path}: {message}", provider="script", operation="trainer", nothing_created=True, fix=fix)
