"""Lengths as figures: quantiles that rows have, bars that hold every row, limits on both sides."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report.data_drawing import draw
from orchestrator.report.data_lengths import Limit, TokenCounts, lengths_view, measure

_TOKENS = st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60)


@given(_TOKENS)
def test_every_row_stands_in_exactly_one_bar(tokens: list[int]) -> None:
    histogram = measure(np.array(tokens)).histogram
    assert sum(histogram.counts) == len(tokens)
    assert histogram.edges[0] <= min(tokens)
    assert histogram.edges[-1] > max(tokens)


@given(_TOKENS)
def test_edges_rise_and_bars_are_few(tokens: list[int]) -> None:
    histogram = measure(np.array(tokens)).histogram
    assert all(a < b for a, b in pairwise(histogram.edges))
    assert len(histogram.counts) <= 74


@given(_TOKENS)
def test_quantiles_are_lengths_of_rows(tokens: list[int]) -> None:
    made = measure(np.array(tokens))
    assert {made.least, made.low, made.median, made.high, made.p90, made.p99, made.longest} <= set(tokens)
    assert made.total == sum(tokens)


@given(_TOKENS)
def test_everything_drawn_lies_inside_the_picture(tokens: list[int]) -> None:
    drawing = draw(measure(np.array(tokens)))
    assert all(0 <= bar.x <= bar.x + bar.width <= 100.02 and bar.y >= 0 for bar in drawing.bars)
    assert all(0 <= mark.at <= 100 for mark in drawing.across)
    assert list(drawing.box) == sorted(drawing.box)


def test_a_long_tail_is_drawn_on_a_logarithmic_scale() -> None:
    assert measure(np.array([20] * 500 + [12_000])).histogram.scale == "log"
    assert measure(np.array([20] * 500 + [120])).histogram.scale == "linear"


def test_a_row_exactly_at_the_limit_is_not_cut_and_one_more_token_is() -> None:
    view = lengths_view(TokenCounts([96, 97], [4, 4], "t"), [Limit("a:b", 100)])
    assert view is not None
    assert (view.limits[0].rows_over, view.limits[0].tokens_lost) == (1, 1)


def test_only_a_limit_that_cuts_is_drawn() -> None:
    view = lengths_view(TokenCounts([50, 90], [10, 10], "t"), [Limit("a:b", 80), Limit("c:d", 5000)])
    assert view is not None
    assert [mark.words for mark in draw(view.whole, view.limits).limits] == ["limit 80"]


def test_a_bar_of_whole_rows_is_divided_as_its_tokens_are() -> None:
    view = lengths_view(TokenCounts([75, 75], [25, 25], "t"), [])
    assert view is not None
    assert [share for share in view.whole.histogram.answer_shares if share] == [0.25]


def test_no_rows_have_no_lengths() -> None:
    assert lengths_view(TokenCounts([], [], "t"), [Limit("a:b", 100)]) is None


@pytest.mark.parametrize("tokens", [[0], [0, 0], [1], [7] * 10, [0, 9999]])
def test_a_handful_of_rows_is_drawn_too(tokens: list[int]) -> None:
    assert draw(measure(np.array(tokens))).bars
