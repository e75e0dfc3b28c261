"""The frozen records of a dataset: rows, what was found in them, what was dropped, how they were split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from providers.records import Example

from .answers import Task
from .fix_records import FixedRow

if TYPE_CHECKING:
    from .lengths import Lengths

__all__ = ["Action", "Columns", "Dataset", "Dropped", "Finding", "Policy", "Row", "Severity", "SourceInfo", "Split"]

Severity = Literal["error", "warning", "info"]
Action = Literal["drop", "warn", "refuse"]
Side = Literal["train", "validation", "test"]
Skippable = Literal["near-duplicates", "sensitive"]


@dataclass(frozen=True, slots=True)
class Row:
    """One example and where it came from.

    `number` is what a person sees: the line of a JSON Lines file, the data row of a table (header excluded), the
    item of a JSON list; all from 1. `accept`: other answers that count as right.
    """

    number: int
    file: str
    example: Example
    group: str | None = None
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: which rule, where, and how to fix it. `related`: other rows of the same file it concerns."""

    rule: str
    severity: Severity
    message: str
    fix: str
    file: str = ""
    row: int | None = None
    field: str | None = None
    related: tuple[int, ...] = ()
    unit: str = "row"

    @property
    def where(self) -> str:
        """`pairs.jsonl, line 6, messages[1].content`: as much of it as applies."""
        row = f"{self.unit} {self.row}" if self.row is not None else ""
        return ", ".join(part for part in (self.file, row, self.field or "") if part)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, every field present."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "fix": self.fix,
            "file": self.file,
            "row": self.row,
            "unit": self.unit,
            "field": self.field,
            "related": list(self.related),
        }


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is not used, and why."""

    row: int
    file: str
    rule: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"row": self.row, "file": self.file, "rule": self.rule, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What was recognised in one file, to be announced. `columns`: meaning → name; `rows`: records read."""

    file: str
    format: str
    encoding: str
    shape: str
    rows: int
    columns: Mapping[str, str]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "file": self.file,
            "format": self.format,
            "encoding": self.encoding,
            "shape": self.shape,
            "rows": self.rows,
            "columns": dict(self.columns),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns (keys), where the user gives them; None: recognised.

    `prompt_template`: text such as `Classify: {text}` over column names. `system_text`: one system prompt for all rows.
    `history`: earlier turns, as pairs or turns. `time`: by which rows can be split. `reasoning`: before the answer.
    """

    input: str | None = None
    output: str | None = None
    system: str | None = None
    group: str | None = None
    accept: str | None = None
    prompt_template: str | None = None
    system_text: str | None = None
    history: str | None = None
    time: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do about each kind of trouble: drop the row, warn and keep it, or refuse the data.

    `minimum_rows`: fewest rows to train on. 10 is the least that hosted platforms take (facts 1.3, 2026-11-22).
    `broken`: rows that cannot be read as an example, or that platforms reject. `secrets`: an API key in a row.
    `near_duplicates`: rows that ask nearly the same stay on one side of the split, if they stay. `skip`: kinds of
    checks that are not done at all. `fix`: mend what can be mended without changing what a row means.
    `allowed_secrets`: kinds or fingerprints of what looks like a key and is none.
    """

    duplicates: Action = "drop"
    contradictions: Action = "warn"
    leaks: Action = "drop"
    blank: Action = "drop"
    minimum_rows: int = 10
    broken: Action = "refuse"
    secrets: Action = "refuse"
    near_duplicates: Action = "warn"
    fix: bool = False
    allowed_secrets: tuple[str, ...] = ()
    skip: tuple[Skippable, ...] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """The three shares. `test` is never uploaded.

    `balance`: sizes, times or groups, moved rows and labels per side, JSON-ready; `by` says what decided the side.
    """

    train: Sequence[Row]
    validation: Sequence[Row]
    test: Sequence[Row]
    balance: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Checked, split pairs. Every row read is in `rows` or in `dropped`. `sha256`: canonical rows with their sides.

    Rows are sequences that may read their files again each time. `labels`: answer → rows, most common first, when the
    answers are labels. `counts`: rule → how often it was met, where `findings` keeps only the first 10,000 of a rule.
    `measured`: side → tokenizer → `Lengths`, for the tokenizers that `load` was asked to count with. `fixed`: what was
    mended, where that was asked for, with `fix_counts` as `counts` for findings. `redacted`: kind, as its placeholders
    name it → different values that were replaced, where that was asked for.
    """

    rows: Sequence[Row]
    dropped: tuple[Dropped, ...]
    findings: tuple[Finding, ...]
    sources: tuple[SourceInfo, ...]
    split: Split
    sha256: str
    task: Task = "text"
    labels: Mapping[str, int] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    fixed: tuple[FixedRow, ...] = ()
    fix_counts: Mapping[str, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    measured: Any = field(default=None, compare=False, repr=False)

    def lengths(self, side: Side, tokenizer: str) -> Lengths | None:
        """Tokens of the rows of a side, where they were counted while they were read."""
        found: Lengths | None = (self.measured or {}).get(side, {}).get(tokenizer)
        return found

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings for which `load` refuses."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def to_json(self) -> dict[str, Any]:
        """Everything but the rows themselves, as plain JSON."""
        return {
            "sha256": self.sha256,
            "task": self.task,
            "rows": len(self.rows),
            "labels": None if self.labels is None else dict(self.labels),
            "split": dict(self.split.balance),
            "counts": dict(self.counts),
            "findings": [finding.to_json() for finding in self.findings],
            "fix_counts": dict(self.fix_counts),
            "fixed": [fixed.to_json() for fixed in self.fixed],
            "redacted": dict(self.redacted),
            "dropped": [dropped.to_json() for dropped in self.dropped],
            "sources": [source.to_json() for source in self.sources],
        }
