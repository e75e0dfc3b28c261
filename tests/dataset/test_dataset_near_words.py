"""What a word is: case, edges and spaces do not matter; scripts without spaces are not lost."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.dataset.near.words import MOST_TEXTS, word_sets

_MARKS = re.escape(".,;:!?\"'()[]{}")
WORD = re.compile(rf"[^\s{_MARKS}]+(?:[{_MARKS}][^\s{_MARKS}]+)*")


def same(one: str, other: str) -> bool:
    sets = word_sets([one, other])
    hashes = sets.words & np.uint64((1 << 52) - 1)
    halves = np.split(hashes, [sets.sizes[0]])
    return bool(sets.sizes.all()) and np.array_equal(*halves)


def sizes(*texts: str) -> list[int]:
    return list(map(int, word_sets(texts).sizes))


@given(st.lists(st.text("abcXYZ .,'?!(\n\t\x00-+3", max_size=30), max_size=20))
@example(["3??3\x00"])
def test_a_block_has_the_words_that_a_plain_search_finds(texts: list[str]) -> None:
    assert sizes(*texts) == [len(set(WORD.findall(text.lower()))) for text in texts]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is my card?", "where is MY card"),
        ("Where is   my\ncard", "my card is where"),
        ("“Where’s my card…”", "\"where's my card."),
        ("Où est ma carte\u00a0?", "OÙ EST MA CARTE"),
        ("cafe\u0301 noir", "café noir"),
        ("wait...what", "what. Wait!"),
        ("Straße", "STRASSE"),
    ],
)
def test_case_edges_spaces_and_composition_do_not_matter(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("3 + 5", "3 - 5"), ("3.5 kg", "3 5 kg"), ("don't", "dont"), ("a b", "ab"), ("é", "e")]
)
def test_signs_and_marks_inside_a_word_matter(one: str, other: str) -> None:
    assert not same(one, other)


@pytest.mark.parametrize("text", ["我的卡在哪里", "บัตรของฉันอยู่ที่ไหน", "カードはどこですか", "ບັດຂອງຂ້ອຍ"])
def test_a_script_without_spaces_has_a_word_for_every_two_characters(text: str) -> None:
    assert sizes(text) == [len({text[at : at + 2] for at in range(len(text) - 1)})]


def test_scripts_may_be_mixed_in_one_text() -> None:
    assert sizes("My 卡 is 丢失了, gpt-4好") == [len({"my", "卡", "is", "丢失", "失了", "gpt-4", "好"})]


@pytest.mark.parametrize("text", ["", " \n\t", "?!...", "。、"])
def test_a_text_without_a_word_has_none(text: str) -> None:
    assert sizes(text, "word") == [0, 1]


def test_half_a_surrogate_pair_and_nul_are_letters_like_any_other() -> None:
    assert sizes("a\ud800b a\x00b \ud83d\ude00") == [3]


def test_a_text_longer_than_a_slice_has_all_its_words() -> None:
    text = " ".join(f"word{number}" for number in range(40_000))
    assert sizes("first", text, "é " + text, "last one") == [1, 40_000, 40_001, 2]


def test_a_single_word_longer_than_a_slice_is_still_the_same_word_twice() -> None:
    assert same("x" * 300_000, "X" * 300_000)


def test_a_full_block_keeps_its_texts_apart() -> None:
    assert sizes(*(f"number {row}" for row in range(MOST_TEXTS))) == [2] * MOST_TEXTS
