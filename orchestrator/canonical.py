"""Canonical JSON, tagged hashes and the ids made from them: how everything here gets its name."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

__all__ = ["canonical_json", "intent_id", "plain", "run_id", "sha256_of", "tag_of"]

_TAG_PREFIX = "tw-"


def plain(value: Any) -> Any:
    """`value` as JSON-ready data: records become objects, Decimals strings, times ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(item) for item in items]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (Decimal, Path)):
        return str(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value


def canonical_json(value: Any) -> str:
    """One spelling a value: sorted keys, no spaces, UTF-8. NaN is refused."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_of(value: Any) -> str:
    """'sha256:…' of the canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def intent_id(plan: Any) -> str:
    """16 base32 characters derived from the plan: the same plan is the same intent, on any machine."""
    digest = hashlib.sha256(canonical_json(plan).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:16]


def tag_of(intent: str) -> str:
    """What we plant in the platform's job, to find it again: 19 characters."""
    return _TAG_PREFIX + intent


def run_id() -> str:
    """A short random id for people to type."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()
