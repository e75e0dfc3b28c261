"""Telling that a job has ended: a command of the user's own, run at most once a job, with what happened handed to it.

The end is claimed in the ledger before the command runs, so that several workers run it once between them; one that is
killed in the moment between has told nobody, and nobody tells in its place.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
from collections.abc import Mapping
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

import providers

from ..errors import UsageError
from ..home import URL_VARIABLE
from ..ledger import Intent
from .desk import Desk

__all__ = ["LIMIT_S", "notify", "words_of"]

LIMIT_S = 60.0
"""How long the command may take before it is stopped."""

_Facts = Mapping[str, str | int | None]

_LONGEST = 1000
_STDERR = 2
_SHORTEST = 8
"""A shorter value is a word that stands in many variables, not a key."""


def words_of(command: str) -> tuple[str, ...]:
    """The command's words, split as a shell splits them; no shell ever sees them. Raises `UsageError`."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command cannot be split into words: {error}", where="notify", fix=_FIX) from error
    if not words:
        raise UsageError("the command is empty", where="notify", fix=_FIX)
    return tuple(words)


_FIX = "for example --notify 'notify-send tunewright'; for pipes and variables, name a script"


async def notify(
    desk: Desk,
    words: tuple[str, ...],
    intent: Intent,
    run_id: str | None,
    environ: Mapping[str, str],
    *,
    limit_s: float = LIMIT_S,
    beside: TaskGroup | None = None,
) -> bool:
    """Run the command for a job that has ended. False where that was done before, or the job goes on.

    The facts are in TUNEWRIGHT_RUN, _JOB, _STATE, _MODEL and _TUNED_MODEL, and as JSON on stdin. `environ`: where keys
    are known from; the command gets this process's environment without them. What it prints goes to stderr. That it
    fails is told and written down, and stops nothing. `beside`: where it runs while the caller goes on.
    """
    if not await desk.db(desk.ledger.notices.claim, intent.id, desk.clock.now()):
        return False
    facts = _facts(intent, run_id)
    env = {**without_keys(os.environ, environ), **_variables(facts)}
    if beside is None:
        await _tell(desk, words, intent, facts, env, limit_s)
    else:
        beside.start_soon(_tell, desk, words, intent, facts, env, limit_s)
    return True


async def _tell(
    desk: Desk, words: tuple[str, ...], intent: Intent, facts: _Facts, env: Mapping[str, str], limit_s: float
) -> None:
    told = json.dumps({"schema_version": 1, **facts}, ensure_ascii=False).encode()
    failure = await _run(words, env, told, limit_s)
    await desk.db(desk.ledger.notices.told, intent.id, failure, desk.clock.now())
    if failure is not None:
        desk.say("warning", f"the notify command did not tell of job {intent.job_id}: {failure}")


def _facts(intent: Intent, run_id: str | None) -> _Facts:
    job = intent.job
    return {
        "run": run_id,
        "intent": intent.id,
        "provider": intent.provider,
        "job": intent.job_id,
        "state": job.state.value if job else None,
        "status": job.raw_status if job else None,
        "model": intent.plan.model,
        "tuned_model": job.tuned_model if job else None,
        "billed_tokens": job.billed_tokens if job else None,
        "error": job.error if job else None,
    }


def _variables(facts: _Facts) -> dict[str, str]:
    named = ("run", "job", "state", "model", "tuned_model")
    return {f"TUNEWRIGHT_{name.upper()}": _plain(facts[name]) for name in named}


def _plain(value: object) -> str:
    """What a platform said, as one short printable line."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else "?" for char in text[:_LONGEST])


def without_keys(variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """`variables` without the platforms' keys, whatever they are called there, and without the ledger's address.

    What the command itself needs, such as the token of a chat, stays.
    """
    names = _key_names(environ) | _key_names(variables)
    values = [found.strip() for name in names for found in (environ.get(name, ""), variables.get(name, ""))]
    secrets = [value for value in values if len(value) >= _SHORTEST]
    return {
        name: value
        for name, value in variables.items()
        if name not in names and not any(secret in value for secret in secrets)
    }


_KEYS = re.compile(r"(API_KEY|SECRET_ACCESS_KEY|SESSION_TOKEN|AUTH_TOKEN)$|BEARER_TOKEN", re.IGNORECASE)
"""What the names of platforms' secrets have in them, also of those that need more than one variable."""


def _key_names(environ: Mapping[str, str]) -> set[str]:
    platforms = [providers.platform(name) for name in providers.platform_names()]
    ours = {name for platform in platforms for name in (platform.key_variable, platform.webhook_variable) if name}
    return {name for name in environ if name in ours or name == URL_VARIABLE or _KEYS.search(name)}


async def _run(words: tuple[str, ...], env: Mapping[str, str], told: bytes, limit_s: float) -> str | None:
    """Run it to its end; answers what went wrong, in words."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.PIPE, stdout=_STDERR, env=env, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be run: {getattr(error, 'strerror', None) or error}"
    try:
        with anyio.fail_after(limit_s):
            await process.communicate(told)
    except TimeoutError:
        return f"it was stopped after {limit_s:g} s"
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(process)
    return None if process.returncode == 0 else f"exit code {process.returncode}"


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End it, with whatever it has started, if it still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
