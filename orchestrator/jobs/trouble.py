"""Acting upon what a curve shows: recorded first, done once per job, whatever process watches it and restarts.

The decision is pure (`health.decide`); here it is written down by compare-and-set, carried out, and told. A crash
between the two leaves a decision without an outcome, and the next look carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from providers.contract import Provider
from providers.errors import ProviderError
from providers.records import TERMINAL_STATES, Capability, JobState, RemoteJob, Support

from ..clock import today
from ..ledger import Intent
from .desk import Desk
from .health import Act, Diagnosis, Policy, decide
from .patience import patiently
from .watch import Reading

__all__ = ["Stopped", "attend", "kept_because", "stopped_because"]

_SAID = {
    "cancel": "cancelling the job; what was trained until now is billed",
    "pause": "pausing the job; `tunewright jobs resume {job}` goes on, `tunewright jobs cancel {job}` ends it",
    "keep": "the job runs on; the checkpoint with the lowest validation loss will be evaluated",
    "warn": "the job runs on",
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why we stopped or paused a job, in words, and what came of it."""

    action: str
    reason: str
    outcome: str


async def attend(desk: Desk, provider: Provider, intent: Intent, reading: Reading, policy: Policy) -> Mapping[str, Any]:
    """Record what this reading shows, and do what the policy asks for, once. Answers the health that is now recorded.

    Never raises for a platform that refuses: that is told, recorded, and the job is watched on.
    """
    health = await _record(desk, provider, intent, reading, policy)
    act = health.get("act")
    if act and "outcome" not in act:
        health = await _carry_out(desk, provider, intent, reading, health)
    return health


def stopped_because(health: Mapping[str, Any]) -> Stopped | None:
    """Our own decision to cancel or pause this job, if there was one."""
    act = health.get("act")
    return Stopped(act["action"], act["reason"], act.get("outcome", "not carried out yet")) if act else None


def kept_because(health: Mapping[str, Any]) -> str | None:
    """The trouble for whose sake the best checkpoint is to be evaluated, if there was one."""
    keep = health.get("keep")
    return None if keep is None else str(keep)


async def _record(
    desk: Desk, provider: Provider, intent: Intent, reading: Reading, policy: Policy
) -> Mapping[str, Any]:
    """Another process may write between: then what it wrote is read, and decided upon anew."""
    told = provider.platform.capabilities(today(desk.clock))
    can_pause = told.get(Capability.PAUSE, Support(answer="no"))
    while True:
        before = (await desk.db(desk.ledger.intents.get, intent.id)).health
        act = decide(
            reading.diagnoses, policy, state=reading.job.state, can_pause=can_pause, done=frozenset(_done(before))
        )
        fresh = _new(before, reading.diagnoses)
        after = {**before, **_seen(before, fresh, reading.diagnoses), **_decided(act)}
        if after == before:
            return before
        said = [("diagnosed", {"name": item.name, "evidence": item.evidence}) for item in fresh]
        said += [("trouble", _told(act))] if act else []
        if await desk.db(desk.ledger.intents.keep_health, intent.id, before, after, desk.clock.now(), said):
            if act:
                _say(desk, reading.job, act)
            return after


def _done(health: Mapping[str, Any]) -> set[str]:
    acted = {str(health["act"]["action"])} if health.get("act") else set[str]()
    return acted | {name for name, key in (("keep", "keep"), ("warn", "warned")) if health.get(key)}


def _seen(before: Mapping[str, Any], fresh: Sequence[Diagnosis], now: Sequence[Diagnosis]) -> dict[str, Any]:
    if not now and not before:
        return {}  # a healthy job writes nothing
    known = [*_known(before), *(item.name for item in fresh)]
    return {"diagnoses": [asdict(item) for item in now], "known": known}


def _decided(act: Act | None) -> dict[str, Any]:
    if act is None:
        return {}
    if act.action in ("cancel", "pause"):
        return {"act": {"action": act.action, "reason": act.reason}}
    return {"keep": act.reason} if act.action == "keep" else {"warned": f"{act.reason}; {act.note}"}


def _known(health: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in health.get("known", ())]


def _new(before: Mapping[str, Any], diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """The history tells each name once, though its figures change with every look."""
    return [item for item in diagnoses if item.name not in _known(before)]


def _told(act: Act) -> dict[str, Any]:
    told = {"action": act.action, "because": act.reason}
    return {**told, "note": act.note} if act.note else told


def _say(desk: Desk, job: RemoteJob, act: Act) -> None:
    note = f"; {act.note}" if act.note else ""
    what = _SAID[act.action].format(job=job.id)
    desk.say("trouble", f"{act.reason}{note}: {what}", action=act.action, diagnosis=act.diagnosis.name, job=job.id)


async def _carry_out(
    desk: Desk, provider: Provider, intent: Intent, reading: Reading, health: Mapping[str, Any]
) -> Mapping[str, Any]:
    action = health["act"]["action"]
    outcome = _already(reading.job, action)
    if outcome is None:
        ask = provider.cancel if action == "cancel" else provider.pause
        try:
            job = await patiently(desk, provider, lambda: ask(reading.job.id))
            outcome = f"asked; the platform says {job.label}"
        except ProviderError as error:
            if provider.decide(error).kind != "no":
                desk.say(
                    "trouble", f"the job could not be told to {action} just now ({error}); the next look tries again"
                )
                return health
            outcome = f"refused by the platform: {error}"
            desk.say("trouble", f"the platform refused to {action} the job: {error}; it is watched on")
    after = {**health, "act": {**health["act"], "outcome": outcome}}
    data = {"action": action, "outcome": outcome}
    await desk.db(desk.ledger.intents.keep_health, intent.id, health, after, desk.clock.now(), [("acted", data)])
    return after


def _already(job: RemoteJob, action: str) -> str | None:
    """What makes asking needless: a crash came after it was done, or the job was over."""
    if job.state in TERMINAL_STATES or job.state is JobState.CANCELLING:
        return f"the job was {job.label} already"
    return "the job was paused already" if action == "pause" and job.state is JobState.PAUSED else None
