"""How fast each engine counts tokens in one thread, beside tiktoken, and whether the engines of a family agree.

    python benchmarks/counting_tokens.py [CHAT.jsonl] [--texts 200000] [--rounds 3] [--smoke]

All engines count the same texts in turn, in one process, and each round starts anew with the first; the fastest round
of each is shown, in CPU seconds, so that other work on the machine counts little. Without a file the texts are made up.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from varied_texts import varied_texts

from providers.tokenizers._counter import Engine
from providers.tokenizers._families import FAMILIES
from providers.tokenizers._golden import check_ids

BASE = "o200k_base"
"""tiktoken on it, its reference, is what counts as 1.0."""


class Loaded(NamedTuple):
    """An engine of a family that passed its guard, what loading cost, and whether it is the family's reference."""

    family: str
    engine: Engine
    load_s: float
    reference: bool


def engines() -> Iterator[Loaded]:
    """Every engine whose packages are installed, family by family, the fastest first and the reference last."""
    for family, sources in FAMILIES.items():
        for source in sources:
            began = time.process_time()
            try:
                engine = source.load()
                check_ids(family, engine.label, engine.encode)
            except (ImportError, RuntimeError) as error:
                print(f"skipped: {family}: {error}")
                continue
            yield Loaded(family, engine, time.process_time() - began, source is sources[-1])


def texts_of(file: Path) -> Iterator[str]:
    """The contents of every message in a chat file."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield from (message["content"] for message in json.loads(line)["messages"])


def made_up(count: int) -> Iterator[str]:
    """Texts of some 160 characters, cut out of this project's own pages."""
    root = Path(__file__).parents[1]
    pool = " ".join(
        " ".join(page.read_text(encoding="utf-8").split())
        for page in sorted([root / "README.md", *root.glob("docs/*.md")])
    )
    rng = random.Random(7)
    for _ in range(count):
        start = rng.randrange(len(pool) - 300)
        yield pool[start : start + rng.randint(20, 300)]


def fastest_s(loaded: Loaded, texts: Sequence[str], best: float) -> float:
    """CPU seconds of one count of all texts, in batches of a thousand, or `best` where that was faster."""
    began = time.process_time()
    for start in range(0, len(texts), 1000):
        loaded.engine.tally(texts[start : start + 1000])
    return min(best, time.process_time() - began)


def agreement(one: Loaded, others: Sequence[Loaded], texts: Sequence[str]) -> str:
    """On how many of the texts a faster engine gives its reference's count."""
    reference = next((other for other in others if other.family == one.family and other.reference), one)
    if reference is one:
        return "the reference"
    pairs = zip(one.engine.tally(texts), reference.engine.tally(texts), strict=True)
    return f"{sum(ours == theirs for ours, theirs in pairs):,} of {len(texts):,}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="a chat file whose contents are counted")
    parser.add_argument("--texts", type=int, default=200_000, help="at most so many texts (200,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true", help="2,000 texts, one round")
    told = parser.parse_args()
    count, rounds = (2000, 1) if told.smoke else (told.texts, told.rounds)
    texts = list(islice(texts_of(told.file), count)) if told.file else list(made_up(count))
    loaded = list(engines())
    best = [float("inf")] * len(loaded)
    for _ in range(rounds):
        best = [fastest_s(one, texts, seconds) for one, seconds in zip(loaded, best, strict=True)]
    report(loaded, best, texts)


def report(loaded: Sequence[Loaded], best: Sequence[float], texts: Sequence[str]) -> None:
    """One line an engine: megabytes and tokens a second, beside tiktoken on o200k."""
    size_mb = sum(len(text.encode()) for text in texts) / 1e6
    varied = varied_texts(2000)
    base_s = next(s for one, s in zip(loaded, best, strict=True) if one.family == BASE and one.reference)
    print(f"{len(texts):,} texts, {size_mb:.1f} MB, one thread, CPU time; same counts: on 2,000 varied texts\n")
    print(f"{'family':<15}{'engine':<22}{'load s':>7}{'MB/s':>8}{'Mtok/s':>8}{'× tiktoken':>12}   same counts")
    for one, seconds in zip(loaded, best, strict=True):
        tokens = sum(one.engine.tally(texts))
        print(
            f"{one.family:<15}{one.engine.label:<22}{one.load_s:>7.2f}{size_mb / seconds:>8.1f}"
            f"{tokens / seconds / 1e6:>8.2f}{base_s / seconds:>12.2f}   {agreement(one, loaded, varied)}"
        )
    print(f"\npeak memory, all loaded: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
