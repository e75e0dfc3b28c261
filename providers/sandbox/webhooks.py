"""Webhooks that the sandbox sends when a job ends: who wants them, and every delivery until it is taken or given up.

They follow Standard Webhooks. When a delivery is due is the sandbox's clock's affair; its timestamp is the real time of
sending, because receivers hold it against their own clock. They go to this machine only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from .book import Book, new_id
from .faults import Fault, Faults
from .jobs import Phase, View
from .store import Records, Store

__all__ = ["EVENT_TYPES", "Delivery", "Hook", "Webhooks", "signed", "usable_url"]

EVENT_TYPES: Mapping[Phase, str] = {
    "succeeded": "fine_tuning.job.succeeded",
    "failed": "fine_tuning.job.failed",
    "cancelled": "fine_tuning.job.cancelled",
}
_WIRE = "openai"
_SECRET = "whsec_"
_TICK_S = 0.1
_TIMEOUT_S = 5.0
_AGAIN_AFTER_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Waits between attempts, as the Standard Webhooks specification suggests them; then it is given up."""
_OLD_SECRET_S = 86_400.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One endpoint that wants to be told. `old_secret` signs too until `old_until`, after a rotation that kept it.

    `job`: the one job that it was named with, on a wire where each names its own; `served_at`: where that wire is.
    """

    id: str
    name: str
    url: str
    event_types: tuple[str, ...]
    secret: str
    created_at: float
    updated_at: float
    old_secret: str = ""
    old_until: float = 0.0
    job: str = ""
    served_at: str = ""

    def secrets(self, now: float) -> list[str]:
        """What a delivery is signed with just now, the newest first."""
        return [self.secret, *([self.old_secret] if now < self.old_until else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint; every attempt bears the same `id`. `status`: of the last answer, 0 for none.

    `payload`: the body, on a wire where it is the job itself.
    """

    id: str
    hook: str
    job: str
    kind: str
    ended_at: float
    next_at: float
    attempts: int = 0
    status: int = 0
    taken: bool = False
    given_up: bool = False
    payload: str = ""

    @property
    def body(self) -> bytes:
        if self.payload:
            return self.payload.encode()
        event = {"id": f"evt_{self.id[4:]}", "object": "event", "created_at": int(self.ended_at), "type": self.kind}
        return json.dumps({**event, "data": {"id": self.job}}).encode()


def usable_url(url: object) -> bool:
    """Whether a delivery may go there: over HTTP, to this machine."""
    parts = urlsplit(url) if isinstance(url, str) else None
    return parts is not None and parts.scheme == "http" and parts.hostname in _LOOPBACK


