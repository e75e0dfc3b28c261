"""A lost reply is waited for longer than a paid request can be under way, at every platform."""

from __future__ import annotations

import openai
import pytest

import providers
from providers.contract import Connection
from providers.http import timeout
from providers.sandbox import store


@pytest.mark.parametrize("name", providers.platform_names())
def test_the_settling_window_outlasts_a_paid_request(name: str) -> None:
    longest_s = timeout(openai, Connection(api_key=None)).read
    assert providers.platform(name).settling().window_s > longest_s


def test_the_sandbox_is_waited_for_while_another_process_holds_its_database() -> None:
    longest_s = timeout(openai, Connection(api_key=None)).read + store._WAIT_S
    assert providers.platform("sandbox").settling().window_s > longest_s
