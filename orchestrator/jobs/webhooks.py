"""Webhooks as they come in: held to their signature, remembered once, and the job they name made due.

A webhook means "look now" and nothing else: what became of the job is read from the platform. How one comes over HTTP
is left to `webhook_server`, or to a backend's own server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import providers
from providers.contract import Platform, Secret
from providers.webhooks import signing_secrets

from ..errors import UsageError
from ..ledger import Arrival
from .desk import Desk

__all__ = ["Address", "Sender", "Serving", "address", "receive", "sender", "senders"]


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Sender:
    """A platform that sends webhooks, and the secrets it may sign them with."""

    platform: Platform
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """Where webhooks are listened for: the server's URL, the one for each platform, and the ledger behind them."""

    url: str
    webhooks: Mapping[str, str]
    ledger: str


def address(text: str) -> Address:
    """`HOST:PORT`, or a port of this machine alone. Raises `UsageError`."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no address to listen at", fix="HOST:PORT, for example 127.0.0.1:8790")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


def sender(name: str, environ: Mapping[str, str]) -> Sender:
    """The platform with its secrets. Raises `UsageError` where it sends none, `Auth` naming the variable to set."""
    platform = providers.platform(name)
    if platform.webhook_variable is None:
        raise UsageError(f"{platform.title} sends no webhooks; its jobs are polled", where=name)
    return Sender(platform, signing_secrets(environ, platform.webhook_variable, name))


def senders(environ: Mapping[str, str]) -> dict[str, Sender]:
    """Every platform whose secret is in the environment, by name. Raises `UsageError` where there is none."""
    able = {name: providers.platform(name).webhook_variable for name in providers.platform_names()}
    found = {name: sender(name, environ) for name, variable in able.items() if variable and environ.get(variable)}
    if not found:
        variables = ", ".join(sorted(variable for variable in able.values() if variable))
        raise UsageError("no webhook secret is set, so nothing could be believed", fix=f"set one of: {variables}")
    return found


async def receive(desk: Desk, sent_by: Sender, headers: Mapping[str, str], body: bytes) -> Arrival | None:
    """Take one delivery in; None where it is about no job. `body` exactly as it came, `headers` in any case.

    Raises `InvalidData` for what is no webhook, `Auth` for a signature or a time that does not hold.
    """
    news = sent_by.platform.webhook(headers, body, sent_by.secrets, desk.clock.now())
    if news is None:
        return None
    arrival = await desk.db(desk.ledger.deliveries.arrived, sent_by.platform.name, news, desk.clock.now())
    if arrival is Arrival.LOOKING:
        desk.say("webhook", f"news of job {news.job_id}", job_id=news.job_id, event=news.kind)
    return arrival
