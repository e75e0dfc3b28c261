"""Standard errors and the test by groups, against published and enumerated values."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.evaluation.clustered import by_group, clustered_error, flip_groups_p
from orchestrator.evaluation.slices import benjamini_hochberg
from orchestrator.stats import compare_binary


def test_the_clustered_error_is_that_of_the_reference_case() -> None:
    """R's sandwich::vcovCL with HC1 on scores 110 111 000 101 010 in five clusters of three."""
    scores = np.array([float(digit) for digit in "110111000101010"])
    assert clustered_error(scores, np.repeat(np.arange(5), 3)) == pytest.approx(0.169967, abs=1e-6)


def test_flipping_whole_groups_is_exact_for_few() -> None:
    """Of 2³ patterns of the group sums 3, 2 and 1 two reach ±6."""
    differences = np.array([1.0] * 6)
    assert flip_groups_p(differences, np.array([0, 0, 0, 1, 1, 2])) == 0.25


def test_flipping_many_groups_is_as_the_permutation_test_says() -> None:
    differences = np.tile([1.0, 1.0, 0.0, -1.0], 10)
    assert flip_groups_p(differences, np.arange(40)) == pytest.approx(0.0987, abs=0.02)


def test_clusters_that_are_unlike_never_narrow_the_interval() -> None:
    base, tuned = [True, False] * 30, [False, True] * 30
    alone = compare_binary(base, tuned)
    paired = by_group(alone, [float(x) for x in base], [float(x) for x in tuned], [str(n // 2) for n in range(60)])
    assert (paired.low, paired.high) == (alone.low, alone.high)


def test_benjamini_and_hochbergs_own_example() -> None:
    p_values = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    adjusted = benjamini_hochberg(p_values)
    assert adjusted[:5] == pytest.approx([0.0015, 0.0030, 0.0095, 0.035625, 0.0603])
    assert sum(value <= 0.05 for value in adjusted) == 4
