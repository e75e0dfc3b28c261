"""Which grader: by the expected answers, with the reason said, or by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from statistics import median

from ...errors import UsageError
from .grade import Grader
from .json_fields import JsonFields, is_json
from .number import Number, is_marked, is_number
from .text import Contains, Exact, Normalised, TokenF1, normalise

__all__ = ["choose", "named"]

_ALIASES = {"normalized": "normalised"}
_SHORT_WORDS = 8
_NOT_NOISE = 0.05
_GIVEN = "named by you"
_MAKERS: dict[str, Callable[[str], Grader]] = {
    "exact": Exact,
    "normalised": Normalised,
    "contains": Contains,
    "number": Number,
    "json": JsonFields,
    "f1": TokenF1,
}


def choose(expected: Sequence[str]) -> Grader:
    """The grader that suits these expected answers. Blank ones have no say; the words of any answer stay untrusted."""
    texts = [text for text in expected if text.strip()]
    if not texts:
        return Normalised("no expected answer to go by: compared after folding case, blanks and outer punctuation")
    if all(is_json(text) for text in texts):
        return JsonFields(f"all {len(texts)} expected answers are JSON: compared field by field")
    if all(is_number(text) for text in texts):
        return Number(f"all {len(texts)} expected answers are numbers: the answer's final number is compared")
    if all(is_marked(text) or is_number(text) for text in texts):
        return Number(f"all {len(texts)} expected answers end with a number after ####: only that number is compared")
    return _for_words(texts)


def _for_words(texts: Sequence[str]) -> Grader:
    distinct = set(texts)
    typical = median(len(text.split()) for text in texts)
    if typical > _SHORT_WORDS and len(distinct) > len(texts) / 2:
        return TokenF1(f"the expected answers are free text ({typical:g} words): scored by the words they share")
    if _share_told_apart_by_case(texts) > _NOT_NOISE:
        return Exact("some expected answers differ only by case or punctuation: every character counts")
    return Normalised(
        f"{len(distinct)} different short answers among {len(texts)}: compared after folding case, blanks and outer "
        "punctuation"
    )


def _share_told_apart_by_case(texts: Sequence[str]) -> float:
    """Share of answers that only case or punctuation tells from a commoner one: a few are slips, many are meant."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        spellings[normalise(text)][text.strip()] += 1
    return sum(found.total() - max(found.values()) for found in spellings.values()) / len(texts)


def named(name: str) -> Grader:
    """The grader of that name: exact, normalised, contains, number, json, f1; with options number:0.01, number:1%,
    json:field,other. Raises `UsageError` naming the nearest."""
    kind, colon, option = name.strip().partition(":")
    kind = _ALIASES.get(kind.lower(), kind.lower())
    if kind not in _MAKERS:
        near = get_close_matches(kind, _MAKERS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(_MAKERS)}"
        raise UsageError(f"unknown grader {name!r}", where="grader", fix=hint)
    if colon and kind == "number":
        return _number(name, option)
    if colon and kind == "json":
        return _json(name, option)
    if colon:
        raise UsageError(
            f"the grader {kind!r} takes no option, but got {option!r}", where="grader", fix=f"use {kind!r}"
        )
    return _MAKERS[kind](_GIVEN)


def _number(name: str, option: str) -> Number:
    relative = option.strip().endswith("%")
    try:
        tolerance = Decimal(option.strip().removesuffix("%"))
    except InvalidOperation:
        tolerance = Decimal("NaN")
    if not tolerance.is_finite() or tolerance < 0:
        fix = "use number:0.01 (at most 0.01 off) or number:1% (at most 1 % off)"
        raise UsageError(f"{name!r}: {option!r} is no tolerance", where="grader", fix=fix)
    return Number(_GIVEN, tolerance / 100 if relative else tolerance, relative)


def _json(name: str, option: str) -> JsonFields:
    fields = tuple(field.strip() for field in option.split(","))
    if not all(fields):
        fix = "use json:field,other.field, or json for all of them"
        raise UsageError(f"{name!r} names no field", where="grader", fix=fix)
    return JsonFields(_GIVEN, fields)
