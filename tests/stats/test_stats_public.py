"""The public names of the statistics and of the graders."""

from __future__ import annotations

from orchestrator import stats
from orchestrator.evaluation import graders


def test_the_public_names_of_the_statistics() -> None:
    records = {"Comparison", "Estimate", "Interval", "NonInferiority"}
    compare = {"compare_binary", "compare_scores", "holm", "non_inferior", "mcnemar_mid_p", "score_z", "wilson"}
    intervals = {"tango_interval", "ratio_interval"}
    planning = {"detectable_gap", "noninferiority_prompts", "prompts_needed", "prompts_to_see"}
    scores = {"score_detectable_gap", "score_prompts_needed"}
    assert set(stats.__all__) == records | compare | intervals | planning | scores


def test_the_public_names_of_the_graders() -> None:
    kinds = {"Contains", "Exact", "JsonFields", "Normalised", "Number", "TokenF1"}
    assert set(graders.__all__) == kinds | {"Grade", "Grader", "choose", "named"}
