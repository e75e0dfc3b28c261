"""Which columns hold what: recognised by their names, or as the user says. Ambiguity is asked about, never guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal, NamedTuple

from ..errors import UsageError
from .records import Columns

__all__ = ["PLACEHOLDER", "Layout", "placeholders", "recognise", "shape_name"]

Kind = Literal["pairs", "chat", "text", "sharegpt", "preference"]

_PAIRS = (
    ("input", "output"),
    ("prompt", "completion"),
    ("question", "answer"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "response"),
    ("query", "response"),
    ("text", "label"),
    ("text", "category"),
)
_INPUTS = tuple(dict.fromkeys(name for name, _ in _PAIRS))
_OUTPUTS = tuple(dict.fromkeys(name for _, name in _PAIRS))
_SYSTEMS = ("system", "system_prompt")
# The columns that must be there, those that are read too, and what the shape is called. The first that fits is taken.
_TURNS: tuple[tuple[tuple[str, ...], tuple[str, ...], str, Kind], ...] = (
    (("input", "preferred_output", "non_preferred_output"), (), "preference rows", "preference"),
    (("conversations", "chosen", "rejected"), ("system", "tools"), "ShareGPT preference rows", "preference"),
    (("prompt", "chosen", "rejected"), ("system", "tools"), "prompt/chosen/rejected", "preference"),
    (("chosen", "rejected"), (), "chosen/rejected conversations", "preference"),
    (("messages",), ("tools", "parallel_tool_calls"), "chat messages", "chat"),
    (("conversations",), ("system", "tools"), "ShareGPT conversations", "sharegpt"),
)
_ASK = "say which with --input NAME --output NAME; the first row of a table must name its columns"
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Layout:
    """What each column of a file means. `extra`: a second part of the input (instruction + input).

    `turns`: the columns that hold whole turns, in the shapes that have such.
    """

    name: str
    kind: Kind
    input: str | None = None
    output: str | None = None
    extra: str | None = None
    system: str | None = None
    group: str | None = None
    accept: str | None = None
    template: str | None = None
    system_text: str | None = None
    turns: tuple[str, ...] = ()

    @property
    def columns(self) -> Mapping[str, str]:
        """Meaning → column name, for what is used."""
        meanings = ("input", "extra", "output", "system", "group", "accept")
        found = {meaning: getattr(self, meaning) for meaning in meanings if getattr(self, meaning)}
        if self.template:
            found["prompt"] = self.template
        return {**{name: name for name in self.turns}, **found}

    def used(self) -> set[str]:
        """Every column that is read."""
        beside = next((more for needed, more, *_ in _TURNS if needed == self.turns), ())
        return {*self.columns.values(), *placeholders(self.template or ""), *beside}


class _Pair(NamedTuple):
    input: str
    output: str


def placeholders(template: str) -> list[str]:
    """The column names in `Classify: {text}`."""
    return PLACEHOLDER.findall(template)


def recognise(rows: Sequence[Iterable[str]], columns: Columns, where: str) -> Layout | None:
    """The layout of a file from the column names of its first rows; None when there are none.

    Raises `UsageError` for a wrong name (with the nearest), for ambiguity, and for shapes that are not read.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return None
    _must_exist(columns, names, where)
    if columns.input or columns.output or columns.prompt_template:
        return _given(columns, names, where)
    common = Counter(frozenset(row) for row in rows).most_common()
    for keys, _ in common:
        layout = _by_names([name for name in names if name in keys], where)
        if layout is not None:
            return _with_side_columns(layout, columns, names)
    raise UsageError(
        f"cannot tell which column is the input and which the answer; columns: {_listed(names)}", where=where, fix=_ASK
    )


def shape_name(names: Iterable[str]) -> str | None:
    """What one row looks like by its names alone, for the message about a row that differs; None: nothing known."""
    try:
        layout = _by_names(list(names), "")
    except UsageError:
        return None
    return layout.name if layout else None


def _by_names(names: list[str], where: str) -> Layout | None:
    folded = {name.strip().casefold(): name for name in names}
    for needed, _, what, kind in _TURNS:
        if set(needed) <= set(names):
            return Layout(what, kind, turns=needed)
    pairs = _known_pairs(folded)
    if len(pairs) > 1:
        listed = " or ".join(f"{pair.input}/{pair.output}" for pair in pairs)
        raise UsageError(f"could be read as {listed}; columns: {_listed(names)}", where=where, fix=_ASK)
    if pairs:
        return _pair_layout(pairs[0], folded)
    if "text" in folded and len(folded) == 1:
        return Layout("plain text", "text", output=folded["text"])
    return None


def _known_pairs(folded: Mapping[str, str]) -> list[_Pair]:
    pairs = [_Pair(folded[a], folded[b]) for a, b in _PAIRS if a in folded and b in folded]
    if "instruction" in folded and any(pair.input == folded["instruction"] for pair in pairs):
        return [pair for pair in pairs if pair.input != folded.get("input")]
    return pairs


def _pair_layout(pair: _Pair, folded: Mapping[str, str]) -> Layout:
    extra = folded.get("input") if pair.input == folded.get("instruction") else None
    name = f"{pair.input}+{extra}/{pair.output}" if extra else f"{pair.input}/{pair.output}"
    return Layout(name, "pairs", pair.input, pair.output, extra)


def _with_side_columns(layout: Layout, columns: Columns, names: Sequence[str]) -> Layout:
    folded = {name.strip().casefold(): name for name in names}
    taken = {layout.input, layout.output, layout.extra}
    system = columns.system or next((folded[name] for name in _SYSTEMS if name in folded), None)
    accept = columns.accept or folded.get("accept")
    return replace(
        layout,
        system=system if layout.kind == "pairs" and system not in taken else None,
        group=columns.group,
        accept=accept if accept not in taken else None,
        template=columns.prompt_template,
        system_text=columns.system_text,
    )


def _given(columns: Columns, names: Sequence[str], where: str) -> Layout:
    template = columns.prompt_template
    inputs = set(placeholders(template)) if template else {columns.input} - {None}
    output = columns.output or _the_other(inputs, names, _OUTPUTS, where, "output")
    source = None if template else columns.input or _the_other({output}, names, _INPUTS, where, "input")
    if output in inputs or output == source:
        raise UsageError(f"input and output are the same column {output!r}", where=where, fix="name two columns")
    layout = Layout(f"{template or source}/{output}", "pairs", source, output)
    return _with_side_columns(layout, columns, names)


def _the_other(taken: Iterable[str | None], names: Sequence[str], known: Sequence[str], where: str, what: str) -> str:
    """The one column that can be the missing half: the only other one, or the only one with a usual name."""
    others = [name for name in names if name not in set(taken)]
    usual = [name for name in others if name.strip().casefold() in known]
    for candidates in (others, usual):
        if len(candidates) == 1:
            return candidates[0]
    listed = _listed(usual or others)
    raise UsageError(
        f"cannot tell which column is the {what}; candidates: {listed}", where=where, fix=f"add --{what} NAME"
    )


def _must_exist(columns: Columns, names: Sequence[str], where: str) -> None:
    template = placeholders(columns.prompt_template or "")
    for name in (columns.input, columns.output, columns.system, columns.group, columns.accept, *template):
        if name is not None and name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.5) or _same_letters(name, names)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"no column {name!r}", where=where, fix=f"{hint}columns: {_listed(names)}")


def _same_letters(name: str, names: Sequence[str]) -> list[str]:
    return [other for other in names if other.strip().casefold() == name.strip().casefold()]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
