"""Which columns hold what: recognised by their names, or as the user says. Ambiguity is asked about, never guessed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import NamedTuple

from ..errors import UsageError
from .records import Columns
from .usual_names import (
    BESIDE_TEXT,
    CONTEXTS,
    HELD_OUT,
    HISTORIES,
    INDEXES,
    INPUTS,
    OUTPUTS,
    PAIRS,
    REASONINGS,
    RIVAL_INPUTS,
    RIVAL_OUTPUTS,
    SYSTEMS,
    TURNS,
    Kind,
    TurnShape,
)

__all__ = ["PLACEHOLDER", "Layout", "placeholders", "recognise", "shape_name"]

_ASK = "say which with --input NAME --output NAME; the first row of a table must name its columns"
_JUDGED = ("prompt/completion", "prompt/response")
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Layout:
    """What each column of a file means. `extra`: a second part of the input (instruction + input).

    `turns`: the columns that hold whole turns, in the shapes that have such. `renamed`: columns of that kind whose
    names are written otherwise (`Messages`), as written → as read. `verdict`: the column that says whether an answer is
    one to learn (true) or to avoid, as rows for training on judged answers (KTO) have it. `held`: the column that marks
    rows of an earlier round's held-out share.
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
    history: str | None = None
    time: str | None = None
    reasoning: str | None = None
    verdict: str | None = None
    held: str | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> Mapping[str, str]:
        """Meaning → column name, for what is used."""
        meanings = (
            "input",
            "extra",
            "output",
            "system",
            "history",
            "reasoning",
            "group",
            "time",
            "accept",
            "verdict",
            "held",
        )
        found = {meaning: getattr(self, meaning) for meaning in meanings if getattr(self, meaning)}
        if self.template:
            found["prompt"] = self.template
        written = {name: raw for raw, name in self.renamed}
        return {**{name: written.get(name, name) for name in self.turns}, **found}

    @property
    def read(self) -> tuple[str, ...]:
        """The columns of whole turns, and those beside them."""
        return (*self.turns, *next((shape.beside for shape in TURNS if shape.needed == self.turns), ()))

    def used(self) -> set[str]:
        """Every column that is read."""
        renamed = (raw for raw, _ in self.renamed)
        return {*self.columns.values(), *placeholders(self.template or ""), *self.read, *renamed}


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
            return _with_side_columns(_with_recognised(layout, names), columns, names)
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
    folded = _folded(names)
    for shape in TURNS:
        if folded.keys() >= set(map(_fold, shape.needed)):
            _must_be_one(shape.needed, names, where)
            return Layout(shape.name, shape.kind, turns=shape.needed, renamed=_renamed(shape, folded))
    pairs = _known_pairs(folded)
    if len(pairs) > 1:
        listed = " or ".join(f"{pair.input}/{pair.output}" for pair in pairs)
        raise UsageError(f"could be read as {listed}; columns: {_listed(names)}", where=where, fix=_ASK)
    if pairs:
        _must_be_one(pairs[0], names, where)
        _must_have_no_context(pairs[0], folded, where)
        _must_have_no_rival(pairs[0], folded, names, where)
        return _pair_layout(pairs[0], folded)
    if "text" in folded and folded.keys() - {"text"} <= BESIDE_TEXT:
        return Layout("plain text", "text", output=folded["text"])
    return None


def _fold(name: str) -> str:
    return name.strip().casefold()


def _folded(names: Iterable[str]) -> dict[str, str]:
    """Names without case and outer blanks → as written; the one written plainly goes before others."""
    found: dict[str, str] = {}
    for name in names:
        if found.setdefault(_fold(name), name) != name and name == _fold(name):
            found[name] = name
    return found


