"""Limits of the accounts from the command line: kept to, seen in `doctor`, settled in the configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger import BucketKey, Ledger


@pytest.fixture
def ledger(work: Path) -> Ledger:
    """What processes before us left."""
    return Ledger.open(work / ".tunewright", {})


def test_doctor_shows_rates_cuts_waits_and_what_is_left_of_the_retries(tunewright: Any, ledger: Ledger) -> None:
    now, rate = datetime.now(UTC), BucketKey("openai", "org-1", "gpt", "requests")
    ledger.buckets.open({rate: 500 / 60}, now)
    ledger.buckets.hold(rate, now.timestamp() + 600, cut=True, now=now)
    ledger.buckets.slept(rate, 12.5, now)
    ledger.buckets.spend(BucketKey("openai", "org-1", "*", "retries"), 70.0, 0.0, 3.0, now)
    out = tunewright("doctor").out
    assert "openai org-1 gpt: 500 requests a minute; cut 1 times for 429; held until" in out
    assert "waited 12.5 s" in out
    assert "openai org-1: 430 of 500 left; waited 3.0 s" in out


def test_doctor_says_when_an_account_is_out(tunewright: Any, ledger: Ledger) -> None:
    ledger.buckets.spend(BucketKey("openai", "org-1", "*", "retries"), 495.0, 0.0, 0.0, datetime.now(UTC))
    assert "5 of 500 left: used up" in tunewright("doctor").out
    (bucket,) = tunewright("doctor", "--json").json["buckets"]
    assert (bucket["key"]["kind"], bucket["left"]) == ("retries", 5.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[rates.openai]\nrequest_per_min = 5", "did you mean 'requests_per_min'?"),
        ("rates.openai.requests_per_min = 0", "config-schema"),
        ("rates.openai.tokens_per_min = inf", "config-schema"),
    ],
)
def test_a_rate_that_makes_no_sense_is_refused_by_name(tunewright: Any, work: Path, text: str, said: str) -> None:
    (work / "tunewright.toml").write_text(text)
    answer = tunewright("doctor", "--json")
    assert answer.code == 2
    assert said in answer.error["fix"]
    assert "rates.openai" in answer.error["where"]


@pytest.mark.parametrize("section", ["rates.opneai]\nrequests_per_min = 5", "budget.providers]\nopneai = 5"])
def test_a_limit_for_a_platform_that_does_not_exist_is_refused(tunewright: Any, work: Path, section: str) -> None:
    (work / "tunewright.toml").write_text(f"[{section}")
    answer = tunewright("doctor", "--json")
    assert (answer.code, answer.error["fix"]) == (2, "did you mean 'openai'?")
