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

from .foreign import ForeignReader
from .json_lines import parse
from .preferences import preference_of
from .rules import Problem, rule_for
from .shapes import PLACEHOLDER, Layout, shape_name
from .times import seconds_of
from .turns import chat_turns, history_turns, is_turns, with_reasoning, with_usual_roles
from .usual_names import HELD_OUT

__all__ = ["Builder", "Built", "RowProblem"]

T = TypeVar("T")

_WRITTEN = "value(s) of {!r} were not text and are written as JSON"
_BLANKS = "value(s) of {!r} lost blanks at their ends"
_DEVELOPER = "row(s) begin with a developer turn, read as a system turn"
_OWN_SYSTEM = "row(s) keep their own system prompt"
_ROLES = "row(s) name roles in another way, read as user and assistant"
_REASONING = "row(s) have reasoning before their answer; name --input and --output to leave it out"
_REFERENCE = "row(s) end with a question, and are answered by their reference answer"
_ALONE = Problem("no-user-turn", "has no user turn", "messages")
_AT_MESSAGE = re.compile(r"messages\[(\d+)\]")


class RowProblem(Exception):
    """This row is no example."""

    def __init__(self, rule: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(rule, message, field)


class Built(NamedTuple):
    """An example with what else its row says. `time`: seconds since 1970 UTC. `held`: held out in an earlier round."""

    example: Example
    accept: tuple[str, ...] = ()
    group: str | None = None
    problems: tuple[Problem, ...] = ()
    time: float | None = None
    held: bool = False


def _checked(make: Callable[[Mapping[str, Any]], T], fields: Mapping[str, Any]) -> T:
    """What `make` makes of the row; what it refuses is this row's problem."""
    try:
        return make(fields)
    except BadLine as error:
        raise RowProblem(rule_for(error.reason), error.message, error.field) from error


class Builder:
    """One file's rows to examples. `tally` says afterwards what was done to more than the text: words → rows."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._system = (Message("system", layout.system_text),) if layout.system_text else ()
        self.tally: Counter[str] = Counter()
        makers = {
            "chat": self._chat,
            "prompted": self._prompted,
            "foreign": self._foreign,
            "sharegpt": self._sharegpt,
            "preference": self._preference,
        }
        self._make = makers.get(layout.kind, self._pair)
        self._foreigner = ForeignReader(layout.turns[0] if layout.turns else "")
        self._asks_turns = layout.input in ("messages", "conversations")
        self._has_more = any((layout.history, layout.reasoning, layout.group, layout.time, layout.held))

    def build(self, fields: Mapping[str, Any]) -> Built:
        """The example. Raises `RowProblem`."""
        layout = self.layout
        if layout.renamed:
            names = dict(layout.renamed)
            fields = {names.get(name, name): value for name, value in fields.items()}
        if layout.verdict is not None and _says_no(fields.get(layout.verdict)):
            raise RowProblem("rejected-row", "is marked as an answer not to learn", layout.verdict)
        if layout.held is None and _says_yes(fields.get(HELD_OUT)):
            raise RowProblem("held-out-row", "was held out before, and the file's first rows do not say so", HELD_OUT)
        built = self._make(fields)
        return self._with_more(built, fields) if self._has_more else built

    def _with_more(self, built: Built, fields: Mapping[str, Any]) -> Built:
        layout = self.layout
        if layout.history:
            built = built._replace(example=self._with_history(built.example, fields.get(layout.history)))
        if layout.reasoning:
            built = built._replace(example=self._with_reasoning(built.example, fields.get(layout.reasoning)))
        if layout.group:
            built = built._replace(group=self._text(fields.get(layout.group), "group").strip() or None)
        if layout.held:
            built = built._replace(held=_says_yes(fields.get(layout.held)))
        return built._replace(time=_time(fields.get(layout.time), layout.time)) if layout.time else built

    def column_of(self, field: str | None, example: Example | None) -> str | None:
        """The place as the user knows it: in a table of pairs, `messages[1].content` is the output column."""
        at = _AT_MESSAGE.match(field or "")
        if self.layout.kind == "preference" and field is not None and example is not None:
            return self._preference_column(field, at, example)
        if self.layout.turns or at is None or example is None:
            return field
        index = int(at[1])
        role = example.messages[index].role
        if self.layout.history and role != "system" and index < len(example.messages) - 2:
            return self.layout.history
        names = {"user": self.layout.input or self.layout.template, "assistant": self.layout.output}
        return names.get(role, self.layout.system or "system prompt")

    def _preference_column(self, field: str, at: re.Match[str] | None, example: Example) -> str:
        """The better answer is the last turn, and stands apart from what it answers; so does the worse one."""
        asked, *_ = self.layout.turns
        better, worse = self.layout.turns[-2:]
        if at is None or int(at[1]) >= len(example.messages):
            name = worse if field == "rejected" or at is not None else field
        elif int(at[1]) == len(example.messages) - 1:
            name = better
        else:
            name = "system" if example.messages[int(at[1])].role == "system" else asked
        return {read: raw for raw, read in self.layout.renamed}.get(name, name)

    def _chat(self, fields: Mapping[str, Any]) -> Built:
        if "messages" not in fields:
            raise self._lacks(fields, "messages")
        if not isinstance(fields["messages"], list):
            fields = {name: self._cell(value) for name, value in fields.items()}
            _must_be_json(fields["messages"], "messages")
        if self.layout.system:
            fields = self._with_own_system(fields)
        example = self._conversation(fields)
        accept = self._accept(fields, example.answer) if self.layout.accept else ()
        strange = [key for key in unknown_keys(fields) if key.startswith("messages[")]
        if not strange:
            alone = len(example.messages) == 1 and example.messages[0].role == "assistant"
            return Built(example, accept, None, (_ALONE,) if alone else ())
        told = with_reasoning(fields, strange)
        return self._chat(told) if told is not None else Built(example, accept, None, tuple(map(_strange, strange)))

    def _with_own_system(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """A system prompt that stands beside the turns goes before them."""
        turns, own = fields["messages"], self._text(fields.get(self.layout.system or ""), "system")
        if not own.strip() or (isinstance(turns, list) and turns and turns[0] == {"role": "system", "content": own}):
            return fields
        return (
            {**fields, "messages": [{"role": "system", "content": own}, *turns]} if isinstance(turns, list) else fields
        )

    def _prompted(self, fields: Mapping[str, Any]) -> Built:
        """Rows for training by graders: the messages are the prompt, and the reference is what would be right."""
        self._must_hold(fields)
        messages, reference = self._cell(fields["messages"]), fields["reference_answer"]
        last = messages[-1] if isinstance(messages, list) and messages else None
        if isinstance(last, dict) and last.get("role") != "assistant":
            answer = {"role": "assistant", "content": self._text(reference, "reference_answer")}
            self.tally[_REFERENCE] += 1
            return self._chat({**fields, "messages": [*messages, answer]})
        return self._chat(fields)

    def _foreign(self, fields: Mapping[str, Any]) -> Built:
        self._must_hold(fields)
        line = {name: self._cell(fields[name]) for name in self.layout.read if name in fields}
        example = _checked(self._foreigner.read, line)
        if self._system and example.messages[0].role != "system":
            example = replace(example, messages=(*self._system, *example.messages))
        return Built(example, self._accept(fields, example.answer))

    def _sharegpt(self, fields: Mapping[str, Any]) -> Built:
        self._must_hold(fields)
        turns = {**fields, "conversations": self._cell(fields["conversations"])}
        _must_be_json(turns["conversations"], "conversations")
        example = self._conversation(_checked(chat_line_of, turns))
        return Built(example, self._accept(fields, example.answer))

    def _preference(self, fields: Mapping[str, Any]) -> Built:
        self._must_hold(fields)
        asked = self.layout.turns[0]
        if asked in ("instruction", "question"):
            extra = self._text(fields.get("input"), "input") if asked == "instruction" else ""
            text = self._text(fields[asked], asked)
            fields = {**fields, "prompt": f"{text}\n\n{extra}" if extra.strip() else text}
        line, worse = _checked(lambda row: preference_of(row, self._cell), fields)
        example = self._conversation(line)
        rejected = _checked(parse_conversation, {"messages": [worse]}).messages
        return Built(replace(example, rejected=rejected), self._accept(fields, example.answer))

    def _must_hold(self, fields: Mapping[str, Any]) -> None:
        for name in self.layout.turns:
            if name not in fields:
                raise self._lacks(fields, name)

    def _conversation(self, line: Mapping[str, Any]) -> Example:
        try:
            example = parse_conversation(line)
        except BadLine as error:
            example, line = self._told_otherwise(line, error)
        if line["messages"][0]["role"] == "developer":
            self.tally[_DEVELOPER] += 1
        if self._system and example.messages[0].role != "system":
            return replace(example, messages=(*self._system, *example.messages))
        if self._system:
            self.tally[_OWN_SYSTEM] += 1
        return example

    def _told_otherwise(self, line: Mapping[str, Any], error: BadLine) -> tuple[Example, Mapping[str, Any]]:
        """The conversation of a row whose roles are spelt otherwise, and the row with usual ones."""
        told = _checked(with_usual_roles, line) if error.reason == "role" else None
        if told is None:
            raise RowProblem(rule_for(error.reason), error.message, error.field) from error
        self.tally[_ROLES] += 1
        return _checked(parse_conversation, told), told

    def _pair(self, fields: Mapping[str, Any]) -> Built:
        layout = self.layout
        for name in (layout.input, layout.output or "output"):
            if name is not None and name not in fields:
                raise self._lacks(fields, name)
        answer = fields[layout.output or "output"]
        if layout.kind == "text":
            return Built(Example((Message("assistant", self._text(answer, "text")),)))
        asked = fields[layout.input] if layout.input else None
        if self._asks_turns:
            asked = self._cell(asked)
        others: tuple[str, ...] = ()
        if type(answer) is not str or type(asked) is not str:
            if is_turns(answer) or is_turns(asked):
                return self._spoken(fields, asked, answer)
            answer, others = _first(answer)
        text = self._trimmed(self._text(answer, layout.output or ""), layout.output or "output")
        prompt = self._trimmed(self._prompt(fields), layout.input or "prompt")
        messages = (*self._system_turn(fields), Message("user", prompt), Message("assistant", text))
        return Built(Example(messages), self._accept(fields, text, others))

    def _spoken(self, fields: Mapping[str, Any], asked: Any, answer: Any) -> Built:
        """A pair of which a half, or both, is a list of turns."""
        layout = self.layout
        own = self._text(fields.get(layout.system), "system") if layout.system else ""
        others: tuple[str, ...] = ()
        if is_turns(asked):
            messages = _checked_turns(asked, layout.input or "")
        else:
            messages = [{"role": "user", "content": self._prompt(fields)}]
        if is_turns(answer):
            messages += _checked_turns(answer, layout.output or "")
        else:
            answer, others = _first(answer)
            messages.append({"role": "assistant", "content": self._text(answer, layout.output or "")})
        if own.strip() and messages[0].get("role") != "system":
            messages = [{"role": "system", "content": own}, *messages]
        example = self._conversation({"messages": messages, "tools": self._cell(fields.get("tools"))})
        return Built(example, self._accept(fields, example.answer, others))

    def _with_history(self, example: Example, value: Any) -> Example:
        """The example with its earlier turns after the system prompt."""
        turns = _checked(lambda _: history_turns(self._cell(value), self.layout.history or "history"), {})
        if not turns:
            return example
        earlier = _checked(parse_conversation, {"messages": turns}).messages
        start = sum(message.role == "system" for message in example.messages[:1])
        return replace(example, messages=(*example.messages[:start], *earlier, *example.messages[start:]))

    def _with_reasoning(self, example: Example, value: Any) -> Example:
        text, last = self._text(value, self.layout.reasoning or "reasoning"), example.messages[-1]
        if not text.strip() or last.role != "assistant" or last.reasoning is not None:
            return example
        self.tally[_REASONING] += 1
        return replace(example, messages=(*example.messages[:-1], replace(last, reasoning=text)))

    def _system_turn(self, fields: Mapping[str, Any]) -> tuple[Message, ...]:
        own = self._text(fields.get(self.layout.system), "system") if self.layout.system else ""
        if own.strip():
            if self._system:
                self.tally[_OWN_SYSTEM] += 1
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
        self.tally[_BLANKS.format(name)] += 1
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
        self.tally[_WRITTEN.format(name)] += 1
        return json.dumps(value, ensure_ascii=False)

    def _lacks(self, fields: Mapping[str, Any], name: str) -> RowProblem:
        other = shape_name(fields)
        if other and other != self.layout.name:
            return RowProblem("mixed-shape", f"has the shape {other}; the file has {self.layout.name}", name)
        return RowProblem("missing-field", f"has no {name!r}; it has: {', '.join(fields) or 'nothing'}"[:200], name)


def _strange(key: str) -> Problem:
    return Problem("unknown-key", f"{key.rpartition('.')[2]!r} is no key of a message; it is left behind", key)


def _checked_turns(value: list[Any], at: str) -> list[dict[str, Any]]:
    return _checked(lambda _: chat_turns(value, at), {})


def _first(answer: Any) -> tuple[Any, tuple[str, ...]]:
    """A list of texts is one answer, and others that count as right."""
    if isinstance(answer, list) and all(isinstance(item, str) for item in answer):
        return (answer[0], tuple(answer[1:])) if answer else ("", ())
    return answer, ()


def _must_be_json(value: Any, name: str) -> None:
    """Text where a list should be: say why it is none, instead of that it is none."""
    if isinstance(value, str):
        printed = value.lstrip().startswith(("[{'", "['", "{'"))
        why = "is a list as Python prints it; write it as JSON" if printed else "is text that holds no JSON list"
        raise RowProblem("shape", why, name)


def _says_yes(value: Any) -> bool:
    return value is True or (type(value) is str and value.strip().lower() == "true")


def _says_no(value: Any) -> bool:
    return value is False or (type(value) is str and value.strip().lower() == "false")


def _time(value: Any, name: str) -> float:
    seconds = seconds_of(value)
    if seconds is None:
        given = f"{value!r:.40} is no time that can be read" if value not in (None, "") else "has no time"
        raise RowProblem("bad-time", given, name)
    return seconds
