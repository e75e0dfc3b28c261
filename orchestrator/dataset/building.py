"""Turns the fields of one row into an example, by the file's layout. Keeps count of what had to be written as text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from providers.dialects import BadLine, chat_line_of, parse_conversation, unknown_keys
from providers.records import Example, Message

from .json_lines import parse
from .preferences import preference_of
from .rules import Problem, rule_for
from .shapes import PLACEHOLDER, Layout, shape_name

__all__ = ["Builder", "Built", "RowProblem"]

T = TypeVar("T")
_AT_MESSAGE = re.compile(r"messages\[(\d+)\]")


class RowProblem(Exception):
    """This row is no example."""

    def __init__(self, rule: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(rule, message, field)


class Built(NamedTuple):
    """An example with what else its row says."""

    example: Example
    accept: tuple[str, ...] = ()
    group: str | None = None
    problems: tuple[Problem, ...] = ()


def _checked(make: Callable[[Mapping[str, Any]], T], fields: Mapping[str, Any]) -> T:
    """What `make` makes of the row; what it refuses is this row's problem."""
    try:
        return make(fields)
    except BadLine as error:
        raise RowProblem(rule_for(error.reason), error.message, error.field) from error


class Builder:
    """One file's rows to examples. `notes()` says afterwards what was done to more than the text."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._system = (Message("system", layout.system_text),) if layout.system_text else ()
        self._written: Counter[str] = Counter()
        self._blanks: Counter[str] = Counter()
        self._developers = 0
        self._own_system = 0

    def build(self, fields: Mapping[str, Any]) -> Built:
        """The example. Raises `RowProblem`."""
        make = {"chat": self._chat, "sharegpt": self._sharegpt, "preference": self._preference}
        built = make.get(self.layout.kind, self._pair)(fields)
        if self.layout.group is None:
            return built
        return built._replace(group=self._text(fields.get(self.layout.group), "group").strip() or None)

    def notes(self) -> tuple[str, ...]:
        """Announcements for the user."""
        notes = [
            f"{count} value(s) of {name!r} were not text and are written as JSON"
            for name, count in self._written.items()
        ]
        notes += [f"{count} value(s) of {name!r} lost blanks at their ends" for name, count in self._blanks.items()]
        if self._developers:
            notes.append(f"{self._developers} row(s) begin with a developer turn, read as a system turn")
        if self._own_system:
            notes.append(f"{self._own_system} row(s) keep their own system prompt")
        return tuple(notes)

    def column_of(self, field: str | None, example: Example | None) -> str | None:
        """The place as the user knows it: in a table of pairs, `messages[1].content` is the output column."""
        at = _AT_MESSAGE.match(field or "")
        if self.layout.turns or at is None or example is None:
            return field
        role = example.messages[int(at[1])].role
        names = {"user": self.layout.input or self.layout.template, "assistant": self.layout.output}
        return names.get(role, self.layout.system or "system prompt")

    def _chat(self, fields: Mapping[str, Any]) -> Built:
        if "messages" not in fields:
            raise self._lacks(fields, "messages")
        if not isinstance(fields["messages"], list):
            fields = {name: self._cell(value) for name, value in fields.items()}
        example = self._conversation(fields)
        accept = self._accept(fields, example.answer) if self.layout.accept else ()
        strange = [_strange(key) for key in unknown_keys(fields) if key.startswith("messages[")]
        return Built(example, accept, None, tuple(strange))

    def _sharegpt(self, fields: Mapping[str, Any]) -> Built:
        self._must_hold(fields)
        turns = {**fields, "conversations": self._cell(fields["conversations"])}
        example = self._conversation(_checked(chat_line_of, turns))
        return Built(example, self._accept(fields, example.answer))

    def _preference(self, fields: Mapping[str, Any]) -> Built:
        self._must_hold(fields)
        line, worse = _checked(lambda row: preference_of(row, self._cell), fields)
        example = self._conversation(line)
        rejected = _checked(parse_conversation, {"messages": [worse]}).messages
        return Built(replace(example, rejected=rejected), self._accept(fields, example.answer))

    def _must_hold(self, fields: Mapping[str, Any]) -> None:
        for name in self.layout.turns:
            if name not in fields:
                raise self._lacks(fields, name)

    def _conversation(self, line: Mapping[str, Any]) -> Example:
        example = _checked(parse_conversation, line)
        if line["messages"][0]["role"] == "developer":
            self._developers += 1
        if self._system and example.messages[0].role != "system":
            return replace(example, messages=(*self._system, *example.messages))
        self._own_system += bool(self._system)
        return example

    def _pair(self, fields: Mapping[str, Any]) -> Built:
        layout = self.layout
        for name in (layout.input, layout.output or "output"):
            if name is not None and name not in fields:
                raise self._lacks(fields, name)
        answer = fields[layout.output or "output"]
        if layout.kind == "text":
            return Built(Example((Message("assistant", self._text(answer, "text")),)))
        if _is_turns(answer) and layout.input and _is_turns(fields[layout.input]):
            example = self._conversation({"messages": [*fields[layout.input], *answer]})
            return Built(example, self._accept(fields, example.answer))
        others: tuple[str, ...] = ()
        if isinstance(answer, list) and all(isinstance(item, str) for item in answer):
            answer, *rest = answer or [""]
            others = tuple(rest)
        text = self._trimmed(self._text(answer, layout.output or ""), layout.output or "output")
        prompt = self._trimmed(self._prompt(fields), layout.input or "prompt")
        messages = (*self._system_turn(fields), Message("user", prompt), Message("assistant", text))
        return Built(Example(messages), self._accept(fields, text, others))

    def _system_turn(self, fields: Mapping[str, Any]) -> tuple[Message, ...]:
        own = self._text(fields.get(self.layout.system), "system") if self.layout.system else ""
        if own.strip():
            self._own_system += bool(self._system)
            return (Message("system", own),)
        return self._system

    def _prompt(self, fields: Mapping[str, Any]) -> str:
        if self.layout.template:
            return PLACEHOLDER.sub(lambda found: self._text(fields.get(found[1]), found[1]), self.layout.template)
        name = self.layout.input or ""
        text = self._text(fields[name], name)
        extra = self._text(fields.get(self.layout.extra), self.layout.extra) if self.layout.extra else ""
        return f"{text}\n\n{extra}" if extra.strip() else text

    def _trimmed(self, text: str, name: str) -> str:
        """One-line text without outer blanks: " refund" and "refund" are one label. Several lines may be code."""
        bare = text.strip()
        if "\n" in text or bare == text or not bare:
            return text
        self._blanks[name] += 1
        return bare

    def _accept(self, fields: Mapping[str, Any], answer: str, others: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self._cell(fields.get(self.layout.accept)) if self.layout.accept else None
        given = value if isinstance(value, list) else [value]
        texts = [*others, *(self._text(item, "accept") for item in given if item is not None)]
        return tuple(dict.fromkeys(text for text in texts if text.strip() and text != answer))

    def _cell(self, value: Any) -> Any:
        """A table's cell may hold a JSON list or object."""
        if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
            parsed = parse(value)
            return value if isinstance(parsed, Problem) else parsed
        return value

    def _text(self, value: Any, name: str) -> str:
        if type(value) is str:
            return value
        if value is None:
            return ""
        self._written[name] += 1
        return json.dumps(value, ensure_ascii=False)

    def _lacks(self, fields: Mapping[str, Any], name: str) -> RowProblem:
        other = shape_name(fields)
        if other and other != self.layout.name:
            return RowProblem("mixed-shape", f"has the shape {other}; the file has {self.layout.name}", name)
        return RowProblem("missing-field", f"has no {name!r}; it has: {', '.join(fields) or 'nothing'}"[:200], name)


def _strange(key: str) -> Problem:
    return Problem("unknown-key", f"{key.rpartition('.')[2]!r} is no key of a message; it is left behind", key)


def _is_turns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) and "role" in item for item in value)
