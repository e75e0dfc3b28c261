"""What of a connection comes from environment variables: keys, base URLs, and the account's name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .classify import looks_like_a_key
from .contract import Secret
from .errors import Auth

__all__ = ["account_name", "base_url", "required_key"]


def required_key(environ: Mapping[str, str], variable: str, provider: str) -> Secret:
    """The key. Raises `Auth` naming the variable and what to do."""
    value = environ.get(variable, "").strip()
    if not value:
        raise Auth(
            f"{variable} is not set",
            provider=provider,
            nothing_created=True,
            fix=f"export {variable}=…, put it into .env, or try it without an account: --to sandbox:small",
        )
    return Secret(value)


def base_url(environ: Mapping[str, str], variable: str, own_host: str, *, without: str = "") -> str | None:
    """The other host to use, or None for the platform's own, also when the variable spells that one out.

    `without` is an ending that other clients want there and this platform's SDK adds by itself. Raises `Auth` for a URL
    that holds a password.
    """
    value = environ.get(variable, "").strip().rstrip("/").removesuffix(without).rstrip("/")
    if "@" in urlsplit(value).netloc:
        raise Auth(
            f"{variable} holds a name or a password before the host, and this URL is kept in the ledger",
            nothing_created=True,
            fix=f"take it out of {variable}; a key belongs into the platform's own key variable",
        )
    return value if value and value != own_host.rstrip("/").removesuffix(without) else None


def account_name(remote_id: str | None, url: str | None, given: str | None) -> str:
    """The platform's own id of the project or organisation, else the base URL and a name that the user gave.

    Never anything of the key: a rotated key must not make a new account, and with it a second paid job. Raises `Auth`
    for a name that looks like a key.
    """
    for named in (remote_id, given):
        if named and looks_like_a_key(named):
            raise Auth(
                "the account's name has the shape of a key, and a name is kept in the ledger",
                nothing_created=True,
                fix="give the account a name of your own, or the platform's organisation or project id",
            )
    name = given or "default"
    return remote_id or (f"{url}#{name}" if url else name)
