"""Paired statistics for "is the tuned model better than the base, by how much, and can this many prompts tell?".

Pure and seeded: numbers in, records out. Who asks the models, who grades, and what follows from the numbers is
decided elsewhere. Importing this package loads neither numpy nor scipy; what needs them loads them when called.
"""

from __future__ import annotations

from .binary import compare_binary
from .break_even import break_even_months, break_even_questions, break_even_volume
from .chosen import Chosen, compare_chosen
from .clustered import compare_clustered
from .guardrails import non_inferior_scores
from .latency import compare_cost, compare_latency
from .multiple import fdr, holm
from .paired import (
    NonInferiority,
    mcnemar_mid_p,
    non_inferior,
    ratio_interval,
    score_z,
    sign_test_p,
    tango_interval,
)
from .pairwise import Choice, Pairwise, compare_pairwise
from .planning import PowerPlan, plan_binary, plan_scores
from .power import (
    detectable_gap,
    noninferiority_prompts,
    prompts_needed,
    prompts_to_see,
    score_detectable_gap,
    score_prompts_needed,
)
from .rates import wilson
from .ratios import LatencyComparison, RatioEstimate
from .records import Comparison, Estimate, Interval
from .sampled import all_passed, compare_sampled, sampled_prompts_needed
from .scores import compare_scores
from .slices import SliceComparison, compare_slices
from .tournament import Standing, Tournament, open_tournament, play_round, round_sizes

__all__ = [
    "Choice",
    "Chosen",
    "Comparison",
    "Estimate",
    "Interval",
    "LatencyComparison",
    "NonInferiority",
    "Pairwise",
    "PowerPlan",
    "RatioEstimate",
    "SliceComparison",
    "Standing",
    "Tournament",
    "all_passed",
    "break_even_months",
    "break_even_questions",
    "break_even_volume",
    "compare_binary",
    "compare_chosen",
    "compare_clustered",
    "compare_cost",
    "compare_latency",
    "compare_pairwise",
    "compare_sampled",
    "compare_scores",
    "compare_slices",
    "detectable_gap",
    "fdr",
    "holm",
    "mcnemar_mid_p",
    "non_inferior",
    "non_inferior_scores",
    "noninferiority_prompts",
    "open_tournament",
    "plan_binary",
    "plan_scores",
    "play_round",
    "prompts_needed",
    "prompts_to_see",
    "ratio_interval",
    "round_sizes",
    "sampled_prompts_needed",
    "score_detectable_gap",
    "score_prompts_needed",
    "score_z",
    "sign_test_p",
    "tango_interval",
    "wilson",
]
