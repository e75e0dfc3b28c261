"""What a finished run answers: one frozen record, and the one JSON document made from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.records import RemoteJob

from ..canonical import plain
from ..costing import Quote
from ..evaluation.judged import Judged
from ..ledger import Run
from ..report import ReportView
from .billed import Billed
from .deciding import verdict_json

__all__ = ["RunResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run from pairs to a verdict. `quote` and `job` are None when models that already exist were compared.

    `view`: what the report shows. `exploratory`: why this verdict is not the one that was to be decided; '' where it
    is. `recorded_verdict`: then, the one that was, and that stays; None where there is none.
    """

    run: Run
    judged: Judged
    quote: Quote | None
    job: RemoteJob | None
    billed: Billed
    report: Path
    report_json: Path
    provenance: Path
    view: ReportView
    exploratory: str = ""
    recorded_verdict: str | None = None

    @property
    def verdict(self) -> str:
        """'deploy', 'iterate', 'stop' or 'inconclusive'."""
        return self.judged.verdict.answer

    def to_json(self) -> dict[str, Any]:
        """The document of `tunewright run --json`."""
        billed = {**plain(self.billed), "total_usd": plain(self.billed.total_usd)}
        job: dict[str, Any] | None = None
        if self.job is not None:
            job = {
                "id": self.job.id,
                "provider": self.run.provider,
                "state": self.job.label,
                "model": self.job.model,
                "tuned_model": self.job.tuned_model,
                "tag": self.job.tag,
            }
            if self.run.record.get("evaluated"):
                job["evaluated"] = self.run.record["evaluated"]
        return {
            "run": self.run.id,
            **verdict_json(self.judged),
            "exploratory": self.exploratory or None,
            "recorded_verdict": self.recorded_verdict if self.exploratory else self.verdict,
            "quote": None if self.quote is None else self.quote.to_json(),
            "asking": self.run.record.get("asking"),
            "billed": billed,
            "job": job,
            "report": str(self.report),
            "report_json": str(self.report_json),
            "provenance": str(self.provenance),
        }
