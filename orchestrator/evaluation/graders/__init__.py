"""Is this answer right? Graders for model output, which is untrusted: any text gets a grade, none an exception.

`choose` picks one by looking at the expected answers and says why; `named` takes the user's word.
"""

from __future__ import annotations

from .choosing import choose, choose_for, named
from .grade import Attempt, AttemptGrader, Grade, Grader
from .grading import compare_grades, grade_answer, identity
from .json_fields import JsonFields
from .number import Number
from .overlap import ChrF, RougeL
from .own import OwnFunction
from .pattern import Pattern
from .schema import JsonSchema, ValidJson
from .text import Contains, Exact, Normalised, TokenF1
from .tools import ToolCalls

__all__ = [
    "Attempt",
    "AttemptGrader",
    "ChrF",
    "Contains",
    "Exact",
    "Grade",
    "Grader",
    "JsonFields",
    "JsonSchema",
    "Normalised",
    "Number",
    "OwnFunction",
    "Pattern",
    "RougeL",
    "TokenF1",
    "ToolCalls",
    "ValidJson",
    "choose",
    "choose_for",
    "compare_grades",
    "grade_answer",
    "identity",
    "named",
]
