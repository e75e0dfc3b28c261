"""Whether the rows suit the training method: pairs for supervised training, preferences for training by preference."""

from __future__ import annotations

from providers.records import Method

from ..dataset.records import Dataset
from ..dataset.samples import Sample
from ..errors import UsageError

__all__ = ["refuse_unsuitable"]


def refuse_unsuitable(dataset: Dataset | Sample, method: Method) -> None:
    """Raises `UsageError` where the rows are of the other kind, with the way out.

    The first training row tells: a file of two kinds is refused when it is read, and again row by row when written.
    """
    if isinstance(dataset, Sample):
        _refuse_kind(dataset.where, method, preference=dataset.preference)
        return
    first = next(iter(dataset.split.train), None)
    if first is not None:
        _refuse_kind(first.file, method, preference=bool(first.example.rejected))


def _refuse_kind(where: str, method: Method, *, preference: bool) -> None:
    if preference == (method is Method.DPO):
        return
    if method is Method.DPO:
        raise UsageError(
            "these rows have one answer each, and training by preference learns from two",
            where=where,
            fix="use --method sft, or give each row a preferred and a rejected answer (prompt, chosen, rejected)",
        )
    raise UsageError(
        "these rows hold a preferred and a rejected answer each, and supervised training would drop the second",
        where=where,
        fix="use --method dpo; to train on the preferred answers alone, name them with --input and --output",
    )
