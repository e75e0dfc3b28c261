"""How fast secrets and personal data are looked for: the first look at whole blocks, and the close look at every text.

Give a JSON Lines file, or none for a generated one in which one row of a hundred holds something. Beside google-re2
stands Python's `re` on the beginning of the same file, which is what works where google-re2 is not installed. Seconds
are of this process's own work. `--smoke` takes 2 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from orchestrator.dataset.sensitive import Patterns

LEAST_MB_PER_S = 60  # of the first look, on google-re2
MOST_SUSPECTED = 0.03  # share of lines
_BLOCK_BYTES = 1 << 20
_SMOKE_BYTES = 2_000_000
_RE_BYTES = 2_000_000  # Python's engine is slow; its speed does not depend on how much it reads
_FINDS = ["jane@mail.net", "+1 415 555 2671", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE", "born on 1987-03-04"]


def generated(size: int) -> bytes:
    """Rows of words and plain numbers; a find in every hundredth."""
    chance, rows, total = random.Random(0), list[bytes](), 0
    while total < size:
        words = [f"has {chance.randint(1, 99_999)} apples and {chance.randint(1, 99)}.5 pears" for _ in range(12)]
        words += [chance.choice(_FINDS)] if len(rows) % 100 == 0 else []
        turns = [{"role": "user", "content": ", ".join(words)}, {"role": "assistant", "content": "fruit"}]
        rows.append(json.dumps({"messages": turns}).encode() + b"\n")
        total += len(rows[-1])
    return b"".join(rows)


def blocks(data: bytes) -> Iterator[bytes]:
    """Whole lines, about a megabyte at a time."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at + _BLOCK_BYTES) + 1 or len(data)
        yield data[at:end]
        at = end


def texts(data: bytes) -> list[str]:
    """Every text of every row."""
    return [text for line in data.splitlines() if line for text in _texts(json.loads(line))]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def busy_s(work: Callable[[], Any]) -> float:
    """Seconds of this process's own work, so that busy neighbours do not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def first_look(patterns: Patterns, data: bytes) -> int:
    """Lines suspected."""
    return sum(len(patterns.suspects(block)) for block in blocks(data))


def main() -> int:
    """Print the table; exit 1 when the first look is too slow or suspects too many lines (not in a smoke run)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="JSON Lines; generated where none is given")
    parser.add_argument("--smoke", action="store_true", help="2 MB only")
    options = parser.parse_args()
    data = options.file.read_bytes() if options.file else generated(_SMOKE_BYTES if options.smoke else 30_000_000)
    data = data[: data.rfind(b"\n", 0, _SMOKE_BYTES) + 1] if options.smoke else data
    mb_per_s, suspected = _measure(data)
    kept = mb_per_s >= LEAST_MB_PER_S and suspected <= MOST_SUSPECTED
    print(
        f"limits: at least {LEAST_MB_PER_S} MB/s, at most {MOST_SUSPECTED:.0%} of lines: {'kept' if kept else 'missed'}"
    )
    return int(not kept and not options.smoke)


def _measure(data: bytes) -> tuple[float, float]:
    part = data[: data.rfind(b"\n", 0, min(len(data), _RE_BYTES)) + 1]
    lines = data.count(b"\n")
    ours, slow = Patterns(), Patterns(engine="re")
    cold_s = busy_s(lambda: first_look(ours, data))
    warm_s = busy_s(lambda: first_look(ours, data))
    slow_s = busy_s(lambda: first_look(slow, part))
    every, some = texts(data), texts(part)
    find_s = busy_s(lambda: [ours.find(text) for text in every])
    slow_find_s = busy_s(lambda: [slow.find(text) for text in some])
    suspected = first_look(ours, data) / lines
    mb, part_mb = len(data) / 1e6, len(part) / 1e6
    print(f"{mb:.0f} MB, {lines:,} lines, {suspected:.2%} of them suspected")
    print(f"{'':<34} {'MB/s':>8} {'× re':>7}")
    for name, speed, beside in (
        ("first look, automaton being built", mb / cold_s, part_mb / slow_s),
        ("first look", mb / warm_s, part_mb / slow_s),
        ("find in every text", mb / find_s, part_mb / slow_find_s),
    ):
        print(f"{name:<34} {speed:>8.1f} {speed / beside:>7.0f}")
    return mb / warm_s, suspected


if __name__ == "__main__":
    sys.exit(main())
