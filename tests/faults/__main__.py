"""`python -m tests.faults`: the fault matrix, and the proof that it would see a double.

Every place × seed × platform through the protocol, which must come to 0 double, 0 lost, every id right; then buyers
without the protocol, or with less of it, each of which must be caught on every platform. Exit 1 unless both hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from .cases import ASKED_SCENES, JOB_SCENES, LEASE_SCENES, Scene, cases
from .figures import Figures, table
from .matrix import Theatre
from .platforms import PLATFORMS
from .scenery import Variant

PROTOCOL = Variant()
LESSER = (
    Variant("naive retry", naive=True),
    Variant("no settling window", window_s=0.0),
    Variant("too short a window", window_s=60.0),
)
LESSER_PLACES = {
    "jobs": ("after_intent", "request_sent", "answer_begun", "before_empty_look"),
    "leases": ("request_sent", "lease_before_found", "lease_before_in_doubt", "lease_before_empty_look"),
}
LESSER_PLACES["asked"] = ("after_intent", "request_sent", "answer_begun", "after_in_doubt")
SCENES: Mapping[str, Mapping[str, Scene]] = {"jobs": JOB_SCENES, "leases": LEASE_SCENES, "asked": ASKED_SCENES}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=12, help="purchases at every place, on every platform (12)")
    parser.add_argument("--lesser-seeds", type=int, default=3, help="the same for lesser buyers, at four places (3)")
    parser.add_argument("--what", choices=SCENES, action="append", help="only these (all)")
    parser.add_argument("--places", default="", help="only these places, by comma; without the lesser buyers")
    parser.add_argument("--platforms", default=",".join(PLATFORMS), help="only these, by comma (all)")
    parser.add_argument("--in-turn", action="store_true", help="every place on one of the platforms, not on all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the figures as JSON, one object a line")
    return parser.parse_args()


class _Run:
    """One matrix after the other."""

    def __init__(self, asked: argparse.Namespace, theatre: Theatre) -> None:
        self._asked, self._theatre = asked, theatre
        self.good = True

    def protocol(self, what: str) -> None:
        scenes = SCENES[what]
        wanted = self._asked.places.split(",") if self._asked.places else list(scenes)
        chosen = {place: scenes[place] for place in wanted if place in scenes}
        told = self._play(what, PROTOCOL, chosen, self._asked.seeds, in_turn=self._asked.in_turn)
        self.good &= told.clean

    def lesser(self, what: str, variant: Variant) -> None:
        scenes = {place: SCENES[what][place] for place in LESSER_PLACES[what]}
        self.good &= self._play(what, variant, scenes, self._asked.lesser_seeds).caught

    def _play(
        self, what: str, variant: Variant, scenes: Mapping[str, Scene], seeds: int, *, in_turn: bool = False
    ) -> Figures:
        began, platforms = time.monotonic(), _played(self._asked, what, variant)
        played = self._theatre.play(cases(what, platforms, scenes, seeds, in_turn=in_turn), variant)
        told = Figures.of(what, variant.name, played, time.monotonic() - began)
        if self._asked.json:
            print(json.dumps(told.plain()), flush=True)
        else:
            print(*([table(played)] if variant is PROTOCOL else []), told.sentence(), sep="\n", flush=True)
        for outcome in played.bad() if variant is PROTOCOL else ():
            print(outcome, file=sys.stderr)
        return told


def _proves(variant: Variant, what: str, platform: str) -> bool:
    """Where an id is given once, who waits too little buys once too: that proves nothing about the protocol."""
    return variant.window_s is None or what not in PLATFORMS[platform].keyed


def main() -> int:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        theatre = Theatre(
            Path(folder), asked.workers, [(what, name) for what in SCENES for name in _played(asked, what)]
        )
        run = _Run(asked, theatre)
        for what in SCENES:
            if _played(asked, what):
                run.protocol(what)
            for variant in LESSER if not asked.places else ():
                if _played(asked, what, variant):
                    run.lesser(what, variant)
        theatre.close()
    return 0 if run.good else 1


def _played(asked: argparse.Namespace, what: str, variant: Variant = PROTOCOL) -> list[str]:
    """The platforms on which that is played."""
    wanted = asked.platforms.split(",") if what in (asked.what or SCENES) else []
    here = [name for name in PLATFORMS if name in wanted and what in PLATFORMS[name].kinds]
    return [name for name in here if _proves(variant, what, name)]


if __name__ == "__main__":
    sys.exit(main())
