"""The rows of a dataset as each of its targets counts them: tokens of every row, and the most that its model takes."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from ..costing.tokens import RowTokens, margin_of, row_tokens, tokenizer_of
from ..dataset import Dataset
from ..dataset.splitting import SIDES
from ..settings import RunSettings, Target
from .session import platform_named

__all__ = ["Counted", "counted"]


class Counted(NamedTuple):
    """`rows`: of every side in turn, as `SIDES` names them. `margin`: the share by which the counts may be off.

    `longest`: tokens of the longest row that the target takes whole; None: not known.
    """

    tokenizer: str
    margin: Decimal
    rows: RowTokens
    longest: int | None


def counted(dataset: Dataset, target: Target, settings: RunSettings) -> Counted:
    """The dataset was read with the tokenizer of this target."""
    platform = platform_named(target.provider)
    facts = platform.model(target.model)
    rules = platform.token_rules(target.model, settings.method, settings.hyperparameters)
    name = tokenizer_of(facts)
    lengths = [dataset.lengths(side, name) for side in SIDES]
    parts = [row_tokens(one, rules) for one in lengths if one is not None]
    rows = RowTokens(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Counted(name, margin_of(facts), rows, rules.truncate_at or facts.context_tokens)
