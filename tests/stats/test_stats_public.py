"""The public names of the statistics and of the graders."""

from __future__ import annotations

from orchestrator import stats
from orchestrator.evaluation import graders


def test_the_public_names_of_the_statistics() -> None:
    records = {"Choice", "Chosen", "Comparison", "Estimate", "Interval", "LatencyComparison", "NonInferiority"}
    records |= {"Pairwise", "PowerPlan", "RatioEstimate", "SliceComparison", "Standing", "Tournament"}
    outcomes = {"binary", "scores", "clustered", "sampled", "pairwise", "latency", "cost", "slices", "chosen"}
    tests = {"all_passed", "fdr", "holm", "mcnemar_mid_p", "non_inferior", "non_inferior_scores", "score_z"}
    tests |= {"sign_test_p", "ratio_interval", "tango_interval", "wilson"}
    planning = {"detectable_gap", "noninferiority_prompts", "plan_binary", "plan_scores", "prompts_needed"}
    planning |= {"prompts_to_see", "sampled_prompts_needed", "score_detectable_gap", "score_prompts_needed"}
    choosing = {"open_tournament", "play_round", "round_sizes"}
    money = {"break_even_months", "break_even_questions", "break_even_volume"}
    functions = tests | planning | choosing | money | {f"compare_{outcome}" for outcome in outcomes}
    assert set(stats.__all__) == records | functions


def test_the_public_names_of_the_graders() -> None:
    kinds = {"ChrF", "Contains", "Exact", "JsonFields", "JsonSchema", "Normalised", "Number", "OwnFunction", "Pattern"}
    kinds |= {"RougeL", "TokenF1", "ToolCalls", "ValidJson"}
    records = {"Attempt", "AttemptGrader", "Grade", "Grader"}
    functions = {"choose", "choose_for", "compare_grades", "grade_answer", "identity", "named"}
    assert set(graders.__all__) == kinds | records | functions
