"""One row's fields to the example that will be used: built, mended where that is asked, redacted where that is asked.

Scanning and reading again both make rows here, so that a row is the same each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from providers.records import Example

from .building import Builder, Built
from .fix_records import Fixed
from .fixing import fix, fix_row
from .shapes import Layout

if TYPE_CHECKING:
    from .redacting import Redactor
    from .sensitive import Detector, Span

__all__ = ["Made", "Maker", "Treatment"]

_UNKNOWN = Layout("unknown", "pairs")


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done with every row beside building it.

    fix: mend what can be mended without changing what is meant. redactor: replace what is sensitive. detectors: find
    what the patterns do not see. Redactors and detectors work in one process.
    """

    fix: bool = False
    redactor: Redactor | None = None
    detectors: tuple[Detector, ...] = ()

    @property
    def in_one_process(self) -> bool:
        """Whether the work cannot be shared out."""
        return self.redactor is not None or bool(self.detectors)

    def suspects(self) -> Callable[[bytes], Iterable[int]] | None:
        """What tells where in a block a closer look must be taken for sensitive data; None: everywhere."""
        from .sensitive import suspects

        return None if self.detectors else suspects

    def finder(self) -> Callable[[str], Iterable[Span]]:
        """What finds sensitive data in a text."""
        from .sensitive import Patterns, find, find_with

        return find_with([Patterns(), *self.detectors]) if self.detectors else find


class Made(NamedTuple):
    """What became of a row's fields. `whole`: the example before anything in it was redacted, by which it is named, so
    that the split does not depend on the map."""

    built: Built
    fixed: tuple[Fixed, ...]
    whole: Example


class Maker:
    """Makes the rows of one file."""

    def __init__(self, layout: Layout | None, treatment: Treatment) -> None:
        self._builder = Builder(layout or _UNKNOWN)
        self._treatment = treatment

    @property
    def tally(self) -> Counter[str]:
        """What was done to more than the text: words → rows."""
        return self._builder.tally

    def column_of(self, field: str | None, example: Example | None) -> str | None:
        """The place as the user knows it."""
        return self._builder.column_of(field, example)

    def make(self, fields: Mapping[str, Any]) -> Made:
        """The row. Raises `building.RowProblem`."""
        treatment = self._treatment
        fixed: tuple[Fixed, ...] = ()
        if treatment.fix:
            fields, fixed = fix_row(dict(fields))
        built = self._builder.build(fields)
        if treatment.fix:
            example, more = fix(built.example)
            built, fixed = built._replace(example=example), (*fixed, *more)
        whole = built.example
        if treatment.redactor is not None:
            built = built._replace(example=treatment.redactor.redact(whole))
        return Made(built, fixed, whole)
