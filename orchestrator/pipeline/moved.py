"""What is asked of a move, what is left behind, and what it came to. Records only."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from providers.records import Hyperparameters

from ..canonical import plain
from ..evaluation.equivalence import Equivalence
from ..ledger import Intent
from ..settings import Target
from .begun import Begun
from .result import RunResult
from .translating import Translation

__all__ = ["Moved", "OldModel", "Wish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where to, and what the user says of the way. `answers`: a file with the old model's answers, where it is gone."""

    to: Target
    margin: float
    given: Hyperparameters = Hyperparameters()
    answers: Path | None = None
    changes: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldModel:
    """What is left behind: the run that holds it, its job, and what its training was billed; None: not known."""

    begun: Begun
    intent: Intent
    billed_usd: Decimal | None
    billed_tokens: int | None

    @property
    def name(self) -> str:
        """PLATFORM:MODEL."""
        assert self.intent.job is not None
        return f"{self.intent.provider}:{self.intent.job.tuned_model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What moving came to. `result` and `equivalence` None: only the old model's answers were kept."""

    old: OldModel
    answers: Path
    translation: Translation | None = None
    result: RunResult | None = None
    equivalence: Equivalence | None = None

    def to_json(self) -> dict[str, Any]:
        """The document of `tunewright migrate --json`."""
        lines = self.translation.lines if self.translation else ()
        return {
            "from": {
                "run": self.old.begun.run.id,
                "model": self.old.name,
                "job": self.old.intent.job_id,
                "billed_usd": plain(self.old.billed_usd),
                "billed_tokens": self.old.billed_tokens,
            },
            "answers": str(self.answers),
            "translation": [plain(line) for line in lines],
            "equivalence": plain(self.equivalence),
            "result": None if self.result is None else self.result.to_json(),
        }
