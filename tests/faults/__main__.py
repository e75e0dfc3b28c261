"""`python -m tests.faults`: the fault matrix, and the proof that it would see a double.

Every place × seed × platform through the protocol, which must come to 0 double, 0 lost, every id right; then buyers
without the protocol, or with less of it, each of which must be caught. Exit 1 unless both hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from .cases import ASKED_SCENES, JOB_SCENES, KEYED, LEASE_SCENES, Scene, cases
from .figures import Figures, table
from .matrix import Theatre
from .scenery import PLATFORMS, Variant

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
_FOUND = tuple(name for name in PLATFORMS if name != "replicate")
WHAT: dict[str, tuple[tuple[str, ...], Mapping[str, Scene]]] = {
    "jobs": (_FOUND, JOB_SCENES),
    "leases": (tuple(name for name in _FOUND if name != "openai"), LEASE_SCENES),
}
if find_spec("replicate"):
    WHAT["asked"] = (("replicate",), ASKED_SCENES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=12, help="purchases at every place, on every platform (12)")
    parser.add_argument("--lesser-seeds", type=int, default=3, help="the same for lesser buyers, at four places (3)")
    parser.add_argument("--what", choices=WHAT, action="append", help="only these (all)")
    parser.add_argument("--places", default="", help="only these places, by comma; without the lesser buyers")
    parser.add_argument("--platforms", default=",".join(PLATFORMS), help="only these, by comma (all)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="the figures as JSON, one object a line")
    return parser.parse_args()


class _Run:
    """One matrix after the other."""

    def __init__(self, asked: argparse.Namespace, theatre: Theatre) -> None:
        self._asked, self._theatre = asked, theatre
        self.good = True

    def protocol(self, what: str) -> None:
        scenes = WHAT[what][1]
        wanted = self._asked.places.split(",") if self._asked.places else list(scenes)
        chosen = {place: scenes[place] for place in wanted if place in scenes}
        told = self._play(what, PROTOCOL, chosen, self._asked.seeds)
        self.good &= told.clean

    def lesser(self, what: str, variant: Variant) -> None:
        scenes = {place: WHAT[what][1][place] for place in LESSER_PLACES[what]}
        self.good &= self._play(what, variant, scenes, self._asked.lesser_seeds).double > 0

    def _play(self, what: str, variant: Variant, scenes: Mapping[str, Scene], seeds: int) -> Figures:
        began, chosen = time.monotonic(), self._asked.platforms.split(",")
        # Where an id is given once even a naive buyer buys once: that proves nothing about the protocol.
        platforms = [name for name in WHAT[what][0] if name in chosen and (variant is PROTOCOL or name not in KEYED)]
        played = self._theatre.play(cases(what, platforms, scenes, seeds), variant)
        told = Figures.of(what, variant.name, played, time.monotonic() - began)
        if self._asked.json:
            print(json.dumps(told.plain()), flush=True)
        else:
            print(*([table(played)] if variant is PROTOCOL else []), told.sentence(), sep="\n", flush=True)
        for outcome in played.bad() if variant is PROTOCOL else ():
            print(outcome, file=sys.stderr)
        return told


def main() -> int:
    asked = _arguments()
    chosen = asked.what or list(WHAT)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        played = asked.platforms.split(",")
        kinds = [(what, platform) for what in chosen for platform in WHAT[what][0] if platform in played]
        theatre = Theatre(Path(folder), asked.workers, kinds)
        run = _Run(asked, theatre)
        for what in chosen:
            run.protocol(what)
            for variant in LESSER if not asked.places and set(asked.platforms.split(",")) - set(KEYED) else ():
                run.lesser(what, variant)
        theatre.close()
    return 0 if run.good else 1


if __name__ == "__main__":
    sys.exit(main())
