"""Which diagnoses are named on curves made for it, which on healthy ones: hits, misses and false alarms, as a table.

Two seeded sets of drawn curves and one of really trained ones each: the thresholds were set on the first, and the
second was looked at only when they stood. Every curve is judged at its end and, as a watcher would, at nineteen looks
on the way, where a false alarm counts just as much. `--smoke`: fewer curves, and six trainings.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curves import Made, synthetic
from trained_curves import RECIPES, trained

from orchestrator.jobs.health import DISEASES, diagnose

__all__ = ["Told", "judged", "table"]

SETS = {"first": (1, 2, 3), "second": (101, 102, 103)}
LOOKS = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What was named at the curve's end, and on the way to it."""

    made: Made
    found: frozenset[str]
    on_the_way: frozenset[str]

    @property
    def missed(self) -> frozenset[str]:
        """What is true of the curve and was not named at its end."""
        return self.made.expected - self.found

    @property
    def false(self) -> frozenset[str]:
        """What was named at its end and is not so."""
        return self.found - self.made.expected - self.made.free

    @property
    def false_on_the_way(self) -> frozenset[str]:
        """The same at any look before."""
        return (self.on_the_way & set(DISEASES)) - self.made.expected - self.made.free


def judged(made: Iterable[Made]) -> list[Told]:
    """Each curve looked at twenty times."""
    return [_told(one) for one in made]


def _told(made: Made) -> Told:
    length = len(made.points)
    on_the_way = [made.points[: length * look // LOOKS] for look in range(1, LOOKS)]
    return Told(
        made,
        frozenset(item.name for item in diagnose(made.points, ended=True)),
        frozenset(item.name for points in on_the_way for item in diagnose(points)),
    )


def table(told: Sequence[Told]) -> str:
    """One line a kind of curve, and the sums; then every curve on which something was missed or falsely named."""
    kinds: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in told:
        kinds[one.made.source, one.made.kind].append(one)
    head = (
        f"{'source':<10} {'curves':<26} {'number':>6} {'named':>6} {'missed':>6} {'false':>6} {'false on the way':>16}"
    )
    lines = [head, "-" * len(head), *(_line(source, kind, kinds[source, kind]) for source, kind in kinds)]
    lines += ["-" * len(head), _line("all", "", told)]
    return "\n".join([*lines, *(_worth(one) for one in told if one.missed or one.false or one.false_on_the_way)])


def _line(source: str, kind: str, told: Sequence[Told]) -> str:
    ill = [one for one in told if one.made.expected]
    named, missed = (str(sum(not one.missed for one in ill)), str(sum(bool(one.missed) for one in ill)))
    false, way = (sum(bool(one.false) for one in told), sum(bool(one.false_on_the_way) for one in told))
    if not ill:
        named = missed = "-"
    return f"{source:<10} {kind:<26} {len(told):>6} {named:>6} {missed:>6} {false:>6} {way:>16}"


def _worth(one: Told) -> str:
    parts = {"missed": one.missed, "false": one.false, "false on the way": one.false_on_the_way}
    said = "; ".join(f"{what} {', '.join(sorted(names))}" for what, names in parts.items() if names)
    return f"  {one.made.source} {one.made.name}: {said} ({one.made.noise})"


def main() -> None:
    """Print both sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="fewer curves")
    smoke = parser.parse_args().smoke
    for name, seeds in SETS.items():
        drawn = [made for seed in seeds[: 1 if smoke else None] for made in synthetic(seed, 4 if smoke else 20)]
        recipes = RECIPES[::4] if smoke else RECIPES
        learned = trained(seeds[0], recipes)
        print(f"\n{name} set: {len(drawn)} drawn curves, {len(learned)} trained ones")
        print(table(judged([*drawn, *learned])))
        if not smoke:
            print("\n".join(f"  {m.source:<9} {m.name:<32} {m.kind:<22} {m.noise}" for m in learned))


if __name__ == "__main__":
    main()
