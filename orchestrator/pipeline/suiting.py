"""Whether the rows suit the training method: pairs for supervised training, preferences for training by preference."""

from __future__ import annotations

from providers.records import Method

from ..dataset.records import Dataset
from ..errors import UsageError

__all__ = ["refuse_unsuitable"]


def refuse_unsuitable(dataset: Dataset, method: Method) -> None:
    """Raises `UsageError` where the rows are of the other kind, with the way out.

    The first training row tells: a file of two kinds is refused when it is read, and again row by row when written.
    """
    first = next(iter(dataset.split.train), None)
    if first is None or bool(first.example.rejected) == (method is Method.DPO):
        return
    if method is Method.DPO:
        raise UsageError(
            "these rows have one answer each, and training by preference learns from two",
            where=first.file,
            fix="use --method sft, or give each row a preferred and a rejected answer (prompt, chosen, rejected)",
        )
    raise UsageError(
        "these rows hold a preferred and a rejected answer each, and supervised training would drop the second",
        where=first.file,
        fix="use --method dpo; to train on the preferred answers alone, name them with --input and --output",
    )