def signed(keys: list[str], id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery: one signature a key."""
    content = b".".join((id.encode(), str(at).encode(), body))
    macs = [hmac.digest(base64.b64decode(key.removeprefix(_SECRET)), content, hashlib.sha256) for key in keys]
    signatures = " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signatures}


class Webhooks:
    """Endpoints and deliveries, kept across restarts, and the thread that sends. Safe to use from several threads."""

    def __init__(self, store: Store, book: Book, now: Callable[[], float], faults: Faults) -> None:
        self._book, self._now, self._faults = book, now, faults
        self._hooks = Records(store, "webhook", lambda body: Hook(**_tuples(body)), asdict)
        self._deliveries = Records(store, "webhook delivery", lambda body: Delivery(**body), asdict)
        self._news, self._closing = threading.Event(), threading.Event()
        self._told: set[str] = set()
        self._thread: threading.Thread | None = None
        self._default = Records(store, "webhook secret", lambda body: str(body["key"]), lambda key: {"key": key})
        self.shown: Callable[[View, str], Mapping[str, Any]] = lambda seen, served_at: {"id": seen.job.id}
        """A job as the wire that names an address with each job shows it, at the place where it is served."""
        if self._hooks.all():
            self._start()

    # ── endpoints ───────────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, url: str, name: str, event_types: tuple[str, ...], secret: str | None = None) -> Hook:
        now = self._now()
        made = Hook(
            id=new_id("we_"),
            name=name,
            url=url,
            event_types=event_types,
            secret=secret or _new_secret(),
            created_at=now,
            updated_at=now,
        )
        self._hooks.put(made.id, made)
        self._start()
        return made

    def watch(self, job_id: str, url: str, served_at: str) -> None:
        """Tell this address when that job has ended, signed with the account's one secret."""
        now, secret = self._now(), self.default_secret()
        times: dict[str, Any] = {"created_at": now, "updated_at": now}
        made = Hook(id=new_id("we_"), name=job_id, url=url, event_types=(), secret=secret, job=job_id, **times)
        self._hooks.put(made.id, replace(made, served_at=served_at))
        self._start()

    def default_secret(self) -> str:
        """The account's one signing secret, made when it is first asked for."""
        return self._default.get("default") or self._default.put("default", _new_secret())

    def all(self) -> list[Hook]:
        """The account's own endpoints."""
        return [hook for hook in self._hooks.all() if not hook.job]

    def get(self, id: str) -> Hook | None:
        return self._hooks.get(id)

    def change(self, id: str, **values: Any) -> Hook:
        """Raises `KeyError` when it is gone."""
        return self._hooks.update(id, lambda hook: replace(hook, updated_at=self._now(), **values))

    def rotate(self, id: str, *, keep_old: bool) -> Hook:
        """A new secret; the old one signs too for a day where it is kept. Raises `KeyError` when it is gone."""
        old = self._hooks.get(id)
        kept = {"old_secret": old.secret, "old_until": self._now() + _OLD_SECRET_S} if old and keep_old else {}
        return self.change(id, secret=_new_secret(), **(kept or {"old_secret": "", "old_until": 0.0}))

    def drop(self, id: str) -> None:
        self._hooks.drop(id)

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def deliveries(self) -> list[Delivery]:
        return self._deliveries.all()

    def look(self) -> None:
        """Something may be due: send it now."""
        self._news.set()

    def send(self, hook: Hook, delivery: Delivery, fault: Fault | None = None) -> int:
        """One attempt; answers the receiver's status, 0 where there was none."""
        name, body = fault.name if fault else "", delivery.body
        at = int(time.time() - (fault.seconds if fault and name == "webhook_old" else 0))
        headers = signed(hook.secrets(self._now()), delivery.id, at, body)
        if name == "webhook_tampered":
            body = body.replace(delivery.job.encode(), b"ftjob-somebody-elses")
        answers = [_post(hook.url, headers, body) for _ in range(2 if name == "webhook_twice" else 1)]
        return answers[-1]

    def close(self) -> None:
        """Stop sending. What is not taken yet is sent after the next start."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True)
            self._thread.start()
        self._news.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._news.wait(_TICK_S)
            self._news.clear()
            self._note_ends()
            self._send_due()

    def _note_ends(self) -> None:
        """A delivery for every job that has ended and every endpoint that wants to know, once."""
        for hook in self._hooks.all():
            if hook.job and (watched := self._book.view(hook.job)) is not None and watched.over:
                self._note_watched(hook, watched)
        hooks = self.all()
        for seen in self._book.views(_WIRE) if hooks else ():
            if seen.phase in EVENT_TYPES:
                for hook in hooks:
                    self._note(hook, seen)

    def _note(self, hook: Hook, seen: View) -> None:
        kind, ended_at = EVENT_TYPES[seen.phase], (seen.ended_at or 0.0) + seen.job.paused_s
        id = f"msg_{hashlib.sha256(f'{hook.id} {seen.job.id}'.encode()).hexdigest()[:24]}"
        if id in self._told or kind not in hook.event_types or ended_at < hook.created_at:
            return
        self._told.add(id)
        if self._deliveries.get(id) is None:
            made = Delivery(id=id, hook=hook.id, job=seen.job.id, kind=kind, ended_at=ended_at, next_at=self._now())
            self._deliveries.put(id, made)

    def _note_watched(self, hook: Hook, seen: View) -> None:
        id = f"msg_{hashlib.sha256(hook.id.encode()).hexdigest()[:24]}"
        if id in self._told:
            return
        self._told.add(id)
        if self._deliveries.get(id) is None:
            times: dict[str, Any] = {"ended_at": seen.ended_at or 0.0, "next_at": self._now()}
            payload = json.dumps(self.shown(seen, hook.served_at))
            made = Delivery(id=id, hook=hook.id, job=seen.job.id, kind=seen.phase, payload=payload, **times)
            self._deliveries.put(id, made)

    def _send_due(self) -> None:
        for delivery in self._deliveries.all():
            waits = not (delivery.taken or delivery.given_up) and delivery.next_at <= self._now()
            hook = self._hooks.get(delivery.hook)
            if not waits or self._closing.is_set():
                continue
            if hook is None:
                self._deliveries.put(delivery.id, replace(delivery, given_up=True))
                continue
            self._attempt(hook, delivery)

    def _attempt(self, hook: Hook, delivery: Delivery) -> None:
        fault = self._faults.take("webhook")
        if fault is not None and fault.name == "webhook_late":
            self._deliveries.put(delivery.id, replace(delivery, next_at=self._now() + fault.seconds))
            return
        status = self.send(hook, delivery, fault)
        number = delivery.attempts + 1
        taken = 200 <= status < 300
        over = not taken and number > len(_AGAIN_AFTER_S)
        next_at = self._now() + (0.0 if taken or over else _AGAIN_AFTER_S[number - 1])
        done = replace(delivery, attempts=number, status=status, taken=taken, given_up=over, next_at=next_at)
        self._deliveries.put(delivery.id, done)


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    with (
        suppress(httpx.HTTPError),
        httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as client,
    ):
        return client.post(url, content=body, headers={**headers, "content-type": "application/json"}).status_code
    return 0


def _new_secret() -> str:
    return _SECRET + base64.b64encode(secrets.token_bytes(32)).decode()


def _tuples(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "event_types": tuple(body["event_types"])}
