"""`check`, `estimate` and `prepare` beside what people run today, as whole processes on one file, in turn, in one run.

The recipes of today are in recipes.py. Each command is timed `--rounds` times, the recipes in between, and the medians
are compared; what else the machine does falls on all alike. `--rows 2000000 --memory` shows peak memory instead.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared" / "bench"
TARGETS = ("--to", "openai:gpt-4.1-mini-2025-04-14", "--to", "together:Qwen/Qwen3-8B")
SKIP_NEAR, SKIP_SENSITIVE = ("--skip", "near-duplicates"), ("--skip", "sensitive")


@dataclass
class Contender:
    """A whole process: its command, where `FILE` and `OUT` stand for paths, and what its runs took."""

    name: str
    command: tuple[str, ...]
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def median_s(self) -> float:
        """Of all rounds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Limit:
    """What is claimed: this process takes at most so many times as long as that one."""

    what: str
    than: str
    most: float


def tunewright(*arguments: str) -> tuple[str, ...]:
    """The command line of this environment."""
    return (str(Path(sys.executable).with_name("tunewright")), *arguments)


def recipe(name: str) -> tuple[str, ...]:
    """One of the recipes of today; those that came with the corpus where they are there and can run, else our own."""
    given = SHARED / "baselines.py"
    runs = given.is_file() and find_spec("orjson") is not None
    return (sys.executable, str(given if runs else HERE / "recipes.py"), name, "FILE")


RECIPES = ("check_file", "limit-fast", "naive")
COMMANDS = {
    "check: structure and content": tunewright("check", "FILE", *SKIP_NEAR, *SKIP_SENSITIVE),
    "check: every rule": tunewright("check", "FILE"),
    "estimate": tunewright("estimate", "FILE", *TARGETS[:2]),
    "prepare for two platforms": tunewright("prepare", "FILE", "--out", "OUT", *TARGETS),
}
LIMITS = (
    Limit("check: structure and content", "check_file", 2.0),
    Limit("check: every rule", "check_file", 5.0),
    Limit("estimate", "naive", 1 / 3),
    Limit("estimate", "limit-fast", 2.0),
    Limit("prepare for two platforms", "naive", 1.5),
)
MEMORY = {
    "check, near duplicates off": (tunewright("check", "FILE", *SKIP_NEAR), 350),
    "estimate": (tunewright("estimate", "FILE", *TARGETS[:2]), 350),
    "check": (tunewright("check", "FILE"), 1200),
    "prepare": (tunewright("prepare", "FILE", "--out", "OUT", *TARGETS[:2]), 1200),
}


def corpus(rows: int, folder: Path) -> Path:
    """A chat file of so many rows."""
    path = folder / f"corpus-{rows}.jsonl"
    maker = SHARED / "make_corpus.py"
    if maker.is_file():
        subprocess.run([sys.executable, str(maker), str(rows), str(path)], check=True)
    else:
        subprocess.run([sys.executable, str(HERE / "recipes.py"), "corpus", str(path), str(rows)], check=True)
    return path


def run(contender: Contender, file: Path) -> None:
    """One run; its wall seconds, and the most memory that its processes had together."""
    with tempfile.TemporaryDirectory() as folder:
        named = {"FILE": str(file), "OUT": str(Path(folder, "out"))}
        command = [named.get(word, word) for word in contender.command]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        watching = threading.Thread(target=watch_memory, args=(process, contender))
        watching.start()
        said, _ = process.communicate()
        contender.seconds.append(time.perf_counter() - began)
        watching.join()
        if process.returncode:
            raise SystemExit(f"{contender.name} ended with {process.returncode}: {said.decode()[-2000:]}")


def watch_memory(process: subprocess.Popen[bytes], contender: Contender) -> None:
    """Ten times a second: the proportional set size of a process and all below it, in megabytes. Linux alone has it."""
    while process.poll() is None:
        contender.peak_mb = max(contender.peak_mb, sum(map(proportional_mb, family(process.pid))))
        time.sleep(0.1)


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in family(int(child)))]


def proportional_mb(pid: int) -> float:
    """Memory of a process, what it shares divided by those who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)


def contention() -> float:
    """How many times as long a busy process takes while another one is busy beside it."""
    busy = [sys.executable, "-c", "sum(range(40_000_000))"]
    began = time.perf_counter()
    subprocess.run(busy, check=True)
    alone = time.perf_counter() - began
    began = time.perf_counter()
    pair = [subprocess.Popen(busy) for _ in range(2)]
    for process in pair:
        process.wait()
    return (time.perf_counter() - began) / alone


def compare(file: Path, rounds: int, *, judged: bool) -> int:
    """Time every contender round by round; print the table and, where the file is large enough, what is claimed."""
    everybody = [Contender(name, recipe(name)) for name in RECIPES]
    everybody += [Contender(name, command) for name, command in COMMANDS.items()]
    for _ in range(rounds):
        for contender in everybody:
            run(contender, file)
    named = {contender.name: contender for contender in everybody}
    size_mb = file.stat().st_size / 1e6
    print(f"{'':<32} {'median s':>9} {'MB/s':>7} {'peak MB':>8}")
    for one in everybody:
        print(f"{one.name:<32} {one.median_s:>9.2f} {size_mb / one.median_s:>7.1f} {one.peak_mb:>8.0f}")
    broken = 0
    for limit in LIMITS if judged else ():
        ratio = named[limit.what].median_s / named[limit.than].median_s
        broken += ratio > limit.most
        kept = "kept" if ratio <= limit.most else "EXCEEDED"
        print(f"{limit.what} takes {ratio:.2f} times {limit.than}; at most {limit.most:.2f}: {kept}")
    return broken


def weigh(file: Path) -> int:
    """Peak memory of each command, all its processes together, beside its limit."""
    broken = 0
    for name, (command, most_mb) in MEMORY.items():
        contender = Contender(name, command)
        run(contender, file)
        broken += contender.peak_mb > most_mb
        kept = "kept" if contender.peak_mb <= most_mb else "EXCEEDED"
        print(f"{name:<28} {contender.median_s:>8.1f} s, peak {contender.peak_mb:>5.0f} MB of {most_mb}: {kept}")
    return broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; exit 1 when a claim does not hold. A smoke run only shows that everything runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of times")
    parser.add_argument("--smoke", action="store_true", help="2,000 rows, once")
    given = parser.parse_args(arguments)
    rows, rounds = (2_000, 1) if given.smoke else (given.rows, given.rounds)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TIKTOKEN_CACHE_DIR"] = str(vocabularies(Path(folder)))
        file = corpus(rows, Path(folder))
        print(f"{rows:,} rows, {file.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} cores")
        if given.memory:
            return int(weigh(file) > 0)
        print(f"two busy processes at once each take {contention():.2f} times as long as one alone")
        return int(compare(file, rounds, judged=not given.smoke) > 0)


def vocabularies(folder: Path) -> Path:
    """A cache as tiktoken fills it from the network, filled from the packages, for the recipes."""
    from providers.tokenizers import counter
    from providers.user_cache import cache_root

    counter("o200k_base", fast=False)
    kept = cache_root() / "tunewright" / "tiktoken"
    copy = folder / "tiktoken"
    copy.mkdir()
    for file in kept.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


if __name__ == "__main__":
    sys.exit(main())
