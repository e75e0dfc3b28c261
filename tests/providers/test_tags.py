"""Our tag survives what platforms do to names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.tags import find_tag, same_tag, tag_of, with_suffix


@given(st.text())
def test_a_tag_is_the_same_for_the_same_identity_and_19_characters(identity: str) -> None:
    assert tag_of(identity) == tag_of(identity)
    assert len(tag_of(identity)) == 19


@given(st.text(), st.text(alphabet="abcXYZ019-_", max_size=19))
def test_a_tag_is_found_behind_any_suffix_and_before_a_platforms_ending(identity: str, suffix: str) -> None:
    tag = tag_of(identity)
    assert find_tag(f"org/Qwen3-8B-{with_suffix(suffix, tag)}-1a2b3c4d") == tag


def test_a_tag_is_found_in_upper_case() -> None:
    assert find_tag(f"X-{tag_of('x').upper()}") == tag_of("x")


@pytest.mark.parametrize("text", [None, 7, "", "tw-short", "tw-" + "1" * 16, "utw-" + "a" * 16, "tw-" + "a" * 17])
def test_what_only_looks_like_a_tag_is_none(text: object) -> None:
    assert find_tag(text) is None


def test_case_does_not_make_another_tag() -> None:
    assert same_tag(tag_of("x").upper(), tag_of("x"))
    assert not same_tag(None, tag_of("x"))


def test_the_longest_suffix_and_a_tag_fit_into_40_characters() -> None:
    assert len(with_suffix("s" * 19, tag_of("x"))) <= 40
