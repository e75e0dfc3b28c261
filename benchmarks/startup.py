"""How long `tunewright --help` takes to start, beside the bare interpreter and beside importing click alone.

The three are run in turn, so that whatever else the machine does falls on all alike. `--smoke` runs a few.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT_S = 0.25
_TUNEWRIGHT = Path(sys.executable).with_name("tunewright")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "tunewright --help": [str(_TUNEWRIGHT), "--help"],
}


def wall_s(command: list[str]) -> float:
    """Seconds from start to end of one run."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def measure(rounds: int) -> dict[str, list[float]]:
    """Seconds of each command, round by round; the first round only warms the caches."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            seconds = wall_s(command)
            if number:
                taken[name].append(seconds)
    return taken


def main() -> int:
    """Print the table; exit 1 when the fastest start is over the limit. A smoke run only shows that it runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="3 rounds instead of 30")
    smoke = parser.parse_args().smoke
    taken = measure(3 if smoke else 30)
    bare_s = statistics.median(taken["python -c pass"])
    print(f"{'':<26} {'min s':>7} {'median s':>9} {'× bare':>7}")
    for name, seconds in taken.items():
        median_s = statistics.median(seconds)
        print(f"{name:<26} {min(seconds):>7.3f} {median_s:>9.3f} {median_s / bare_s:>7.1f}")
    fastest_s = min(taken["tunewright --help"])
    print(f"limit for --help: {LIMIT_S} s wall: {'kept' if fastest_s <= LIMIT_S else 'exceeded'}")
    return int(fastest_s > LIMIT_S and not smoke)


if __name__ == "__main__":
    sys.exit(main())
