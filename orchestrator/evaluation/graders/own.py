"""Graders of your own: a Python function, by file and name or by an installed package's entry point.

It is loaded before anybody is asked. What it raises on one answer never ends an evaluation: that answer is ungraded,
with the row and the line of your code, and counted.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from ...errors import UsageError
from .grade import Attempt, Grade

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["GROUP", "OwnFunction", "entry_point_names", "from_entry_point", "from_file", "is_own"]

GROUP = "tunewright.graders"
"""The group of entry points in which a package offers its graders."""

_BY_NAME = ("answer", "expected", "accept", "messages", "tool_calls", "row", "candidate")
_FIX = "take (answer, expected), and any of accept, messages, tool_calls, row, candidate by name"
_Measure = Literal["binary", "score"]


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """Calls `function` and takes a bool, a number from 0 to 1, or a `Grade`. Annotated `-> bool`, it is pass or fail.

    `identity` holds the hash of the source, so that a function changed since is known for another grader.
    """

    name: str
    function: Callable[..., Any] = field(compare=False)
    arguments: tuple[str, ...] | None = None  # by name; None: the two by position
    measure: _Measure = "score"
    source: str = ""
    reason: str = "your own function"

    @property
    def identity(self) -> str:
        """Its name and the hash of the file, or the version of the package, that holds it."""
        return f"{self.name} {self.source}"

    def grade(self, answer: str, expected: str, accept: Sequence[str] = ()) -> Grade:
        """See `Grader`; for a function that asks for no more than words."""
        return self._called({"answer": answer, "expected": expected, "accept": tuple(accept)}, "")

    def grade_attempt(self, attempt: Attempt) -> Grade:
        """See `AttemptGrader`."""
        row = attempt.row
        known: dict[str, Any] = {
            "answer": attempt.text,
            "expected": row.example.answer,
            "accept": row.accept,
            "messages": [{"role": turn.role, "content": turn.text} for turn in row.example.prompt],
            "tool_calls": [dict(call) for call in attempt.tool_calls],
            "row": row.number,
            "candidate": attempt.candidate,
        }
        return self._called(known, f"row {row.number}: ")

    def _called(self, known: Mapping[str, Any], where: str) -> Grade:
        try:
            if self.arguments is None:
                told = self.function(known["answer"], known["expected"])
            else:
                told = self.function(**{name: known.get(name) for name in self.arguments})
            return _grade_of(told, self.measure)
        except Exception as error:  # noqa: BLE001  it is the user's code, and told as what it is
            return Grade(0.0, False, f"{where}{_told(error)}", ungraded=True)


def is_own(name: str) -> bool:
    """Whether the name means a file of Python: `file.py:function`."""
    return ".py:" in name


def from_file(name: str) -> OwnFunction:
    """`path/to/file.py:function`. Raises `UsageError` with your own line where it cannot be loaded."""
    path_text, _, function_name = name.rpartition(":")
    path = Path(path_text).absolute()
    try:
        source = path.read_bytes()
    except OSError as error:
        what, fix = f"your grader cannot be read: {error.strerror}", "--grader file.py:function"
        raise UsageError(what, where=path_text, fix=fix) from error
    module = _loaded(path, hashlib.sha256(source).hexdigest())
    function = getattr(module, function_name, None)
    if not callable(function):
        offered = [key for key, value in vars(module).items() if inspect.isfunction(value) and not key.startswith("_")]
        fix = f"it has {', '.join(offered)}" if offered else "define a function of that name"
        raise UsageError(f"{path.name} has no function {function_name!r}", where=path_text, fix=fix)
    digest = hashlib.sha256(source).hexdigest()
    reason = f"your own function {function_name} in {path.name} (sha256 {digest[:12]})"
    return _made(f"{path.name}:{function_name}", function, f"sha256:{digest}", reason)


def entry_points(name: str | None = None) -> EntryPoints:
    """What installed packages offer as graders; the machinery is loaded only when it is asked."""
    from importlib.metadata import entry_points as offered

    return offered(group=GROUP) if name is None else offered(group=GROUP, name=name)


def entry_point_names() -> tuple[str, ...]:
    """What installed packages offer."""
    return tuple(sorted({point.name for point in entry_points()}))


def from_entry_point(name: str) -> OwnFunction:
    """The function that an installed package offers under that name. Raises `UsageError` where it cannot be loaded."""
    point = next(iter(entry_points(name)))
    try:
        function = point.load()
    except Exception as error:
        what, fix = f"the grader {name} cannot be loaded: {_told(error)}", "mend or uninstall the package"
        raise UsageError(what, where=point.value, fix=fix) from error
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an installed package"
    return _made(name, function, package, f"from {package} ({point.value})")


def _loaded(path: Path, digest: str) -> ModuleType:
    """The module, imported once for each state of the file; what stands beside it may be imported by it."""
    name = f"tunewright_grader_{path.stem}_{digest[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError("this is no Python file", where=str(path), fix="--grader file.py:function")
    module = module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        fix = "run it with python to see more"
        raise UsageError(f"your grader cannot be loaded: {_told(error)}", where=str(path), fix=fix) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _made(name: str, function: Any, source: str, reason: str) -> OwnFunction:
    if inspect.iscoroutinefunction(function):
        raise UsageError("a grader is a plain function, not an async one", where=name, fix="write def, not async def")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise UsageError(f"its arguments cannot be read: {error}", where=name, fix=_FIX) from error
    measure: _Measure = "binary" if signature.return_annotation in (bool, "bool") else "score"
    return OwnFunction(name, function, _arguments(name, signature), measure, source, reason)


def _arguments(name: str, signature: inspect.Signature) -> tuple[str, ...] | None:
    needed = [
        each for each in signature.parameters.values() if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    by_name = tuple(each.name for each in needed if each.name in _BY_NAME and each.kind != each.POSITIONAL_ONLY)
    unknown = [each.name for each in needed if each.name not in by_name and each.default is each.empty]
    if not unknown:
        return by_name
    if len([each for each in needed if each.default is each.empty and each.kind != each.KEYWORD_ONLY]) == 2:
        return None
    raise UsageError(f"your grader asks for {', '.join(unknown)}, which is not known", where=name, fix=_FIX)


def _grade_of(told: Any, measure: _Measure) -> Grade:
    if isinstance(told, Grade):
        _grade_of(told.score, measure)
        return told
    if isinstance(told, bool):
        return Grade(float(told), told)
    if not isinstance(told, int | float):
        raise TypeError(f"it answered {type(told).__name__}, not a bool or a number from 0 to 1")
    if not (math.isfinite(told) and 0 <= told <= 1):
        raise ValueError(f"it answered {told}, which does not lie from 0 to 1")
    return Grade(float(told), told == 1 if measure == "binary" else None)


def _told(error: BaseException) -> str:
    """The error, and the last line of the user's own code on the way to it."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"[:300]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    ours = [frame for frame in frames if "importlib" not in frame.filename]
    at = f" ({Path(ours[-1].filename).name}, line {ours[-1].lineno})" if ours else ""
    return f"{type(error).__name__}: {error}"[:250] + at
