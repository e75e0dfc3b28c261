"""Is this answer right? Graders for model output, which is untrusted: any text gets a grade, none an exception.

`choose` picks one by looking at the expected answers and says why; `named` takes the user's word.
"""

from __future__ import annotations

from .choosing import choose, named
from .grade import Grade, Grader
from .json_fields import JsonFields
from .number import Number
from .text import Contains, Exact, Normalised, TokenF1

__all__ = ["Contains", "Exact", "Grade", "Grader", "JsonFields", "Normalised", "Number", "TokenF1", "choose", "named"]
