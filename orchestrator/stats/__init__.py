"""Paired statistics for "is the tuned model better than the base, by how much, and can this many prompts tell?".

Pure and seeded: numbers in, records out. Who asks the models, who grades, and what follows from the numbers is
decided elsewhere. Importing this package loads neither numpy nor scipy; only scores need them, when compared.
"""

from __future__ import annotations

from .binary import compare_binary
from .multiple import holm
from .paired import NonInferiority, mcnemar_mid_p, non_inferior, ratio_interval, score_z, tango_interval
from .power import (
    detectable_gap,
    noninferiority_prompts,
    prompts_needed,
    prompts_to_see,
    score_detectable_gap,
    score_prompts_needed,
)
from .rates import wilson
from .records import Comparison, Estimate, Interval
from .scores import compare_scores

__all__ = [
    "Comparison",
    "Estimate",
    "Interval",
    "NonInferiority",
    "compare_binary",
    "compare_scores",
    "detectable_gap",
    "holm",
    "mcnemar_mid_p",
    "non_inferior",
    "noninferiority_prompts",
    "prompts_needed",
    "prompts_to_see",
    "ratio_interval",
    "score_detectable_gap",
    "score_prompts_needed",
    "score_z",
    "tango_interval",
    "wilson",
]
