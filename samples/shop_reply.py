"""A grader of your own for product_answers.jsonl: `--grader samples/shop_reply.py:useful`."""

import re


def useful(answer: str, expected: str) -> float:
    """Half for naming the figures of the expected answer, half for keeping to two sentences."""
    wanted = set(re.findall(r"\d+", expected))
    named = len(wanted & set(re.findall(r"\d+", answer))) / len(wanted) if wanted else 1.0
    sentences = len(re.findall(r"[.!?](?:\s|$)", answer))
    return 0.5 * named + 0.5 * (1 <= sentences <= 2)


def short(answer: str, expected: str) -> bool:
    """Pass or fail, because it is annotated `-> bool`."""
    return len(answer) <= 1.5 * len(expected)
