"""The data page's first screen in words: can these rows be used, and what to do first."""

from __future__ import annotations

from .data_view import DataPicture, RuleView
from .words import count, share

__all__ = ["answer", "explained", "first_steps", "part"]

_NOTHING = "nothing to do"
_WORTH_A_LOOK = ("near-duplicate",)
_MOST_STEPS = 3


def answer(picture: DataPicture) -> str:
    """Three words or so."""
    if not picture.usable:
        return "Not usable yet"
    return "Usable, with care" if _to_do(picture) else "Ready to train"


def explained(picture: DataPicture) -> str:
    """One or two sentences: what is kept, where it goes, and how many things stand in the way."""
    train, validation, test = map(count, picture.sides)
    kept = f"{count(picture.rows_kept)} of {count(picture.rows_read)} rows can be used"
    sides = f"{train} to train, {validation} to validate and {test} held out to compare base and tuned model"
    errors = [group for group in picture.findings if group.severity == "error"]
    if errors:
        rules = "one rule refuses" if len(errors) == 1 else f"{_number(len(errors))} rules refuse"
        return (
            f"{rules.capitalize()} them as they are. {kept}." if picture.rows_kept else f"No row can be used: {rules}."
        )
    left_out = picture.rows_dropped
    because = f"; {count(left_out)} ({part(left_out, picture.rows_read)}) are left out" if left_out else ""
    return f"{kept}: {sides}{because}.{_cut_off(picture)}"


def _number(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[number] if number < len(words) else count(number)


def _cut_off(picture: DataPicture) -> str:
    """The target that would cut most rows off."""
    limits = picture.lengths.limits if picture.lengths else ()
    worst = max(limits, key=lambda limit: limit.rows_over, default=None)
    if worst is None or not worst.rows_over:
        return ""
    rows = "1 row is" if worst.rows_over == 1 else f"{count(worst.rows_over)} rows are"
    return f" {rows} longer than {worst.target} trains on."


def part(some: int, whole: int) -> str:
    """A share that is never shown as none when it is some."""
    return "<0.1%" if 0 < some < whole / 2000 else share(some / whole if whole else None)


def first_steps(picture: DataPicture) -> list[RuleView]:
    """What to look at, in this order."""
    return _to_do(picture)[:_MOST_STEPS]


def _to_do(picture: DataPicture) -> list[RuleView]:
    """Findings that ask for something, the gravest and most frequent first; what is only worth a look comes last."""
    asking = [group for group in picture.findings if group.severity != "info" and not group.fix.startswith(_NOTHING)]
    return sorted(asking, key=lambda group: (group.severity != "error", group.rule in _WORTH_A_LOOK))
