"""Untrusted text made safe to print: what a platform or a model says must not steer the terminal."""

from __future__ import annotations

__all__ = ["plain_text"]

_BIDI = frozenset((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Marks that reorder what is read: ALM, LRM, RLM, the embeddings and overrides, and the isolates."""


def plain_text(text: str) -> str:
    """The text with control characters (ANSI escapes among them) and bidi marks shown as `\\x1b` and `\\u202e`."""
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    code = ord(char)
    if code in _BIDI or 0xD800 <= code < 0xE000:
        return f"\\u{code:04x}"
    if (code < 0x20 and char not in "\n\t") or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    return char
