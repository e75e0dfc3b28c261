"""Our tag: the mark by which a job or a lease of ours is found again on a platform. Pure text, no I/O.

A tag is `tw-` and 16 base32 characters (80 bits of a hash), 19 characters in all, so that with a dash it leaves 20 of
the 40 characters that the tightest platform grants a name.
"""

from __future__ import annotations

import re

__all__ = ["TAG_PREFIX", "find_tag", "same_tag", "with_suffix"]

TAG_PREFIX = "tw-"
_TAG = re.compile(r"(?<![a-z0-9])tw-[a-z2-7]{16}(?![a-z0-9])")


def find_tag(text: object) -> str | None:
    """The first tag inside a name that a platform may have lower-cased and extended; None without one."""
    found = _TAG.search(text.lower()) if isinstance(text, str) else None
    return found.group(0) if found else None


def same_tag(one: str | None, other: str) -> bool:
    """Whether both are the same tag; platforms differ in whether they keep upper case."""
    return one is not None and one.lower() == other.lower()


def with_suffix(suffix: str | None, tag: str) -> str:
    """The user's own suffix, then our tag: what goes where a platform has only one free name."""
    return f"{suffix}-{tag}" if suffix else tag
