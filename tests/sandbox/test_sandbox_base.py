"""Base models answer by word overlap with the labels that the prompt lists, else from the input's own words."""

from __future__ import annotations

import pytest

from providers.sandbox.base import base_answer, labels_in

LABELS = ("card_arrival", "lost_card", "exchange_rate")


@pytest.mark.parametrize(
    "prompt",
    [
        "Classify the query. Labels: card_arrival, lost_card, exchange_rate.",
        "Classify the query.\n- card_arrival\n- lost_card\n- exchange_rate",
        "Answer with one of:\ncard_arrival\nlost_card\nexchange_rate",
        "Pick one of these: card_arrival, lost_card, or exchange_rate",
        "1. card_arrival\n2) lost_card\n3. exchange_rate",
    ],
)
def test_labels_are_read_from_the_prompt(prompt: str) -> None:
    assert labels_in(prompt) == LABELS


@pytest.mark.parametrize("text", ["Hello there", "I went home, had tea, and slept well", "What is this?"])
def test_ordinary_text_lists_no_labels(text: str) -> None:
    assert labels_in(text) == ()


def test_the_label_with_most_words_in_common_is_picked() -> None:
    messages = [
        {"role": "system", "content": "Labels: " + ", ".join(LABELS)},
        {"role": "user", "content": "what are your exchange rates"},
    ]
    assert base_answer(messages) == "exchange_rate"


def test_a_list_in_the_users_own_message_counts_too() -> None:
    prompt = f"Choose a label: {', '.join(LABELS)}\nQuery? I lost it, my lost card"
    assert base_answer([{"role": "user", "content": prompt}]) == "lost_card"


def test_without_a_list_the_words_are_the_inputs_own() -> None:
    answer = base_answer([{"role": "user", "content": "please summarise quarterly earnings"}])
    assert set(answer.split()) <= {"please", "summarise", "quarterly", "earnings"}
    assert answer


def test_the_same_question_gets_the_same_answer() -> None:
    messages = [{"role": "system", "content": "Labels: aa, bb, cc"}, {"role": "user", "content": "nothing in common"}]
    assert base_answer(messages) == base_answer(messages)
