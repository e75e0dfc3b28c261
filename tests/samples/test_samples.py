"""The samples keep the shape, the size and the deliberate mess that their README states."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
README = (SAMPLES / "README.md").read_text(encoding="utf-8")
Ticket = dict[str, str]


def _tickets() -> list[Ticket]:
    with (SAMPLES / "support_tickets.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


TICKETS = _tickets()
ANSWERS = [json.loads(line) for line in (SAMPLES / "product_answers.jsonl").read_text(encoding="utf-8").splitlines()]
REPLIES = [json.loads(line) for line in (SAMPLES / "support_replies.jsonl").read_text(encoding="utf-8").splitlines()]
QUEUES = Counter(ticket["queue"].strip() for ticket in TICKETS if ticket["queue"].strip())


def _stated(row_start: str) -> int:
    """The number in the last cell of the README's table row that begins so."""
    (cell,) = re.findall(rf"^\| {re.escape(row_start)}.*\| (\d+) \|$", README, re.MULTILINE)
    return int(cell)


def _contradictions() -> int:
    queues: defaultdict[str, set[str]] = defaultdict(set)
    for ticket in TICKETS:
        queues[ticket["message"]].add(ticket["queue"].strip())
    return sum(len(found) - 1 for found in queues.values())


def _untidy_messages() -> int:
    return sum(bool(re.search(r"^\s|\s$| {2}|\t|\u00a0", ticket["message"])) for ticket in TICKETS)


def _with(test: Callable[[str], bool]) -> int:
    return sum(test(ticket["message"]) for ticket in TICKETS)


MESS = {
    "Exact duplicates": len(TICKETS) - len({(ticket["message"], ticket["queue"]) for ticket in TICKETS}),
    "Contradictions": _contradictions(),
    "Blank answers": sum(not ticket["queue"].strip() for ticket in TICKETS),
    "Stray whitespace around or inside the message": _untidy_messages(),
    "Stray whitespace around the queue": sum(
        bool(name.strip()) and name != name.strip() for name in (ticket["queue"] for ticket in TICKETS)
    ),
    "Line breaks": _with(lambda text: "\n" in text),
    "Double quotes": _with(lambda text: '"' in text),
    "Letters or signs beyond ASCII": _with(lambda text: not text.isascii()),
}


@pytest.mark.parametrize("mess", MESS)
def test_readme_counts_the_mess_that_is_there(mess: str) -> None:
    assert MESS[mess] == _stated(mess) > 0


def test_tickets_have_the_stated_columns_in_every_row() -> None:
    assert all(list(ticket) == ["ticket_id", "message", "queue", "received"] for ticket in TICKETS)
    assert all(isinstance(cell, str) for ticket in TICKETS for cell in ticket.values())


def test_tickets_are_as_many_as_the_readme_says_and_enough_to_tune() -> None:
    assert len(TICKETS) == _stated("`support_tickets.csv`") >= 600


def test_every_queue_has_between_40_and_70_messages() -> None:
    assert len(QUEUES) == 14
    assert min(QUEUES.values()) >= 40
    assert max(QUEUES.values()) <= 70


def test_ticket_ids_are_unique() -> None:
    assert len({ticket["ticket_id"] for ticket in TICKETS}) == len(TICKETS)


def test_tickets_stand_in_the_order_they_were_received_in_2026() -> None:
    received = [datetime.strptime(ticket["received"], "%Y-%m-%d %H:%M") for ticket in TICKETS]
    assert received == sorted(received)
    assert {moment.year for moment in received} == {2026}


def test_messages_have_5_to_60_words() -> None:
    lengths = [len(ticket["message"].split()) for ticket in TICKETS]
    assert min(lengths) >= 5
    assert max(lengths) <= 60


def test_the_prompt_lists_exactly_the_queues() -> None:
    prompt = (SAMPLES / "triage_prompt.txt").read_text(encoding="utf-8")
    assert prompt.rpartition("Queues: ")[2].strip().split(", ") == sorted(QUEUES)


def test_the_readme_explains_every_queue() -> None:
    assert set(re.findall(r"^\| `([a-z_]+)` \|", README, re.MULTILINE)) == set(QUEUES)


def test_answers_are_as_many_as_the_readme_says() -> None:
    assert len(ANSWERS) == _stated("`product_answers.jsonl`")


def test_answers_are_pairs_of_clean_text_without_repeats() -> None:
    assert all(list(pair) == ["input", "output"] for pair in ANSWERS)
    assert all(text and text == text.strip() for pair in ANSWERS for text in pair.values())
    assert len({pair["input"] for pair in ANSWERS}) == len({pair["output"] for pair in ANSWERS}) == len(ANSWERS)


def test_answers_are_two_sentences() -> None:
    ends = r"""[.!?]['"]?(?=\s+[A-Z]|$)"""
    assert [pair["output"] for pair in ANSWERS if len(re.findall(ends, pair["output"])) != 2] == []


def test_replies_are_as_many_as_the_readme_says_and_each_prompt_is_asked_once() -> None:
    assert len(REPLIES) == _stated("`support_replies.jsonl`")
    assert all(list(row) == ["prompt", "chosen", "rejected"] for row in REPLIES)
    assert len({row["prompt"] for row in REPLIES}) == len(REPLIES)


def test_eight_replies_are_preferred_twelve_times_each_and_never_rejected_for_themselves() -> None:
    preferred = Counter(row["chosen"] for row in REPLIES)
    assert set(preferred.values()) == {12}
    assert len(preferred) == 8
    assert all(row["chosen"] != row["rejected"] for row in REPLIES)


def test_one_rejected_reply_in_four_is_friendly_and_of_another_matter() -> None:
    preferred = {row["chosen"] for row in REPLIES}
    assert sum(row["rejected"] in preferred for row in REPLIES) * 4 == len(REPLIES)


def test_replies_are_short_enough_to_be_labels() -> None:
    assert max(len(row[side]) for row in REPLIES for side in ("chosen", "rejected")) <= 80
