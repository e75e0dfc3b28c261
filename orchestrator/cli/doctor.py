"""`doctor`: what is installed, which ledger, budget and keys apply here, and how the accounts bear what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import providers
from providers.errors import Auth

from ..canonical import plain
from ..config import environment, find_config
from .options import limit
from .shell import Shell, command

if TYPE_CHECKING:
    from ..ledger import BucketRow

__all__ = ["doctor"]

_RECENT_H, _ONE_RETRY = 24, 14
_BRINGS = re.compile(r"(?P<name>[\w.-]+)[^;]*; extra == ['\"](?P<extra>[\w-]+)['\"]")
"""A line of the package's metadata: what an extra brings, on every Python and every system."""


@command()
def doctor(shell: Shell) -> None:
    """What is installed, and which ledger, budget and keys apply in this folder. Sends and writes nothing."""
    limits = shell.call(lambda library: library.limits())
    extras, keys, config = _extras(), _keys(environment()), find_config(Path.cwd())
    document = {**plain(limits), "extras": extras, "keys": keys, "config": str(config) if config else None}
    shell.emit(document)
    _line(shell, "ledger", f"{limits.ledger}" + ("" if limits.exists else " (made by the first run)"))
    _line(shell, "config", str(config or "none; defaults apply (tunewright init writes one)"))
    for name, installed in extras.items():
        _line(shell, "extra", f"{name}: " + ("installed" if installed else f"pip install 'tunewright[{name}]'"))
    for name, state in keys.items():
        _line(shell, "key", f"{name}: {state}")
    for scope, usd in limits.caps.items():
        _line(shell, "cap", f"{scope}: {limit(usd)}")
    if not limits.caps:
        _line(shell, "cap", "none: only --max-usd limits a run")
    since = datetime.now(UTC) - timedelta(hours=_RECENT_H)
    for row in limits.buckets:
        if row.updated_at >= since:
            _line(shell, *_bucket(row))


def _extras() -> dict[str, bool]:
    """Every extra that this package offers, and whether all that it brings is installed here."""
    from importlib.metadata import requires

    lines = (_BRINGS.fullmatch(line) for line in requires("tunewright") or ())
    brought = [(found["extra"], _is_installed(found["name"])) for found in lines if found]
    return {extra: all(there for name, there in brought if name == extra) for extra, _ in sorted(brought)}


def _is_installed(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False


def _bucket(row: BucketRow) -> tuple[str, str]:
    """A rate or a retry budget as a line: whose, how it stands, and what was waited for it."""
    waited = f"; waited {row.slept_s:.1f} s" if row.slept_s else ""
    if row.key.kind == "retries":
        left = row.left or 0.0
        state = "" if left >= _ONE_RETRY else ": used up, calls are tried one at a time or fail at once"
        return "retry", f"{row.key.provider} {row.key.account}: {left:.0f} of 500 left{state}{waited}"
    rate = "no limit known" if row.per_s is None else f"{row.per_s * 60:,.0f} {row.key.kind} a minute"
    cuts = f"; cut {row.cuts} times for 429" if row.cuts else ""
    held = f"; held until {row.not_before:%H:%M:%S} UTC" if row.not_before else ""
    return "rate", f"{row.key.provider} {row.key.account} {row.key.model}: {rate}{cuts}{held}{waited}"


def _line(shell: Shell, what: str, text: str) -> None:
    shell.out.print(f"{what:<7}  {text}")


def _keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Whether each platform's key is there, and where it points; never the key."""
    states: dict[str, str] = {}
    for name in providers.platform_names():
        platform = providers.platform(name)
        if platform.key_variable is None:
            states[name] = "none needed"
            continue
        try:
            connection = platform.connection(environ, None, Path())
        except Auth as error:
            states[name] = f"missing ({error.message})"
        else:
            states[name] = f"present, {connection.base_url or 'the platform itself'}"
    return states
