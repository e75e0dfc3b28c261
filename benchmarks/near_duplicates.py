"""Near duplicates found, against copies planted in a corpus and against comparing every pair of 5,000 rows.

FILE: chat JSON Lines, compared by its last user turn, with the planted rows in FILE.truth.json where there is one.
Without FILE a corpus of `--rows` rows is made of the sentences in samples/, 6 % of them copies of earlier
ones, a third of those exact, the others with one word changed.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from orchestrator.dataset import near
from orchestrator.dataset.near import sketching

SAMPLES = Path(__file__).parents[1] / "samples"
BLOCK = 2_000
_WORD = re.compile(r"""[^\s.,;:!?"'()\[\]{}]+(?:[.,;:!?"'()\[\]{}][^\s.,;:!?"'()\[\]{}]+)*""")


class Corpus(Protocol):
    """Texts by row. `copies`: planted row → the row that it repeats, with a word changed or without."""

    name: str
    rows: int
    near: dict[int, int]
    exact: dict[int, int]

    def texts(self, rows: Sequence[int]) -> list[str]:
        """The texts of these rows."""


class Made:
    """Every row follows from its number, so that a corpus of any size takes no memory."""

    def __init__(self, rows: int, share: float = 0.06) -> None:
        self.name, self.rows = "made of samples/", rows
        with (SAMPLES / "support_tickets.csv").open(encoding="utf-8", newline="") as file:
            messages = [row["message"] for row in csv.DictReader(file)]
        self._sentences = [part for message in messages for part in re.split(r"(?<=[.?!])\s+", message)]
        self.near: dict[int, int] = {}
        self.exact: dict[int, int] = {}
        for row in range(1, rows):
            dice = random.Random(f"copy {row}")
            if dice.random() < share:
                copies = self.exact if dice.random() < 1 / 3 else self.near
                copies[row] = self._origin(dice.randrange(row))

    def texts(self, rows: Sequence[int]) -> list[str]:
        return [self._text(row) for row in rows]

    def _text(self, row: int) -> str:
        if row not in self.near:
            return self._fresh(self.exact.get(row, row))
        words = self._fresh(self.near[row]).split(" ")
        words[random.Random(f"word {row}").randrange(len(words))] = "really"
        return " ".join(words)

    def _fresh(self, row: int) -> str:
        dice = random.Random(row)
        return " ".join(dice.choices(self._sentences, k=dice.randint(3, 7)))

    def _origin(self, origin: int) -> int:
        while origin in self.near or origin in self.exact:
            origin -= 1
        return origin


class Read:
    """A file of chats, held in memory."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8") as file:
            self._texts = [_question(json.loads(line)) for line in file]
        self.name, self.rows = path.name, len(self._texts)
        truth = Path(f"{path}.truth.json")
        planted = json.loads(truth.read_text(encoding="utf-8")) if truth.exists() else {}
        self.near, self.exact = dict(planted.get("near", ())), dict(planted.get("dup", ()))

    def texts(self, rows: Sequence[int]) -> list[str]:
        return [self._texts[row] for row in rows]


def _question(row: dict[str, list[dict[str, str]]]) -> str:
    return next(turn["content"] for turn in reversed(row["messages"]) if turn["role"] == "user")


