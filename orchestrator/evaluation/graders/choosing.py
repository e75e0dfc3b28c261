"""Which grader: by the expected answers, with the reason said, or by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from statistics import median

from providers.records import Example

from ...errors import UsageError
from .grade import Grader
from .json_fields import JsonFields, is_json
from .number import Number, is_marked, is_number
from .overlap import chrf, rouge_l
from .own import entry_point_names, from_entry_point, from_file, is_own
from .pattern import pattern
from .schema import ValidJson, json_schema
from .text import Contains, Exact, Normalised, TokenF1, normalise
from .tools import ToolCalls, expected_calls

__all__ = ["choose", "choose_for", "named"]

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
    "regex": lambda reason: pattern(reason, ""),
    "valid-json": ValidJson,
    "tools": ToolCalls,
    "rouge-l": rouge_l,
    "chrf": chrf,
}
_OPTIONED = ("json-schema",)  # those that are nothing without their option


def choose_for(examples: Sequence[Example]) -> Grader:
    """The grader that suits these examples: by their tool calls where they have any, else as `choose` says."""
    calling = sum(bool(expected_calls(example)) for example in examples)
    if not calling:
        return choose([example.answer for example in examples])
    rest = (
        "" if calling == len(examples) else "; where none is expected none may be called, and the words are not judged"
    )
    return ToolCalls(f"{calling} of {len(examples)} expected answers call tools: the calls are compared{rest}")


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
    """The grader of that name: exact, normalised, contains, number, json, f1, regex, valid-json, json-schema, tools,
    rouge-l, chrf; with options number:0.01, number:1%, json:field,other, regex:PATTERN, json-schema:FILE, tools:names.
    `file.py:function` is your own, as is the name of an installed entry point.

    Raises `UsageError` naming the nearest; what comes from a file is loaded, and refused here where it cannot be.
    """
    if is_own(name):
        return from_file(name)
    kind, colon, option = name.strip().partition(":")
    kind = _ALIASES.get(kind.lower(), kind.lower())
    if kind not in (*_MAKERS, *_OPTIONED):
        return _installed(name)
    if colon or kind in _OPTIONED:
        return _with_option(name, kind, option)
    return _MAKERS[kind](_GIVEN)


def _installed(name: str) -> Grader:
    offered = entry_point_names()
    if name in offered:
        return from_entry_point(name)
    known = (*_MAKERS, *_OPTIONED, "judge", "pairwise", *offered)
    near = get_close_matches(name.partition(":")[0].lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(known)}, or file.py:function"
    raise UsageError(f"unknown grader {name!r}", where="grader", fix=hint)


def _with_option(name: str, kind: str, option: str) -> Grader:
    if kind == "number":
        return _number(name, option)
    if kind == "json":
        return _json(name, option)
    if kind == "regex":
        if not option:
            raise UsageError(f"{name!r} holds no pattern", where="grader", fix="use regex:PATTERN, or regex alone")
        return pattern(_GIVEN, option)
    if kind == "json-schema":
        if not option:
            raise UsageError(f"{name!r} names no schema", where="grader", fix="use json-schema:FILE.json")
        return json_schema(_GIVEN, option)
    if kind == "tools" and option == "names":
        return ToolCalls(_GIVEN, names_only=True)
    fix = "use 'tools' or 'tools:names'" if kind == "tools" else f"use {kind!r}"
    raise UsageError(f"the grader {kind!r} takes no option {option!r}", where="grader", fix=fix)


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
