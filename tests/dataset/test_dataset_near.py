"""Near duplicates: the same as comparing every pair, whatever the order, in bounded work on the worst of files."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset import near
from orchestrator.dataset.near.candidates import WINDOW

_ROOT = Path(__file__).parents[2]
WORDS = st.lists(st.sampled_from([f"w{number}" for number in range(14)]), max_size=10)
TEXTS = st.lists(WORDS.map(" ".join), max_size=9)


class Texts:
    """Texts that count how many of them are asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.asked = 0

    def __call__(self, rows: Sequence[int]) -> list[str]:
        assert list(rows) == sorted(set(rows))
        self.asked += len(rows)
        return [self.texts[row] for row in rows]


def clusters(texts: Sequence[str], threshold: float = near.THRESHOLD) -> list[tuple[int, ...]]:
    return near.clusters(near.sketch(texts), Texts(texts), threshold)


def jaccard(one: str, other: str) -> float:
    mine, theirs = set(one.split()), set(other.split())
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0


def compared(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """The clusters by comparing every pair."""
    groups = [{row} for row in range(len(texts))]
    for row, text in enumerate(texts):
        linked = [group for group in groups if any(jaccard(text, texts[other]) >= near.THRESHOLD for other in group)]
        if linked:
            groups = [group for group in groups if group not in linked] + [set().union(*linked, {row})]
    return sorted(tuple(sorted(group)) for group in groups if len(group) > 1)


def similar(rng: random.Random, text: str, changed: int) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), changed):
        words[place] = f"new{rng.random()}"
    return " ".join(words)


@settings(deadline=None)
@given(TEXTS)
def test_no_pair_is_found_that_a_comparison_of_every_pair_does_not_find(texts: list[str]) -> None:
    linked = {(one, other) for group in compared(texts) for one in group for other in group}
    found = {(one, other) for group in clusters(texts) for one in group for other in group}
    assert found <= linked


@settings(deadline=None)
@given(TEXTS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(texts: list[str], rng: random.Random) -> None:
    order = list(range(len(texts)))
    rng.shuffle(order)
    shuffled = [tuple(sorted(order[row] for row in group)) for group in clusters([texts[row] for row in order])]
    assert sorted(shuffled) == clusters(texts)


@settings(deadline=None)
@given(WORDS.filter(bool), st.randoms(use_true_random=False))
def test_the_same_words_are_always_together(words: list[str], rng: random.Random) -> None:
    shuffled = rng.sample(words, len(words))
    assert clusters([" ".join(words), "something else entirely", " ".join(shuffled).upper()]) == [(0, 2)]


@settings(deadline=None)
@given(st.lists(st.text("abcdefgh", min_size=1, max_size=5), unique=True, min_size=2, max_size=40))
def test_texts_without_a_common_word_are_never_together(words: list[str]) -> None:
    half = len(words) // 2
    assert clusters([" ".join(words[:half]), " ".join(words[half:])]) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", " ", "\n", "?!", "…"]), max_size=6))
def test_texts_without_a_word_match_nothing(blank: list[str]) -> None:
    assert clusters([*blank, "a text", *blank]) == []


def test_of_pairs_at_the_threshold_nearly_all_are_found() -> None:
    rng = random.Random(5)
    rows = [" ".join(f"{row}.{word}" for word in range(18)) for row in range(1_000)]
    both = [*rows, *(similar(rng, row, 2) for row in rows)]
    assert len(clusters(both)) >= 975


def test_a_pair_just_under_the_threshold_is_no_pair() -> None:
    row = " ".join(f"w{word}" for word in range(17))
    assert clusters([row, similar(random.Random(1), row, 2)]) == []
    assert clusters([row, similar(random.Random(1), row, 2)], 0.78) == [(0, 1)]


def test_a_chain_is_one_cluster_whose_first_row_represents_it() -> None:
    words = [f"w{number}" for number in range(60)]
    links = [" ".join(words[first : first + 40]) for first in (8, 0, 4)]
    assert jaccard(links[0], links[1]) < near.THRESHOLD
    assert clusters(["a text of its own", *links]) == [(1, 2, 3)]


def test_texts_in_a_script_without_spaces_are_compared() -> None:
    text = "请问我的银行卡什么时候能寄到我家里来因为我已经等了两个星期了"
    assert clusters([text, "完全不同的一个句子没有共同之处", text.replace("两个", "三个")]) == [(0, 2)]


def test_a_sketch_is_the_same_in_every_process_and_on_every_machine() -> None:
    texts = ["Where is my card?", "", "我的卡在哪里 really", "3 + 5 = 8"]
    code = f"from orchestrator.dataset import near; print(near.sketch({texts!r}).astype('<u4').tobytes().hex())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_ROOT)
    mine = near.sketch(texts).astype("<u4").tobytes()
    assert other.stdout.strip() == mine.hex()
    assert sha256(mine).hexdigest()[:16] == "b7c5e826d7ede5e6"


def test_a_sketch_does_not_depend_on_the_block() -> None:
    texts = [f"the text number {row} of {row % 7}" for row in range(5_000)]
    blocks = [near.sketch(texts[first : first + 700]) for first in range(0, 5_000, 700)]
    assert np.array_equal(near.sketch(texts), np.concatenate(blocks))


def test_no_texts_have_no_sketch_and_no_clusters() -> None:
    assert near.sketch([]).shape == (0, near.WIDTH)
    assert clusters([]) == []


def test_sketches_may_be_memory_mapped(tmp_path: object) -> None:
    texts = ["one two three four five six"] * 3
    path = f"{tmp_path}/sketch.npy"
    np.save(path, near.sketch(texts))
    assert near.clusters(np.load(path, mmap_mode="r"), Texts(texts)) == [(0, 1, 2)]


def test_only_candidates_are_read() -> None:
    rng = random.Random(3)
    texts = Texts([" ".join(str(rng.random()) for _ in range(20)) for _ in range(500)] + ["a b c d e f"] * 2)
    assert near.clusters(near.sketch(texts.texts), texts) == [(500, 501)]
    assert texts.asked == 2


def test_a_file_of_one_row_repeated_is_one_cluster_read_a_few_times() -> None:
    texts = Texts(["the same words in every row of this file"] * 5_000)
    assert near.clusters(near.sketch(texts.texts), texts) == [tuple(range(5_000))]
    assert texts.asked < 4 * 5_000


def test_the_rows_of_a_template_are_no_copies_but_copies_among_them_are_found() -> None:
    rows = [f"please sort this ticket of our shop into its queue {row}" for row in range(2_000)]
    texts = Texts([*rows, rows[7].upper(), rows[1_000] + " now", rows[1_999].replace("please", "Please")])
    found = near.clusters(near.sketch(texts.texts), texts)
    assert {(7, 2_000), (1_999, 2_002)} <= set(found)
    assert sum(map(len, found)) <= 6


def test_a_large_bucket_is_read_in_proportion_to_its_rows() -> None:
    rng = random.Random(9)
    slots = [f"s{number}" for number in range(50)]
    rows = [f"a b c d e f g h i j {' '.join(rng.sample(slots, 3))}" for _ in range(4_000)]
    texts = Texts(rows)
    near.clusters(near.sketch(rows), texts)
    assert texts.asked < 40 * len(rows)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, WINDOW))
def test_a_bucket_up_to_the_window_is_compared_whole(rows: int) -> None:
    texts = [f"{'same ' * 3} a b c d e f g h i j k l m n o p q r s {row}" for row in range(rows)]
    assert len(clusters(texts + [f"other {row}" for row in range(20 * rows)])) == 1