def main() -> None:
    """Print what was found and what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--smoke", action="store_true", help="3,000 rows, 600 of them by brute force")
    given = parser.parse_args()
    corpus: Corpus = Read(given.file) if given.file else Made(3_000 if given.smoke else given.rows)
    print(f"shingle: word · Jaccard similarity of the sets >= {near.THRESHOLD} · {_shape()}")
    print(f"corpus: {corpus.name}, {corpus.rows:,} rows, {len(corpus.near):,} with a word changed planted")
    found = measure(corpus)
    planted(corpus, found)
    few = range(min(corpus.rows, 600 if given.smoke else 5_000))
    brute_force(corpus.texts(few))
    shingles(corpus)
    libraries(corpus.texts(few))


def _shape() -> str:
    return f"{sketching.BANDS} bands × {sketching.ROWS} values, {4 * near.WIDTH} bytes a row"


def measure(corpus: Corpus) -> list[tuple[int, ...]]:
    """Sketch and cluster, with the processor's seconds and the process's peak memory."""
    bands = np.zeros((corpus.rows, near.WIDTH), np.uint32)
    sketching_s = 0.0
    for first in range(0, corpus.rows, BLOCK):
        texts = corpus.texts(range(first, min(first + BLOCK, corpus.rows)))
        began = time.process_time()
        bands[first : first + BLOCK] = near.sketch(texts)
        sketching_s += time.process_time() - began
    asked: list[int] = []
    reading_s = 0.0

    def texts_of(rows: Sequence[int]) -> list[str]:
        nonlocal reading_s
        began = time.process_time()
        texts = corpus.texts(rows)
        reading_s += time.process_time() - began
        asked.append(len(rows))
        return texts

    began = time.process_time()
    found = near.clusters(bands, texts_of)
    clustering_s = time.process_time() - began - reading_s
    print(f"sketching: {sketching_s:.2f} s of CPU, {sketching_s / corpus.rows * 1e6:.1f} µs a row")
    print(f"clustering: {clustering_s:.2f} s of CPU, {sum(asked):,} texts read ({reading_s:.2f} s)")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(
        f"clusters: {len(found):,} of {sum(map(len, found)):,} rows, the largest of {max(map(len, found), default=0)}"
    )
    return found


def planted(corpus: Corpus, found: list[tuple[int, ...]]) -> None:
    """Recall of the planted rows; precision: pairs in one cluster that have one origin."""
    origins = {**corpus.near, **corpus.exact}
    of = {row: number for number, cluster in enumerate(found) for row in cluster}
    for name, copies in (("a word changed", corpus.near), ("every word kept", corpus.exact)):
        hits = sum(row in of and of[row] == of.get(origin) for row, origin in copies.items())
        if copies:
            print(f"planted, {name}: recall {hits / len(copies):.4f} ({hits:,} of {len(copies):,})")
    pairs = list(_pairs(found))
    right = sum(_root(one, origins) == _root(other, origins) for one, other in pairs)
    if origins and pairs:
        share = right / len(pairs)
        print(f"planted: precision {share:.4f} ({right:,} of {len(pairs):,} pairs; others are alike by chance)")


def _root(row: int, origins: dict[int, int]) -> int:
    while row in origins:
        row = origins[row]
    return row


def _pairs(found: list[tuple[int, ...]]) -> Iterator[tuple[int, int]]:
    return ((one, other) for cluster in found for at, other in enumerate(cluster) for one in cluster[:at])


def brute_force(texts: list[str]) -> None:
    """Recall of all pairs at the threshold by plain sets of words; precision: pairs in a cluster that reach it."""
    began = time.process_time()
    sets = [set(_WORD.findall(text.lower())) for text in texts]
    alike = {(a, b) for b in range(len(sets)) for a in range(b) if _jaccard(sets[a], sets[b]) >= near.THRESHOLD}
    took_s = time.process_time() - began
    found = near.clusters(near.sketch(texts), lambda rows: [texts[row] for row in rows])
    together = set(_pairs(found))
    recall = len(alike & together) / len(alike) if alike else 1.0
    precision = len(alike & together) / len(together) if together else 1.0
    print(f"brute force, {len(texts):,} rows in {took_s:.1f} s: {len(alike):,} pairs · recall {recall:.4f}", end="")
    print(f" · precision {precision:.4f} (pairs of a cluster that are no chain)")


def _jaccard(one: set[str], other: set[str]) -> float:
    if min(len(one), len(other)) < near.THRESHOLD * max(len(one), len(other)) or not one:
        return 0.0
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def shingles(corpus: Corpus) -> None:
    """How many planted copies reach the threshold by other shingles, every pair of them compared exactly."""
    copies = list(corpus.near.items())[:2_000]
    kinds: dict[str, Callable[[str], set[Any]]] = {
        "words": lambda text: set(_WORD.findall(text)),
        "pairs of words": lambda text: set(zip(_WORD.findall(text), _WORD.findall(text)[1:], strict=False)),
        "5 characters": lambda text: {text[at : at + 5] for at in range(len(text) - 4)},
    }
    for name, cut in kinds.items():
        reached = sum(
            _jaccard(*(cut(text.lower()) for text in corpus.texts([row, origin]))) >= near.THRESHOLD
            for row, origin in copies
        )
        if copies:
            print(f"shingle {name}: {reached / len(copies):.4f} of the planted copies reach {near.THRESHOLD}")


def libraries(texts: list[str]) -> None:
    """Sketching by MinHash libraries, where they are installed, of words already cut; ours cuts them itself."""
    print(f"sketching {len(texts):,} texts: ours {_cpu_s(lambda: near.sketch(texts)):.3f} s", end="")
    words = [text.lower().split() for text in texts]
    values = sketching.BANDS * sketching.ROWS
    if find_spec("rensa"):
        rensa = import_module("rensa").RMinHash
        digests = _cpu_s(lambda: np.array(rensa.digests_from_token_sets(words, values, 1), np.uint32))
        print(f" · rensa {digests:.3f} s", end="")
    if find_spec("datasketch"):
        few = [[word.encode() for word in text] for text in words[: max(1, len(words) // 10)]]
        bulk = import_module("datasketch").MinHash.bulk
        print(f" · datasketch {10 * _cpu_s(lambda: bulk(few, num_perm=values)):.3f} s (from a tenth)", end="")
    print(f" · cutting words {_cpu_s(lambda: [text.lower().split() for text in texts]):.3f} s")


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
