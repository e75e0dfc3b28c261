"""Secrets and personal data in the texts of a data set: what is found, where, and the plug for other finders.

What is then done about a row is left to the policy, and replacing what was found to `redacting`.
"""

from __future__ import annotations

from .examples import sensitive_problems
from .scanning import Patterns, describe, find, find_with, may_hold, suspects
from .spans import Detector, Span, is_allowed

__all__ = [
    "Detector",
    "Patterns",
    "Span",
    "describe",
    "find",
    "find_with",
    "is_allowed",
    "may_hold",
    "sensitive_problems",
    "suspects",
]
