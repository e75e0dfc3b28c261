"""Near duplicates among many texts: `sketch` blocks of them, in any process, then `clusters` of all rows. Pure.

The shingle is the word (see `words`), the measure the Jaccard similarity of two texts' sets of words, the threshold
0.8: a pair of 20 words may differ in two. Measured against pairs of words, which a change of one word in 12 breaks in
two places, and against runs of letters (`benchmarks/near_duplicates.py`).
"""

from __future__ import annotations

from .clustering import THRESHOLD, clusters
from .sketching import WIDTH, sketch

__all__ = ["THRESHOLD", "WIDTH", "clusters", "sketch"]
