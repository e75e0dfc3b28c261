"""Which answers tell how fast a model is: the warm-up is dropped, alike for all that are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .questions import Answer

__all__ = ["timed", "timed_pairs"]


def timed(answers: Iterable[Answer]) -> list[Answer]:
    """The answers whose time counts; all that came where every one of them was warm-up."""
    came = [answer for answer in answers if _came(answer)]
    return [answer for answer in came if not answer.warm_up] or came


def timed_pairs(one: Sequence[Answer], other: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """Answers to the same questions whose times may be compared: a question that was warm-up for either is left out,
    unless all were."""
    came = [pair for pair in zip(one, other, strict=True) if all(map(_came, pair))]
    return [pair for pair in came if not any(answer.warm_up for answer in pair)] or came


def _came(answer: Answer) -> bool:
    return not answer.missing and answer.latency_s is not None
