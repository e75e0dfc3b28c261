"""What a run works in: the project's folder, its ledger, the environment, and the accounts it opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import providers
from providers.contract import Connection, Platform, Provider, Secret
from providers.environment import required_key
from providers.errors import Auth

from ..errors import UsageError
from ..folders import writable
from ..secrecy import Secrecy, guard_logs, says_secret

if TYPE_CHECKING:
    # Named only: the desk brings the ledger's database with it, and a quote needs none.
    from ..jobs.desk import Desk

__all__ = ["Account", "Session", "aimed_at", "platform_named"]


_SERVER = "@http"
"""Between the name of an account and its server, in a `ref`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account as the ledger knows it: `ref` names it without its key; another base URL is another account."""

    platform: Platform
    connection: Connection

    @classmethod
    def recorded(cls, provider: str, ref: str) -> Account:
        """The account that the ledger calls `ref`, without its key: enough to tell of it, not to ask it."""
        name, server, rest = ref.partition(_SERVER)
        url = server.removeprefix("@") + rest if server else None
        return cls(platform=platform_named(provider), connection=Connection(api_key=None, base_url=url, account=name))

    @property
    def ref(self) -> str:
        """The organisation, project or given name, and the server where it is not the platform's own."""
        return self.connection.ref

    @property
    def sandbox(self) -> bool:
        """True where what is spent is not money."""
        return self.connection.is_sandbox

    @property
    def away(self) -> bool:
        """True at another host than the platform's own, where our prices say nothing; a sandbox has play prices."""
        return not (self.connection.is_own_host or self.connection.is_sandbox)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`home` is the project's `.tunewright/`; `environ` the merged environment (with `.env`); `project` its name.

    `endpoint_keys`: URL of an endpoint → variable that holds its key, for those that want one.
    """

    home: Path
    environ: Mapping[str, str]
    desk: Desk
    project: str = ""
    endpoint_keys: Mapping[str, str] = field(default_factory=dict)
    _opened: dict[str, Provider] = field(default_factory=dict)

    def account(self, provider: str, name: str | None) -> Account:
        """The account of the environment's key. Raises `Auth` naming the variable that is missing."""
        platform = platform_named(provider)
        connection = platform.connection(self.environ, name, writable(self.home))
        variable = self.endpoint_keys.get(provider)
        if variable is not None:
            connection = replace(connection, api_key=self._key_in(variable, provider))
        return Account(platform=platform, connection=connection)

    def _key_in(self, variable: str, provider: str) -> Secret:
        if not says_secret(variable):
            raise UsageError(
                f"{variable} is to hold a key, and its name does not say so: its value would not be cut from logs",
                where="evaluation.endpoint_keys",
                fix=f"call it {variable}_KEY",
            )
        return required_key(self.environ, variable, provider)

    def account_of(self, provider: str, ref: str, what: str) -> Account:
        """The account that the ledger knows by `ref`. Raises `UsageError` when the environment opens another one:
        what was bought there is not asked for with this key."""
        told, account = Account.recorded(provider, ref).connection, self.account(provider, None)
        if account.ref != ref and account.connection.base_url == told.base_url:
            # The environment does not tell the name that the user gave.
            account = self.account(provider, told.account)
        if account.ref != ref:
            here, server = self.account(provider, None).ref, told.base_url
            raise UsageError(
                f"{what} belongs to account {ref}, and the environment opens {here}",
                fix=f"set the base URL to {server}" if server else "unset the base URL, or use that account's key",
            )
        return account

    @asynccontextmanager
    async def open(self, account: Account) -> AsyncIterator[Provider]:
        """The opened account; its connections are closed with the outermost block that opened it.

        One known from the ledger alone gets its key from the environment here. Raises `Auth` where there is none.
        """
        key = f"{account.platform.name} {account.ref}"
        if key in self._opened:
            yield self._opened[key]
            return
        if account.connection.api_key is None:
            account = self.account_of(account.platform.name, account.ref, "this run")
        async with account.platform.open(account.connection) as provider:
            guard_logs(Secrecy.of(self.environ))  # whatever handlers the SDK, or whoever calls us, has set up by now
            self._opened[key] = provider
            try:
                yield provider
            finally:
                del self._opened[key]


def platform_named(name: str) -> Platform:
    """The platform; an unknown one is a usage error, with the reason or the nearest name."""
    return providers.platform(name)


def aimed_at(platform: Platform, environ: Mapping[str, str], home: Path) -> Connection:
    """Where this environment points the platform: the platform's own host where it holds no key. Needs none."""
    try:
        return platform.connection(environ, None, home)
    except Auth:
        return Connection(api_key=None)
