"""What this process holds secret, cut out of everything that is about to be shown or logged.

The last of several nets: adapters cut keys out of their errors, and nothing secret is ever stored. Here is caught what
a library logs by itself, what a traceback repeats, and what a server or a person wrote into a URL.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

__all__ = ["Secrecy", "guard_logs", "says_secret"]

_SECRET_NAME = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)($|_)", re.I)
_SHORTEST = 12
"""Shorter values are words as often as secrets (`sandbox`, `changeme`): cutting those would hide what is told."""
_IN_A_URL = re.compile(r"(?<=://)([^/\s:@'\"]*):([^@\s/'\"]+)(?=@)")
_KEY_SHAPE = re.compile(r"\b(?:sk|whsec|hf|tgp_v\d|fw|r8|AKIA)[-_]?[A-Za-z0-9_\-]{16,}")
_CUT = "***"


def says_secret(name: str) -> bool:
    """Whether a variable of that name is taken to hold a secret: `…_KEY`, `…_TOKEN`, `…_SECRET`, `…_PASSWORD`."""
    return _SECRET_NAME.search(name) is not None


class Secrecy:
    """The secret values of an environment, by exact value; keys of well-known shapes and passwords in URLs besides."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        spelled = {form for value in values for form in (value, quote(value, safe=""))}
        longest_first = sorted(spelled, key=len, reverse=True)
        self._exact = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Secrecy:
        """Every variable whose name says that its value is secret: `…_KEY`, `…_TOKEN`, `…_SECRET`, `…_PASSWORD`."""
        values = (value.strip() for name, value in environ.items() if says_secret(name))
        return cls(value for value in values if len(value) >= _SHORTEST)

    def cut(self, text: str) -> str:
        """The text with `***` wherever something secret stood."""
        if self._exact is not None:
            text = self._exact.sub(_CUT, text)
        return _IN_A_URL.sub(rf"\1:{_CUT}", _KEY_SHAPE.sub(_CUT, text))


class _Cutting(logging.Filter):
    """Lets every record pass, without what is secret in its message, its arguments or its traceback."""

    def __init__(self, secrecy: Secrecy) -> None:
        super().__init__()
        self._secrecy = secrecy

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._secrecy.cut(record.getMessage()), None
        if record.exc_info:
            # A formatter shows the cached text, which is cut, in place of the exception.
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._secrecy.cut(record.exc_text)
        return True


def guard_logs(secrecy: Secrecy) -> None:
    """Cut what is secret out of every record that any handler there is now would write.

    At the handlers, for a logger's own filter does not see what its children log. Called again it replaces itself.
    """
    named = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for handler in {handler for logger in (logging.root, *named) for handler in logger.handlers}:
        for known in [item for item in handler.filters if isinstance(item, _Cutting)]:
            handler.removeFilter(known)
        handler.addFilter(_Cutting(secrecy))
