"""Whether the rows suit the training method: pairs for supervised training, preferences for training by preference."""

from __future__ import annotations

from providers.dialects import Format
from providers.records import Method

from ..dataset.records import Dataset
from ..dataset.samples import Sample
from ..errors import UsageError

__all__ = ["refuse_unfit_for", "refuse_unsuitable"]

_ONE_ANSWER = "these rows have one answer each, and {}"
_TWO_ANSWERS = "these rows hold a preferred and a rejected answer each, and {}"
_GIVE_TWO = "{}, or give each row a preferred and a rejected answer (prompt, chosen, rejected)"
_NAME_ONE = "to train on the preferred answers alone, name them with --input and --output"


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


def refuse_unfit_for(told: Format, dataset: Dataset) -> None:
    """Raises `UsageError` where the first training row is of the kind that the format has no place for."""
    first = next(iter(dataset.split.train), None)
    if first is None or bool(first.example.rejected) == told.ranks:
        return
    what = _ONE_ANSWER.format(f"{told.name} holds two") if told.ranks else _TWO_ANSWERS.format(f"{told.name} holds one")
    fix = _GIVE_TWO.format("choose a supervised format") if told.ranks else f"choose a preference format; {_NAME_ONE}"
    raise UsageError(what, where=first.file, fix=fix)


def _refuse_kind(where: str, method: Method, *, preference: bool) -> None:
    if preference == (method is Method.DPO):
        return
    if method is Method.DPO:
        raise UsageError(
            _ONE_ANSWER.format("training by preference learns from two"),
            where=where,
            fix=_GIVE_TWO.format("use --method sft"),
        )
    raise UsageError(
        _TWO_ANSWERS.format("supervised training would drop the second"),
        where=where,
        fix=f"use --method dpo; {_NAME_ONE}",
    )
