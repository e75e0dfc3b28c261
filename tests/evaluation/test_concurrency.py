"""The controller of concurrency against servers whose capacity is known, in time that is counted and not waited."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import pytest

from orchestrator.evaluation.concurrency import Concurrency


@dataclass
class Server:
    """Takes `capacity` at once, each for `takes_s`; one more is told to come back in `after_s`."""

    capacity: int
    takes_s: float = 0.5
    after_s: float | None = None
    load: int = 0
    fits: list[bool] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    def run(self, control: Concurrency, seconds: float, workers: int = 10**6) -> Server:
        """Ask as much as the controller lets, for so long."""
        now, pending, held_until = 0.0, list[tuple[float, bool]](), 0.0
        while now < seconds:
            while control.in_flight < min(control.limit, workers) and now >= held_until:
                fits = self.load < self.capacity
                self.load += fits
                control.began()
                heapq.heappush(pending, (now + (self.takes_s if fits else 0.01), fits))
            if not pending:
                now = held_until
                continue
            now, fits = heapq.heappop(pending)
            control.ended()
            if fits:
                self.load -= 1
                control.answered(now)
            else:
                control.throttled(now, self.after_s)
                held_until = now + (self.after_s or 0.5)
            self.limits.append(control.limit)
            self.fits.append(fits)
        return self


def test_it_starts_at_twenty_or_at_the_cap() -> None:
    assert (Concurrency(100).limit, Concurrency(8).limit) == (20, 8)


def test_it_doubles_a_clean_round_up_to_the_cap() -> None:
    server = Server(capacity=1000).run(Concurrency(100), 10)
    assert list(dict.fromkeys(server.limits)) == [20, 40, 80, 100]


@pytest.mark.parametrize("capacity", [3, 10, 25, 60])
@pytest.mark.parametrize("after_s", [None, 1.0, 20.0])
def test_it_settles_about_what_the_server_bears(capacity: int, after_s: float | None) -> None:
    server = Server(capacity, after_s=after_s).run(Concurrency(100), 600)
    half = len(server.limits) // 2
    late, refused = server.limits[half:], server.fits[half:].count(False)
    assert 0.55 * capacity <= sum(late) / len(late) <= 1.25 * capacity + 1
    assert refused < 0.06 * half


def test_a_storm_is_one_episode_and_cuts_once() -> None:
    control = Concurrency(100)
    cuts = [control.throttled(0.1 * n, None) for n in range(64)]
    assert (sum(cuts), control.cuts, control.limit) == (1, 1, 16)


def test_the_next_episode_begins_after_the_cooldown() -> None:
    control = Concurrency(100)
    assert [control.throttled(at, None) for at in (0, 14.9, 15.1)] == [True, False, True]
    assert control.limit == 12


def test_the_servers_own_pause_makes_the_episode_longer() -> None:
    control = Concurrency(100)
    assert [control.throttled(at, 60) for at in (0, 59, 100, 161)] == [True, False, False, True]


def test_after_a_cut_it_grows_by_a_twentieth_a_round() -> None:
    control = Concurrency(1000)
    control.throttled(0, None)
    limits = [control._limit]
    for _ in range(3):
        _round(control, at=100)
        limits.append(control._limit)
    assert limits == pytest.approx([16, 16.8, 17.64, 18.522])


def test_faults_stop_its_growth_and_never_cut() -> None:
    control = Concurrency(100)
    control.faulted(0)
    _round(control, at=14)
    assert control.limit == 20
    _round(control, at=16)
    assert control.limit == 40


def test_what_is_not_used_does_not_grow() -> None:
    idle = Server(capacity=1000).run(Concurrency(100), 20, workers=10)
    assert set(idle.limits) == {20}


def test_it_never_falls_below_one() -> None:
    control = Concurrency(4)
    for episode in range(50):
        control.throttled(episode * 100, None)
    assert control.limit == 1


def _round(control: Concurrency, at: float) -> None:
    """As many answers as may be in flight, all at once."""
    many = control.limit
    for _ in range(many):
        control.began()
    for _ in range(many):
        control.ended()
        control.answered(at)
