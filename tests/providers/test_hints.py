"""How long a platform asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from providers.hints import go_duration_s, retry_after_s

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
