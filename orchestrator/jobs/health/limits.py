"""Every threshold of the diagnoses, in one record, each with its reason. The documentation is tested against it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIMITS", "Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Shares are of the loss itself, losses are nats a token (or a pair), counts are points of the curve."""

    # ── overfitting ──
    min_evaluations: int = 3
    """A lowest point needs one before it and one after it."""
    rise: float = 0.02
    """Below this share a rise is within what a few hundred validation rows can resolve."""
    rise_of_one: float = 0.05
    """The same where nothing confirms it: one evaluation after the lowest, or few of a job that still runs."""
    rise_nats: float = 0.01
    """A rise by less changes no answer, however large a share of a tiny loss it is."""
    rise_noise: float = 3.0
    """Standard errors of the evaluations' own scatter that a rise must exceed, from `noise_evaluations` on."""
    noise_evaluations: int = 6
    """From this many evaluations on their scatter can be measured (by differences of differences, deaf to a trend)."""
    train_points: int = 5
    """The training loss before and after is a mean over a tenth of the steps, and over no fewer than this many."""
    climbing: float = 0.1
    """A training loss this share above its lowest since then is climbing, and the trouble is another."""
    tail: int = 3
    """Evaluations at the end that are judged together, and around the lowest."""

    # ── plateau ──
    min_steps: int = 12
    """Four steps a third: fewer make no mean."""
    min_steps_running: int = 30
    """The same while the job still runs: it may only have paused for breath."""
    passes_running: float = 1.5
    """Passes over the data before a running job is judged: warm-up, and the steps between passes, mislead."""
    flat: float = 0.01
    """Less than this share of the loss was gained in the last third."""
    gain: float = 0.03
    """A gain of this share must be ruled out (one-sided 95 %), else the curve is too noisy to be called level."""

    # ── divergence ──
    min_steps_to_diverge: int = 9
    """Three steps a third: single steps jump about."""
    climbed: float = 2.0
    """The mean of the last steps is this many times the lowest mean of as many steps before."""
    given_back: float = 0.5
    """At least this share of what the loss had fallen by was given back."""
    long_curve: int = 40
    """From this many steps on a quarter of them makes a mean, below a third of them."""
    high_share: float = 0.75
    """At least this share of the last steps lies above the lowest mean: a few high ones make no climb."""
    climb_noise: float = 4.0
    """Standard errors by which the climb must exceed the steps' own scatter."""


LIMITS = Limits()