def _renamed(shape: TurnShape, folded: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    known = (*shape.needed, *shape.beside)
    return tuple((folded[_fold(name)], name) for name in known if folded.get(_fold(name), name) != name)


def _must_be_one(chosen: Iterable[str], names: Sequence[str], where: str) -> None:
    """`Input` beside `input` is no choice to make for the user."""
    wanted = {_fold(name) for name in chosen}
    same = [name for name in names if _fold(name) in wanted]
    twice = next((_fold(name) for name, count in Counter(map(_fold, same)).items() if count > 1), None)
    if twice is not None:
        alike = " and ".join(repr(name) for name in same if _fold(name) == twice)
        raise UsageError(f"the columns {alike} differ only in case or blanks", where=where, fix=_ASK)


def _must_have_no_context(pair: _Pair, folded: Mapping[str, str], where: str) -> None:
    """A passage beside a question is half of the input, or it is not: leaving it out silently would spoil the data."""
    context = next((folded[name] for name in CONTEXTS if name in folded and folded[name] not in pair), None)
    if context is not None:
        template = f"--prompt '{{{context}}} {{{pair.input}}}' --output {pair.output}"
        fix = f"say {template} to read it too, or --input {pair.input} --output {pair.output} to leave it out"
        what = f"has {pair.input!r}, {pair.output!r} and {context!r}, which may be a part of the input"
        raise UsageError(what, where=where, fix=fix)


def _must_have_no_rival(pair: _Pair, folded: Mapping[str, str], names: Sequence[str], where: str) -> None:
    """A second answer, or a second question, beside those that were recognised."""
    beside = {name for name, written in folded.items() if written not in pair}
    rival = next((folded[name] for name in RIVAL_OUTPUTS if name in beside), None)
    if rival is not None:
        what = f"could be read as {pair.input}/{pair.output} or {pair.input}/{rival}"
        raise UsageError(f"{what}; columns: {_listed(names)}", where=where, fix=_ASK)
    extra = {"input"} if _fold(pair.input) == "instruction" else set()
    rival = next((folded[name] for name in RIVAL_INPUTS if name in beside - extra), None)
    if rival is not None:
        what = f"could be read as {pair.input}/{pair.output} or {rival}/{pair.output}"
        raise UsageError(f"{what}; columns: {_listed(names)}", where=where, fix=_ASK)


def _known_pairs(folded: Mapping[str, str]) -> list[_Pair]:
    pairs = [_Pair(folded[a], folded[b]) for a, b in PAIRS if a in folded and b in folded]
    if "instruction" in folded and any(pair.input == folded["instruction"] for pair in pairs):
        return [pair for pair in pairs if pair.input != folded.get("input")]
    return pairs


def _pair_layout(pair: _Pair, folded: Mapping[str, str]) -> Layout:
    extra = folded.get("input") if pair.input == folded.get("instruction") else None
    name = f"{pair.input}+{extra}/{pair.output}" if extra else f"{pair.input}/{pair.output}"
    return Layout(name, "pairs", pair.input, pair.output, extra)


def _with_recognised(layout: Layout, names: Sequence[str]) -> Layout:
    """The columns beside the pair that are read by their names alone; naming the pair oneself leaves them out."""
    folded, pairs = _folded(names), layout.kind == "pairs"
    history = next((folded[name] for name in HISTORIES if name in folded), None)
    reasoning = next((folded[name] for name in REASONINGS if name in folded), None)
    return replace(
        layout,
        history=history if pairs or layout.kind == "sharegpt" else None,
        reasoning=reasoning if pairs and reasoning not in (layout.input, layout.output) else None,
        verdict=folded.get("label") if layout.kind == "chat" or layout.name in _JUDGED else None,
    )


def _with_side_columns(layout: Layout, columns: Columns, names: Sequence[str]) -> Layout:
    folded = _folded(names)
    taken = {layout.input, layout.output, layout.extra}
    system = columns.system or next((folded[name] for name in SYSTEMS if name in folded), None)
    accept = columns.accept or folded.get("accept")
    return replace(
        layout,
        system=system if layout.kind in ("pairs", "chat") and system not in taken else None,
        group=columns.group,
        accept=accept if accept not in taken else None,
        template=columns.prompt_template,
        system_text=columns.system_text,
        history=columns.history or layout.history,
        time=columns.time,
        reasoning=columns.reasoning or layout.reasoning,
        held=HELD_OUT if HELD_OUT in names else None,
    )


def _given(columns: Columns, names: Sequence[str], where: str) -> Layout:
    template = columns.prompt_template
    inputs = set(placeholders(template)) if template else {columns.input} - {None}
    sides = {columns.system, columns.group, columns.accept, columns.history, columns.time, columns.reasoning} - {None}
    output = columns.output or _the_other(inputs | sides, names, OUTPUTS, where, "output")
    source = None if template else columns.input or _the_other({output, *sides}, names, INPUTS, where, "input")
    if output in inputs or output == source:
        raise UsageError(f"input and output are the same column {output!r}", where=where, fix="name two columns")
    layout = Layout(f"{template or source}/{output}", "pairs", source, output)
    return _with_side_columns(layout, columns, names)


def _the_other(taken: Iterable[str | None], names: Sequence[str], known: Sequence[str], where: str, what: str) -> str:
    """The one column that can be the missing half: the only other one, or the only one with a usual name."""
    others = [name for name in names if name not in set(taken)]
    usual = [name for name in others if _fold(name) in known]
    telling = [name for name in others if _fold(name) not in INDEXES]
    for candidates in (others, usual, telling):
        if len(candidates) == 1:
            return candidates[0]
    listed = _listed(usual or others) or "none"
    raise UsageError(
        f"cannot tell which column is the {what}; candidates: {listed}", where=where, fix=f"add --{what} NAME"
    )


def _must_exist(columns: Columns, names: Sequence[str], where: str) -> None:
    template = placeholders(columns.prompt_template or "")
    sides = (columns.system, columns.group, columns.accept, columns.history, columns.time, columns.reasoning)
    for name in (columns.input, columns.output, *sides, *template):
        if name is not None and name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.5) or _same_letters(name, names)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"no column {name!r}", where=where, fix=f"{hint}columns: {_listed(names)}")


def _same_letters(name: str, names: Sequence[str]) -> list[str]:
    return [other for other in names if _fold(other) == _fold(name)]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
