"""`doctor`: what is installed, and which ledger, budget and keys apply here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import providers
from providers.errors import Auth

from ..config import environment, find_config
from .options import money
from .shell import Shell, command

__all__ = ["doctor"]

_EXTRAS = {"evaluate": ("scipy", "numpy"), "sandbox": ("starlette", "uvicorn", "sklearn")}


@command()
def doctor(shell: Shell) -> None:
    """What is installed, and which ledger, budget and keys apply in this folder. Sends nothing."""
    orchestrator = shell.orchestrator()
    extras = {name: all(find_spec(module) for module in modules) for name, modules in _EXTRAS.items()}
    budget = shell.call(lambda _: orchestrator.budget.show())
    keys = _keys(environment())
    config = find_config(Path.cwd())
    shell.emit(
        {
            "ledger": orchestrator.session.desk.ledger.place,
            "config": None if config is None else str(config),
            "extras": extras,
            "keys": keys,
            "caps": {scope: str(usd) for scope, usd in budget.caps.items()},
        }
    )
    shell.out.print(f"ledger   {orchestrator.session.desk.ledger.place}")
    shell.out.print(f"config   {config or 'none; defaults apply (tunewright init writes one)'}")
    for name, there in extras.items():
        shell.out.print(f"extra    {name}: " + ("installed" if there else f"pip install 'tunewright[{name}]'"))
    for name, state in keys.items():
        shell.out.print(f"key      {name}: {state}")
    for scope, usd in budget.caps.items():
        shell.out.print(f"cap      {scope}: {money(usd)}")
    if not budget.caps:
        shell.out.print("cap      none: only --max-usd limits a run")


def _keys(environ: Mapping[str, str]) -> dict[str, str]:
    """Whether each platform's key is there, and where it points; never the key."""
    states: dict[str, str] = {}
    for name in providers.platform_names():
        platform = providers.platform(name)
        try:
            connection = platform.connection(environ, None, Path())
        except Auth as error:
            states[name] = f"missing ({error.message})"
        else:
            states[name] = f"present, {connection.base_url or 'the platform itself'}"
    return states
