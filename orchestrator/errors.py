"""What the orchestrator itself refuses, each with the exit code that the command line documents.

    TunewrightError          1   something went wrong that is not the user's doing
    ├── UsageError           2   a wrong name, file, column, option or configuration
    ├── DataRefused          3   the pairs cannot be used as they are
    ├── BudgetRefused        4   the spending would pass a cap, or nobody agreed to it
    │   └── SunsetRefused    4   nobody agreed to pay for a model that ends within 30 days
    ├── JobFailed            5   the platform says failed, cancelled or blocked
    ├── StillRunning        75   `--timeout` passed; the job goes on
    ├── InDoubt              1   a paid request whose outcome is not known yet
    └── MissingExtra         2   an optional part is not installed

Each says what, where and how to fix it. Provider errors (`providers.errors`) keep their own tree.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "BudgetRefused",
    "DataRefused",
    "ExitCode",
    "InDoubt",
    "JobFailed",
    "MissingExtra",
    "StillRunning",
    "SunsetRefused",
    "TunewrightError",
    "UsageError",
]


class ExitCode(IntEnum):
    """Every exit code of the command line, in one place."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    DATA_REFUSED = 3
    BUDGET_REFUSED = 4
    JOB_FAILED = 5
    NOT_EARNED = 6
    INCONCLUSIVE = 7
    STILL_RUNNING = 75
    INTERRUPTED = 130


class TunewrightError(Exception):
    """What went wrong (`what`), where (`where`), and how to fix it (`fix`)."""

    code = "error"
    exit_code = ExitCode.ERROR

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.fix))


def _rebuild(kind: type[TunewrightError], what: str, where: str, fix: str) -> TunewrightError:
    return kind(what, where=where, fix=fix)


class UsageError(TunewrightError):
    """A wrong name, file, column, option or configuration."""

    code = "usage"
    exit_code = ExitCode.USAGE


class DataRefused(TunewrightError):
    """The pairs cannot be used as they are."""

    code = "data_refused"
    exit_code = ExitCode.DATA_REFUSED


class BudgetRefused(TunewrightError):
    """The spending would pass a cap, or nobody agreed to it."""

    code = "budget_refused"
    exit_code = ExitCode.BUDGET_REFUSED


class SunsetRefused(BudgetRefused):
    """Nobody agreed to pay for a model that ends within 30 days."""

    code = "sunset_refused"


class JobFailed(TunewrightError):
    """The platform says failed, cancelled or blocked."""

    code = "job_failed"
    exit_code = ExitCode.JOB_FAILED


class StillRunning(TunewrightError):
    """The time given has passed; the job goes on."""

    code = "still_running"
    exit_code = ExitCode.STILL_RUNNING


class InDoubt(TunewrightError):
    """A paid request whose outcome is not known yet; nothing is sent again until it is."""

    code = "in_doubt"


class MissingExtra(UsageError):
    """An optional part is not installed."""

    code = "missing_extra"
