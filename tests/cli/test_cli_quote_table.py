"""`estimate --to all`: the table for people and its JSON twin say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import providers


def test_one_table_of_every_platform_and_its_twin(tunewright: Callable[..., Any], pairs: Path) -> None:
    told = tunewright("estimate", str(pairs), "--to", "all", "--json").json
    quoted = {row["target"].partition(":")[0] for row in told["table"]}
    listed = quoted | {each["platform"] for each in told["left_out"]}
    assert listed == set(providers.platform_names())
    assert [row["target"] for row in told["table"]] == [f"{q['provider']}:{q['model']}" for q in told["quotes"]]
    for row in told["table"]:
        assert row["complete"] == (not row["unknown"])
        assert row["complete"] or "unknown" in row["total"]
    shown = tunewright("estimate", str(pairs), "--to", "all").out
    assert all(row["target"] in shown for row in told["table"])
