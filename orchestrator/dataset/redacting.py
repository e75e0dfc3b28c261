"""Replaces secrets and personal data by placeholders, the same value by the same one everywhere, and back again.

A placeholder is numbered by a keyed hash of its value: it tells nothing without the map's key, does not depend on the
order of rows, and is the same in every process and in later runs with the same map.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from providers.records import Example, Message

from ..errors import UsageError
from . import redaction_map
from .sensitive.examples import Leaf, context_of, in_leaf, is_picture
from .sensitive.json_text import Token, is_json, quoted, tokens
from .sensitive.scanning import find
from .sensitive.spans import PLACEHOLDER, Span, without_overlaps

__all__ = ["Redactor"]

_NUMBER_LENGTH = 10  # base32 characters, 50 bits: two of a million values collide once in some 2,000 data sets
_SECRETS = frozenset({"provider-key", "possible-secret"})
_NO_LETTERS = re.compile("[^A-Z]+")
Value = redaction_map.Value


class Redactor:
    """Redacts examples and keeps the map at `map_path`, a file of mode 0600 that an existing map is continued from.

    `kinds`: what to replace, by the kinds of `Span` or their rules; None: everything that is found. `uploads`: the
    folder that files to upload are written to; the map may not lie there. `finder`: what finds, see `find_with`.
    Raises `UsageError` for a map that cannot be used. Pickles, for worker processes: each redacts by itself, and the
    one that made the `Redactor` takes their `found` by `add` and calls `save` once.
    """

    def __init__(
        self,
        map_path: Path,
        kinds: Collection[str] | None = None,
        *,
        uploads: Path | None = None,
        finder: Callable[[str], Iterable[Span]] = find,
    ) -> None:
        if uploads is not None:
            redaction_map.refuse_among_uploads(map_path, uploads)
        self._path, self._kinds, self._finder = map_path, kinds, finder
        self._map = redaction_map.create_or_read(map_path)
        self.found: dict[str, Value] = {}
        """Placeholder → value, of what this process has replaced so far."""

    def redact(self, example: Example) -> Example:
        """The example with every find replaced, in turns, parts, calls, names and tools; JSON in texts stays JSON."""
        return _rebuilt(example, self._redacted)

    def restore(self, example: Example) -> Example:
        """The example as it was. JSON within texts comes back as the same value, texts character for character."""
        return _rebuilt(example, self._restored)

    def add(self, found: Mapping[str, Value]) -> None:
        """Take over what another process has replaced. Raises `UsageError` where a placeholder stands for two."""
        for placeholder, value in found.items():
            if self._map.values.setdefault(placeholder, value) != value:
                raise UsageError("two values have the same placeholder", where=str(self._path), fix="start a new map")
        self.found.update(found)

    def kinds(self) -> dict[str, int]:
        """Kind, as placeholders name it → different values of it in `found`, most first."""
        labels = Counter(placeholder[1:].rpartition("_")[0] for placeholder in self.found)
        return dict(labels.most_common())

    def save(self) -> None:
        """Write the map: all of it or nothing. Raises `TunewrightError` where it cannot be written."""
        redaction_map.write(self._path, self._map)

    def _redacted(self, value: Value, key: str) -> Value:
        if not isinstance(value, str):
            spans = self._spans(Leaf(context_of(key), str(value)))
            return self._placeholder(spans[0], value) if spans else value
        return self._json(value) if is_json(value) else self._text(Leaf(context_of(key), value))

    def _text(self, leaf: Leaf) -> str:
        """Repeated until nothing is found: what is left may only now read as something."""
        text = leaf.text
        while spans := self._spans(Leaf(leaf.context, text)):
            pieces, at = list[str](), 0
            for span in spans:
                pieces += [text[at : span.start], self._placeholder(span, text[span.start : span.end])]
                at = span.end
            text = "".join(pieces) + text[at:]
        return text

    def _json(self, text: str) -> str:
        """Each text and number by itself first, then what is only found in all of it together."""
        before, text = "", _each_token(text, self._redacted_token)
        while text != before and (spans := self._spans(Leaf("", text))):
            before, text = text, _each_token(text, partial(self._hit, spans))
        return text

    def _redacted_token(self, token: Token, value: Value) -> Value:
        return self._redacted(value, token.key)

    def _hit(self, spans: list[Span], token: Token, value: Value) -> Value:
        """What the words of another token make a find, such as a date after a text that ends in `born`."""
        place = bisect_left(spans, token.end, key=lambda span: span.start) - 1
        hit = place >= 0 and spans[place].end > token.start
        return self._placeholder(spans[place], value) if hit and not _is_placeholder(value) else value

    def _spans(self, leaf: Leaf) -> list[Span]:
        spans = without_overlaps(in_leaf(leaf, self._finder))
        placeholders = [found.span() for found in PLACEHOLDER.finditer(leaf.text)]
        return [
            span
            for span in spans
            if (self._kinds is None or span.kind in self._kinds or span.rule in self._kinds)
            and not any(_cuts(span, *place) for place in placeholders)
        ]

    def _placeholder(self, span: Span, value: Value) -> str:
        label = "SECRET" if span.rule in _SECRETS else _label(span.kind)
        name = f"{label}\0{json.dumps(value)}".encode()
        number = base64.b32encode(hmac.digest(self._map.key, name, "sha256")).decode()[:_NUMBER_LENGTH]
        placeholder = f"[{label}_{number}]"
        self.add({placeholder: value})
        return placeholder

    def _restored(self, value: Value, key: str = "") -> Value:
        if not isinstance(value, str) or "[" not in value:
            return value
        if value in self._map.values:
            return self._restored_one(value)
        if is_json(value):
            return _each_token(value, lambda _, inner: self._restored(inner))
        return PLACEHOLDER.sub(lambda found: str(self._restored_one(found[0])), value)

    def _restored_one(self, placeholder: str) -> Value:
        """Its value, in which an earlier placeholder may stand. One that the map does not know stays."""
        return self._restored(self._map.values[placeholder]) if placeholder in self._map.values else placeholder


Change = Callable[[Value, str], Value]


def _rebuilt(example: Example, change: Change) -> Example:
    changed = replace(
        example,
        messages=tuple(_turn(turn, change) for turn in example.messages),
        rejected=tuple(_turn(turn, change) for turn in example.rejected),
        tools=_walked(example.tools, change),
    )
    return example if changed == example else changed


def _turn(turn: Message, change: Change) -> Message:
    fields = ("content", "tool_calls", "tool_call_id", "name", "reasoning")
    return replace(turn, **{field: _walked(getattr(turn, field), change, field) for field in fields})


def _walked(value: Any, change: Change, key: str = "") -> Any:
    """The same structure with every text and number changed; pictures written into it are passed over."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if is_picture(value) else change(value, key)
    if isinstance(value, (int, float)):
        return change(value, key)
    if isinstance(value, Mapping):
        return {_walked(name, change): _walked(inner, change, str(name)) for name, inner in value.items()}
    return type(value)(_walked(inner, change, key) for inner in value)


def _each_token(text: str, change: Callable[[Token, Value], Value]) -> str:
    """The JSON text with its strings and numbers changed; what is not changed stays as it was written."""
    pieces, at = list[str](), 0
    for token in tokens(text):
        value: Value = json.loads(text[token.start : token.end])
        changed = change(token, value)
        if changed != value:
            written = quoted(changed, text) if isinstance(changed, str) else json.dumps(changed)
            pieces += [text[at : token.start], written]
            at = token.end
    return "".join(pieces) + text[at:]


def _label(kind: str) -> str:
    return _NO_LETTERS.sub("_", kind.upper()).strip("_") or "DATA"


def _cuts(span: Span, start: int, end: int) -> bool:
    """Whether a find is a placeholder or touches one without holding it whole: a model may take one for a name."""
    holds = span.start <= start and end <= span.end and (span.start, span.end) != (start, end)
    return span.start < end and start < span.end and not holds


def _is_placeholder(value: Value) -> bool:
    return isinstance(value, str) and PLACEHOLDER.fullmatch(value) is not None
