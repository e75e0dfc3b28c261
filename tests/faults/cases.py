"""What the matrix visits: every place where a buyer is killed, and the faults its platform meets the buyer with.

Pure: a case says everything that will be done to one purchase, drawn from its seed.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orchestrator

from .platforms import ALL

__all__ = [
    "ASKED_SCENES",
    "FAULTY",
    "IN_USE",
    "JOB_SCENES",
    "KINDS",
    "LEASE_SCENES",
    "WIRE_PLACES",
    "Case",
    "Scene",
    "cases",
    "places_in_the_source",
]

FAULTY = 0.4
"""The share of paid POSTs that something happens to."""

LOST = ("dropped before", "500 before")
ARRIVED = ("dropped after", "502 after", "truncated 200")
LATE = ("slow then cut",)
REFUSED = ("429",)
KINDS = (*LOST, *ARRIVED, *LATE, *REFUSED)
UNCLEAR = (*LOST, *ARRIVED, *LATE)

WIRE_PLACES = ("request_sent", "answer_begun")
"""Where the buyer dies between the paid request's last byte and its answer; see `dying.py`."""

IN_USE = "in_use"
"""Where a lessee dies while it uses what it has rented."""

LAG_S, SLOW_S = 300.0, 240.0
"""The longest that a listing lags behind and a paid request is under way, together well below the facts' window."""


@dataclass(frozen=True, slots=True)
class Scene:
    """How one place is reached. `first`: one of these befalls the first paid POST; `rest`: what may befall the others.

    `person`: what is not found is put before a person (None: by the seed's parity), else it is allowed to be sent
    again. `before`: a place where the buyer is killed first. `anew`: after that crash the ledger is lost too.
    `to_the_bill`: the purchase is followed until its money is settled. `least_lag_s`: lists lag at least so long.
    """

    first: tuple[str, ...] = ()
    rest: tuple[str, ...] = KINDS
    person: bool | None = None
    before: tuple[str, ...] = ()
    anew: bool = False
    to_the_bill: bool = False
    least_lag_s: float = 0.0


_UNSENT = Scene()
_ANSWERED = Scene(rest=(*LOST, *REFUSED))
_REFUSED = Scene(first=REFUSED)
_IN_DOUBT = Scene(first=UNCLEAR)
_FOUND = Scene(first=ARRIVED)
_NOT_FOUND = Scene(first=(*LOST, *LATE))
_ABSENT = Scene(first=LOST, person=False)
_ASKED = Scene(first=LOST, person=True)

JOB_SCENES: dict[str, Scene] = {
    **dict.fromkeys(("before_intent", "after_intent", "after_approve"), _UNSENT),
    **dict.fromkeys(("before_upload", "after_upload_answer", "after_file_record", "after_upload"), _UNSENT),
    **dict.fromkeys(("before_creating", "after_creating", "request_sent"), _UNSENT),
    "answer_begun": Scene(rest=("500 before", "502 after", "429", "truncated 200")),
    **dict.fromkeys(("after_create_answer", "after_record"), _ANSWERED),
    **dict.fromkeys(("before_refused", "after_refused", "before_release"), _REFUSED),
    **dict.fromkeys(("before_in_doubt", "after_in_doubt", "before_look"), _IN_DOUBT),
    **dict.fromkeys(("before_adopt", "after_adopt"), _FOUND),
    **dict.fromkeys(("before_empty_look", "during_empty_look", "after_empty_look"), _NOT_FOUND),
    **dict.fromkeys(("before_absent", "after_absent"), _ABSENT),
    **dict.fromkeys(("before_needs_human", "after_needs_human", "before_resolve", "after_resolve"), _ASKED),
    "found_before_sending": Scene(rest=(), before=("after_create_answer",), anew=True),
    **dict.fromkeys(("before_settle", "after_settle"), Scene(to_the_bill=True)),
}

_NEVER_FOUND = Scene(first=UNCLEAR, person=True)

ASKED_SCENES: dict[str, Scene] = {
    place: replace(scene, person=True)
    for place, scene in JOB_SCENES.items()
    if scene not in (_FOUND, _NOT_FOUND, _ABSENT, _ASKED) and not scene.anew
} | dict.fromkeys(("before_needs_human", "after_needs_human", "before_resolve", "after_resolve"), _NEVER_FOUND)
"""Where a platform has no way to look, nothing is ever found or proved absent: every doubt is put before a person."""

LEASE_SCENES: dict[str, Scene] = {
    **dict.fromkeys(("lease_before_want", "lease_after_want", "lease_before_starting"), _UNSENT),
    **dict.fromkeys(("lease_after_starting", "request_sent"), _UNSENT),
    "answer_begun": Scene(rest=("500 before", "502 after", "429", "truncated 200")),
    **dict.fromkeys(("lease_after_answer", "lease_before_bind", "lease_after_bind", IN_USE), _ANSWERED),
    **dict.fromkeys(("lease_before_refused", "lease_after_refused"), _REFUSED),
    **dict.fromkeys(("lease_before_in_doubt", "lease_after_in_doubt"), _IN_DOUBT),
    **dict.fromkeys(("lease_before_unwanted", "lease_after_unwanted"), _UNSENT),
    # The quick looks after an unclear answer, which adopt what they see, take four seconds.
    **dict.fromkeys(("lease_before_found", "lease_after_found"), Scene(first=ARRIVED, least_lag_s=LAG_S / 5)),
    **dict.fromkeys(("lease_before_teardown", "lease_after_teardown"), _UNSENT),
    **dict.fromkeys(("lease_before_empty_look", "lease_after_empty_look"), _NOT_FOUND),
    **dict.fromkeys(("lease_before_absent", "lease_after_absent"), _ABSENT),
    **dict.fromkeys(("lease_before_settle", "lease_after_settle"), _ANSWERED),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One purchase: what, where it is killed, and the seed of everything else."""

    what: str
    platform: str
    place: str
    seed: int
    scene: Scene = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.what}-{self.platform}-{self.place}-{self.seed}"

    def lottery(self, purpose: str) -> random.Random:
        """The same numbers for the same case, whatever ran before it."""
        return random.Random(f"{self.name} {purpose}")

    @property
    def person(self) -> bool:
        return self.seed % 2 == 1 if self.scene.person is None else self.scene.person

    @property
    def lag_s(self) -> float:
        return self.lottery("lag").uniform(self.scene.least_lag_s, LAG_S)

    def deaths(self, places: Sequence[str]) -> list[str]:
        """Where it dies, in order: at its own place, and one in three once more at any."""
        lottery = self.lottery("deaths")
        again = [lottery.choice(places)] if lottery.random() < 1 / 3 else []
        return [*self.scene.before, self.place, *again]


def cases(
    what: str, platforms: Sequence[str], scenes: Mapping[str, Scene], seeds: int, *, in_turn: bool = False
) -> list[Case]:
    """Every place × platform × seed, where that place can be reached. `in_turn`: every place on one of them."""
    return [
        Case(what, platform, place, seed, scene)
        for seed in range(seeds)
        for number, (place, scene) in enumerate(scenes.items())
        for platform in (platforms if not in_turn else [platforms[(number + seed) % len(platforms)]])
        if place not in ALL[platform].never
    ]


def places_in_the_source() -> set[str]:
    """Every place that `reach` names anywhere in the orchestrator."""
    return {place for path in Path(orchestrator.__file__).parent.rglob("*.py") for place in _named(path)}


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "reach":
            (place,) = node.args
            assert isinstance(place, ast.Constant), f"{path}: a place is named by a literal"
            yield str(place.value)
