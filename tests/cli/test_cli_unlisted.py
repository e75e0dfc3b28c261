"""A model that our facts do not hold: quoted with what is not known, and bought only where that was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPEND = ("--yes", "--max-usd", "500")
MISTYPED = ("--to", "together:Qwen/Qwen3-8")
PRICES = """
[[price]]
provider = "together"
model = "Qwen/Qwen3-8"
item = "train"
usd = "1.00"
per = "mtok"
"""


def test_an_estimate_asks_whether_the_nearest_name_was_meant(tunewright: Any, pairs: Path) -> None:
    answer = tunewright("estimate", pairs, *MISTYPED)
    assert answer.code == 0
    assert "it is not in our facts; did you mean Qwen/Qwen3-8B" in answer.out
    assert "total: unknown (training" in answer.out


def test_a_run_refuses_it_before_anything_is_written(tunewright: Any, work: Path, pairs: Path, server: Any) -> None:
    answer = tunewright("run", pairs, *MISTYPED, *SPEND, "--json", env=server.environ)
    assert (answer.code, answer.error["where"]) == (2, "--to together:Qwen/Qwen3-8")
    assert "did you mean Qwen/Qwen3-8B" in answer.error["what"]
    assert "--accept-unknown" in answer.error["fix"]
    assert [path.name for path in work.iterdir()] == ["pairs.csv"]


def test_a_price_alone_does_not_vouch_for_the_name(tunewright: Any, work: Path, pairs: Path, server: Any) -> None:
    (work / "prices.toml").write_text(PRICES, encoding="utf-8")
    answer = tunewright("submit", pairs, *MISTYPED, *SPEND, "--prices", "prices.toml", "--json", env=server.environ)
    assert answer.code == 2
    assert server.asked("POST", "/files") == 0


def test_who_accepts_the_unknown_asks_the_platform(tunewright: Any, work: Path, pairs: Path, server: Any) -> None:
    (work / "prices.toml").write_text(PRICES, encoding="utf-8")
    more = ("--prices", "prices.toml", "--accept-unknown", "--json")
    answer = tunewright("submit", pairs, *MISTYPED, *SPEND, *more, env=server.environ)
    assert "not known" not in answer.error["what"]
    assert server.asked("POST", "/fine-tunes") == 0
