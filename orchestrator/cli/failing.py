"""Errors in words: what went wrong, where, and how to fix it, with the exit code that is documented for it."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import click

from ..errors import ExitCode, TunewrightError

__all__ = ["Failure", "Standing", "innermost", "interrupted", "told", "with_way_back"]

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure as it is told. `findings`: the rows that made the pairs unusable."""

    code: str
    what: str
    where: str = ""
    fix: str = ""
    exit_code: int = ExitCode.ERROR
    findings: Sequence[Any] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The `error` of the JSON document."""
        told = {"code": self.code, "what": self.what, "where": self.where, "fix": self.fix}
        rows = {"findings": [finding.to_json() for finding in self.findings]} if self.findings else {}
        return {**told, "exit_code": int(self.exit_code), **rows}


def told(error: BaseException) -> Failure | None:
    """The error in words; None for one that is a defect of ours."""
    if isinstance(error, TunewrightError):
        findings = getattr(error, "findings", ())
        return Failure(error.code, error.what, error.where, error.fix, error.exit_code, findings)
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError):
        return _os_error(error)
    return _provider_error(error)


def innermost(error: BaseException) -> BaseException:
    """The first real error inside a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _usage(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tunewright"
    return Failure("usage", error.format_message(), path, f"{path} --help", ExitCode.USAGE)


def _provider_error(error: BaseException) -> Failure | None:
    # Imported when something has failed: the message of a wrong option should not wait for the seam.
    from providers.errors import ProviderError

    if not isinstance(error, ProviderError):
        return None
    where = " ".join(part for part in (error.provider, error.operation) if part)
    request = f", request {error.request_id}" if error.request_id else ""
    status = f" (HTTP {error.status}{request})" if error.status else ""
    return Failure(error.code, error.message + status, where, error.fix or "", _provider_exit(error))


def _provider_exit(error: BaseException) -> ExitCode:
    """Names and values that are wrong before anything was sent are usage; a refused file is data; the rest error."""
    from providers.errors import Auth, InvalidData, NotFound, Unsupported

    asked_nobody = getattr(error, "status", None) is None
    if isinstance(error, Unsupported) or (isinstance(error, (Auth, NotFound)) and asked_nobody):
        return ExitCode.USAGE
    return ExitCode.DATA_REFUSED if isinstance(error, InvalidData) else ExitCode.ERROR


def _os_error(error: OSError) -> Failure:
    where = str(error.filename or "")
    if error.errno in _DISK_FULL:
        what = "no space left on the disk; nothing was half-written"
        return Failure("disk_full", what, where, "free some space, then start the same command again")
    if error.errno == errno.EIO:
        what = "the disk fails; nothing was half-written"
        return Failure("disk_fails", what, where, "look at the disk, or choose another folder with --home")
    return Failure("os_error", error.strerror or str(error), where)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a call had come when it ended. `ended`: the job is over. `in_doubt`: a paid request has no answer yet."""

    run_id: str | None = None
    job_id: str | None = None
    ended: bool = False
    in_doubt: bool = False

    @property
    def running(self) -> bool:
        """Whether something goes on at the platform."""
        return bool(self.run_id and self.job_id and not self.ended)

    @property
    def come_back(self) -> str:
        """The command that goes on from here."""
        if self.in_doubt:
            return "tunewright jobs recover"
        if not (self.run_id and self.job_id):
            return ""
        return f"tunewright {'evaluate' if self.ended else 'watch'} {self.run_id}"


def interrupted(standing: Standing) -> Failure:
    """Ctrl-C never cancels a job: what goes on, and how to come back."""
    what, fix = "interrupted; nothing was started", ""
    if standing.in_doubt:
        what = "interrupted while the paid request was under way; a job may have been created"
        fix = f"{standing.come_back}    (finds it; nothing is ever sent twice)"
    elif standing.running:
        what = f"interrupted; job {standing.job_id} keeps running"
        fix = f"{standing.come_back}    (to stop paying for it: tunewright jobs cancel {standing.job_id})"
    elif standing.come_back:
        what = "interrupted; the job has ended, and what was answered so far is kept"
        fix = f"{standing.come_back}    (asks only what is missing)"
    elif standing.run_id:
        what, fix = "interrupted before anything was bought", "start the same command again"
    return Failure("interrupted", what, "", fix, ExitCode.INTERRUPTED)


def with_way_back(failure: Failure, standing: Standing) -> Failure:
    """A failure that leaves a job behind says so, and how to go on."""
    if failure.exit_code != ExitCode.ERROR or not standing.come_back or standing.come_back in failure.fix:
        return failure
    what = f"{failure.what}; job {standing.job_id} keeps running" if standing.running else failure.what
    return replace(failure, what=what, fix=f"{failure.fix}; then: {standing.come_back}".removeprefix("; "))
