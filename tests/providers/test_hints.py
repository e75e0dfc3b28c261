"""How long a platform asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from providers.hints import go_duration_s, rate_hints, retry_after_s
from providers.records import RateHints

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def hint(**headers: str) -> float | None:
    return retry_after_s(httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("12ms", 0.012), ("1h2m3.5s", 3723.5), ("250µs", 0.00025), ("", None), ("soon", None)],
)
def test_a_go_duration_is_read(text: str, seconds: float | None) -> None:
    found = go_duration_s(text)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_milliseconds_win_over_seconds() -> None:
    assert hint(retry_after_ms="250", retry_after="9") == 0.25


def test_plain_seconds_are_read() -> None:
    assert hint(retry_after="7") == 7


def test_a_date_counts_from_the_servers_own_clock() -> None:
    assert hint(retry_after="Sun, 22 Nov 2026 11:00:30 GMT", date="Sun, 22 Nov 2026 11:00:00 GMT") == 30


def test_a_date_without_a_server_clock_counts_from_ours() -> None:
    assert hint(retry_after="Sun, 22 Nov 2026 12:00:10 GMT") == 10


def test_a_date_in_the_past_is_no_wait() -> None:
    assert hint(retry_after="Sun, 22 Nov 2026 11:00:00 GMT") == 0


def test_the_limit_that_is_used_up_decides() -> None:
    used_up = {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "2s"}
    assert hint(**used_up, x_ratelimit_remaining_requests="9", x_ratelimit_reset_requests="6m0s") == 2


def test_the_longest_reset_decides_when_none_is_known_to_be_used_up() -> None:
    assert hint(x_ratelimit_reset_tokens="2s", x_ratelimit_reset_requests="30ms") == 2


@pytest.mark.parametrize("headers", [{}, {"retry_after": "later"}, {"x_ratelimit_reset_tokens": "?"}])
def test_nonsense_is_no_hint(headers: dict[str, str]) -> None:
    assert hint(**headers) is None


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "Infinity"])
@pytest.mark.parametrize("name", ["retry_after", "retry_after_ms", "x_ratelimit_reset_requests"])
def test_what_is_no_finite_number_is_no_hint(name: str, value: str) -> None:
    assert hint(**{name: value}) is None


def test_a_negative_wait_is_no_wait() -> None:
    assert (hint(retry_after="-5"), hint(retry_after_ms="-1")) == (0, 0)
    assert hint(x_ratelimit_reset_requests="-5") is None


def test_a_broken_hint_gives_way_to_the_next_one() -> None:
    assert hint(retry_after_ms="soon", retry_after="9") == 9
    assert hint(retry_after="later", x_ratelimit_reset_requests="4s") == 4


def test_a_date_beyond_the_calendar_is_no_hint() -> None:
    assert hint(retry_after="Sun, 22 Nov 99999999999 11:00:30 GMT") is None


def test_resets_beside_another_failure_are_no_wait() -> None:
    """A 500 whose tokens are whole again in six minutes asks nobody to wait six minutes."""
    headers = httpx.Headers({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "99"})
    assert retry_after_s(headers, NOW, resets=False) is None


def test_the_other_platforms_plain_reset_is_read_as_seconds() -> None:
    assert (
        hint(x_ratelimit_remaining="0", x_ratelimit_reset="3", x_tokenlimit_remaining="8", x_tokenlimit_reset="9") == 3
    )


def told(**headers: str) -> RateHints | None:
    return rate_hints(httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}))


def test_limits_of_a_minute_become_rates_a_second() -> None:
    seen = {"x_ratelimit_limit_requests": "5000", "x_ratelimit_remaining_requests": "4999"}
    limits = told(**seen, x_ratelimit_reset_requests="12ms", x_ratelimit_limit_tokens="160000")
    assert limits == RateHints(pytest.approx(5000 / 60), pytest.approx(160_000 / 60))


def test_a_limit_of_a_day_is_none_to_pace_by() -> None:
    """200 requests a day, one used: the platform says that it is whole again in 7m12s."""
    assert told(x_ratelimit_limit_requests="200", x_ratelimit_reset_requests="7m12s") is None


def test_the_other_platforms_limits_are_a_seconds() -> None:
    assert told(x_ratelimit_limit="10", x_ratelimit_reset="1", x_tokenlimit_limit="3000") == RateHints(10, 3000)


@pytest.mark.parametrize("value", ["", "0", "-3", "nan", "inf", "many"])
def test_a_limit_that_makes_no_sense_is_not_told(value: str) -> None:
    assert told(x_ratelimit_limit_requests=value, x_ratelimit_limit_tokens=value, x_ratelimit_limit=value) is None
