"""Our tag survives what platforms do to names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.tags import find_tag, same_tag, with_suffix

TAG = "tw-a2b3c4d5e6f7g2h3"
TAGS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16).map("tw-{}".format)


@given(TAGS, st.text(alphabet="abcXYZ019-_", max_size=19))
def test_a_tag_is_found_behind_any_suffix_and_before_a_platforms_ending(tag: str, suffix: str) -> None:
    assert find_tag(f"org/Qwen3-8B-{with_suffix(suffix, tag)}-1a2b3c4d") == tag


def test_a_tag_is_found_in_upper_case() -> None:
    assert find_tag(f"X-{TAG.upper()}") == TAG


@pytest.mark.parametrize("text", [None, 7, "", "tw-short", "tw-" + "1" * 16, "utw-" + "a" * 16, "tw-" + "a" * 17])
def test_what_only_looks_like_a_tag_is_none(text: object) -> None:
    assert find_tag(text) is None


def test_case_does_not_make_another_tag() -> None:
    assert same_tag(TAG.upper(), TAG)
    assert not same_tag(None, TAG)


def test_the_longest_suffix_and_a_tag_fit_into_40_characters() -> None:
    assert len(with_suffix("s" * 19, TAG)) <= 40
