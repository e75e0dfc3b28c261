"""Is a job stuck? Told by how long nothing new was heard of it, never by its state alone. Pure.

Nobody cancels a job for it: a person is told once an episode, with the figures, and looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from providers.records import JobState

__all__ = ["LEAST_BOUND_S", "Stalled", "bound_s", "stalled"]

_HOUR_S = 3600.0

_BOUNDS_S = {
    # Platforms queue without a promise, on busy days for hours: half a day without a word is worth a look.
    JobState.QUEUED: 12 * _HOUR_S,
    # Writing and registering a model, or stopping, is a matter of minutes.
    JobState.FINALIZING: 2 * _HOUR_S,
    JobState.CANCELLING: 1 * _HOUR_S,
    # A word that we do not know may mean anything, so a person is to look soon.
    JobState.UNKNOWN: 2 * _HOUR_S,
}
"""Our own judgement, of 2026-11-25: no platform states such a figure. Too short costs a look, too long a day."""

_RUNNING_S = 2 * _HOUR_S
_LEAST_RUNNING_S, _MOST_RUNNING_S = 0.5 * _HOUR_S, 6 * _HOUR_S

LEAST_BOUND_S = _LEAST_RUNNING_S
"""Below this silence no job is stuck, whatever its state."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """For `quiet_s` seconds nothing new was heard, where `bound_s` is the most that is usual, for the reason `why`."""

    quiet_s: float
    bound_s: float
    why: str

    @property
    def text(self) -> str:
        """In words."""
        return f"no new event, step or status for {_hours(self.quiet_s)}; {self.why}"


def bound_s(state: JobState, quoted_hours: Decimal | None) -> float | None:
    """Most seconds of silence that are usual in a state. None: silence says nothing there (paused, ended).

    A running job reports steps all the way, so a quarter of the longest time quoted for it is much; between half an
    hour, which a slow start or one long epoch takes, and six hours. Without a quote: two hours.
    """
    if state is not JobState.RUNNING:
        return _BOUNDS_S.get(state)
    if quoted_hours is None:
        return _RUNNING_S
    return min(max(float(quoted_hours) * _HOUR_S / 4, _LEAST_RUNNING_S), _MOST_RUNNING_S)


def stalled(state: JobState, quiet_s: float, quoted_hours: Decimal | None = None) -> Stalled | None:
    """The lack of progress, where there is one."""
    bound = bound_s(state, quoted_hours)
    if bound is None or quiet_s <= bound:
        return None
    return Stalled(quiet_s, bound, _why(state, bound, quoted_hours))


def _why(state: JobState, bound: float, quoted_hours: Decimal | None) -> str:
    usual = f"{_hours(bound)} is the most that is usual while {state.value}"
    if state is JobState.RUNNING and quoted_hours is not None:
        usual += f" with up to {quoted_hours} h quoted"
    return f"{usual}. It may be stuck: look at the platform's console or status page; nothing is cancelled for it"


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h".replace(".0 h", " h")
