"""What is judged about images in one row: how many, how large, of which type. Pure; addresses are not fetched."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from providers.records import Example

from .rules import Problem

__all__ = ["image_problems"]

# Limits of OpenAI and Together alike (facts 1.3 and 2.2, 2026-11-22): 10 images a row, 10 MB each.
_MOST_IMAGES = 10
_MOST_BYTES = 10_000_000
_ADDRESSES = ("https://", "http://", "s3://", "gs://")
"""Of a store of one cloud, too: which platform can fetch from where is for its format to say."""
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w=.+-]+)*),", re.ASCII)
_BEGINNINGS = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF"}


def image_problems(example: Example) -> Iterator[Problem]:
    """Every problem with the images of one example."""
    count = 0
    for index, message in enumerate(example.messages):
        parts = message.content if isinstance(message.content, tuple) else ()
        for number, part in enumerate(parts):
            if part.get("type") == "image_url":
                count += 1
                if count <= _MOST_IMAGES:
                    yield from _judged(str(part["image_url"]["url"]), f"messages[{index}].content[{number}]")
    if count > _MOST_IMAGES:
        yield Problem("image-count", f"holds {count} images; at most {_MOST_IMAGES} are taken", "messages")


def _judged(url: str, at: str) -> Iterator[Problem]:
    if url.startswith(_ADDRESSES):
        return
    found = _DATA_URL.match(url)
    if found is None or not found[2].endswith(";base64"):
        yield Problem("image-type", "is neither an http, s3 or gs address nor a base64 data URL", at)
        return
    begins = _BEGINNINGS.get((found[1] or "").lower().replace("image/jpg", "image/jpeg"))
    if begins is None:
        yield Problem("image-type", f"is of type {found[1]}; taken are JPEG, PNG and WEBP", at)
        return
    size = (len(url) - found.end()) * 3 // 4
    if size > _MOST_BYTES:
        yield Problem("image-size", f"has {size:,} bytes; at most {_MOST_BYTES:,} are taken", at)
        return
    try:
        image = base64.b64decode(url[found.end() :], validate=True)
    except (binascii.Error, ValueError):
        yield Problem("image-type", "is no base64", at)
        return
    if not image.startswith(begins) or (begins == b"RIFF" and image[8:12] != b"WEBP"):
        yield Problem("image-type", f"says {found[1]}, but its bytes are something else", at)
