"""What shows in the wording of one row: boilerplate instead of an answer, and text read in the wrong encoding. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from providers.records import Example

from .rules import Problem

__all__ = ["boilerplate", "is_suspicious", "misdecoded", "repeated", "wording_problems"]

# How chat models refuse and speak of themselves, at the beginning of an answer: later on it may be a quotation.
_EXCUSE = r"(?:(?:i['’]m|i am) (?:really |very |so )?sorry|sorry|unfortunately|i apologi[sz]e)(?:,? but)?[,.]? "
_SELF = r"as an? (?:ai|artificial intelligence|large language model|language model)\b|i(?:['’]m| am) (?:just )?an ai\b"
_UNABLE = (
    r"i (?:can['’]?t|cannot|can not|am unable to|am not able to|won['’]t) (?:assist|help|comply|fulfil+|provide)\b"
)
_BOILERPLATE = re.compile(rf"(?:{_EXCUSE})?(?:{_SELF}|{_UNABLE})", re.IGNORECASE)
_FIRST_LETTERS = frozenset("IiAaSsUu")
_OPENING = 200

# An answer that says one thing over and over is what a model gives that is stuck, and packs as no prose does.
_LONG = 1000
_PROBE = 16
_LONGEST_PERIOD = 200
_LEAST_TIMES_SMALLER = 15
_PACKED = 50_000

# UTF-8 read as Windows-1252 or Latin-1: the letter of a lead byte, then those of its continuation bytes.
_CONTINUATION = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_RUN = re.compile(f"[ÂÃ][{_CONTINUATION}]|[à-ï][{_CONTINUATION}]{{2}}|ð[{_CONTINUATION}]{{3}}|\ufffd")


def wording_problems(example: Example) -> Iterator[Problem]:
    """Every problem with the words of one example."""
    said = boilerplate(example.answer)
    if said:
        at = f"messages[{len(example.messages) - 1}].content"
        yield Problem("boilerplate-answer", f"the answer begins “{said[:60]}”", at)
    phrase = repeated(example.answer)
    if phrase:
        at = f"messages[{len(example.messages) - 1}].content"
        yield Problem(
            "repetitive-answer", f"says “{phrase[:40]}” over and over, in {len(example.answer):,} characters", at
        )
    for index, message in enumerate(example.messages):
        run = None if message.text.isascii() else misdecoded(message.text)
        if run:
            yield Problem("mojibake", f"holds {run!r}", f"messages[{index}].content")
            return


def is_suspicious(answer: str) -> bool:
    """Whether an answer's wording needs a closer look. Cheap for nearly all."""
    return boilerplate(answer) is not None or (len(answer) >= _LONG and repeated(answer) is not None)


def repeated(answer: str) -> str | None:
    """The phrase that a long answer repeats from one end to the other. A short probe is looked for first."""
    if len(answer) < _LONG:
        return None
    middle = len(answer) // 2
    again = answer.find(answer[middle : middle + _PROBE], middle + 1)
    if not 0 < again - middle <= _LONGEST_PERIOD:
        return None
    sample = answer[:_PACKED].encode("utf-8", "surrogatepass")
    if len(zlib.compress(sample, 1)) * _LEAST_TIMES_SMALLER > len(sample):
        return None
    return answer[: again - middle]


def boilerplate(answer: str) -> str | None:
    """The words with which a chat model refuses, where the answer begins with them. Cheap for other answers."""
    if answer[:1] not in _FIRST_LETTERS:
        return None
    found = _BOILERPLATE.match(answer[:_OPENING])
    return found[0] if found else None


def misdecoded(text: str) -> str | None:
    """The first run of what UTF-8 looks like in another encoding, or the sign for a lost character."""
    return next((run[0] for run in _RUN.finditer(text) if _is_broken(run[0])), None)


def _is_broken(run: str) -> bool:
    """The run is really UTF-8 misread: as bytes it decodes."""
    for encoding in ("cp1252", "latin-1"):
        try:
            run.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return run == "\ufffd"
