"""The data page of some pairs, counted as their targets count, and what is kept beside prepared files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..costing.tokens import RowTokens, margin_of, row_tokens, tokenizer_of
from ..dataset import Dataset
from ..dataset.dropped_rows import write_dropped
from ..dataset.splitting import SIDES
from ..errors import TunewrightError
from ..report.data_building import picture_of
from ..report.data_lengths import Limit, TokenCounts
from ..report.data_page import write_data_page
from ..report.data_view import DataPicture
from ..settings import RunSettings, Target
from .session import platform_named

__all__ = ["picture", "write_beside", "write_page"]

DROPPED, PAGE = "dropped.jsonl", "data.html"


def write_beside(settings: RunSettings, dataset: Dataset, folder: Path) -> None:
    """`dropped.jsonl` with every row that is not used, and the data page, beside the prepared files."""
    write_dropped(dataset.dropped, folder / DROPPED)
    write_page(picture(settings, dataset, str(folder / DROPPED)), folder / PAGE)


def write_page(made: DataPicture, path: Path) -> None:
    """The page at `path`. Raises `TunewrightError` where it cannot be written."""
    try:
        write_data_page(made, path)
    except OSError as error:
        what = f"the data page cannot be written: {error.strerror}"
        raise TunewrightError(what, where=str(path), fix="check the directory and its permissions") from error


def picture(settings: RunSettings, dataset: Dataset, dropped_file: str | None = None) -> DataPicture:
    """What the page shows. Tokens are those of the first target; each limit is held against its own target's count."""
    counted = [_counted(dataset, target, settings) for target in settings.to]
    return picture_of(
        dataset,
        pairs=str(settings.pairs),
        tokens=counted[0].tokens if counted else None,
        limits=[one.limit for one in counted if one.limit],
        fixed=dataset.fixed if settings.policy.fix else None,
        skipped=settings.policy.skip,
        dropped_file=dropped_file,
    )


class _Counted(NamedTuple):
    tokens: TokenCounts
    limit: Limit | None


def _counted(dataset: Dataset, target: Target, settings: RunSettings) -> _Counted:
    """The rows as one target counts them."""
    platform = platform_named(target.provider)
    facts = platform.model(target.model)
    rules = platform.token_rules(target.model, settings.method, settings.hyperparameters)
    name = tokenizer_of(facts)
    lengths = [dataset.lengths(side, name) for side in SIDES]
    parts = [row_tokens(one, rules) for one in lengths if one is not None]
    rows = RowTokens(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    longest = rules.truncate_at or facts.context_tokens
    return _Counted(
        TokenCounts(rows.whole - rows.answer, rows.answer, name, float(margin_of(facts))),
        Limit(f"{target.provider}:{target.model}", longest, rows.whole) if longest else None,
    )
