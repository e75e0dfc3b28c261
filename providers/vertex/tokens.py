"""Who we are at Google: an access token as given, or Google's own chain of credentials, renewed in a thread.

Whatever fails here fails before a request is sent, so every error proves that nothing was bought.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, cast

import anyio
import anyio.to_thread
import google.auth
import google.auth.transport.requests
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

from ..contract import Connection
from ..errors import Auth, Unreachable

__all__ = ["GoogleCredentials", "Tokens"]

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_FIX = "set GOOGLE_OAUTH_ACCESS_TOKEN or GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`"


class GoogleCredentials(Protocol):
    """What of google-auth's credentials is used here."""

    token: str | None

    @property
    def valid(self) -> bool: ...

    @property
    def quota_project_id(self) -> str | None: ...

    def refresh(self, request: Any) -> None: ...


class Tokens:
    """One account's credentials, found when they are first needed: looking for them may ask a metadata server."""

    def __init__(self, connection: Connection) -> None:
        self._file = connection.options.get("credentials_file")
        self._one_at_a_time = anyio.Lock()
        self._found: GoogleCredentials | None = None
        self._given = connection.api_key is not None
        if connection.api_key is not None:
            # Nobody can renew it; without an expiry google-auth uses it until it is refused.
            self._found = Credentials(token=connection.api_key.reveal())  # type: ignore[no-untyped-call]

    async def credentials(self) -> GoogleCredentials:
        """Credentials whose token holds. Raises `Auth` where there are none, `Unreachable` where nobody renews them."""
        async with self._one_at_a_time:
            if self._found is None or not (self._given or self._found.valid):
                # A thread is not left to itself: half-renewed credentials would be used by the next.
                self._found = await anyio.to_thread.run_sync(self._renewed, self._found)
            return self._found

    async def headers(self) -> dict[str, str]:
        """For a request that the SDK does not send."""
        found = await self.credentials()
        project = {"x-goog-user-project": found.quota_project_id} if found.quota_project_id else {}
        return {"authorization": f"Bearer {found.token}", **project}

    def secrets(self) -> tuple[str, ...]:
        """What must stand in no text."""
        return (self._found.token,) if self._found is not None and self._found.token else ()

    def _renewed(self, known: GoogleCredentials | None) -> GoogleCredentials:
        try:
            found = known or self._looked_for()
            if not found.valid:
                found.refresh(google.auth.transport.requests.Request())
        except TransportError as error:
            raise Unreachable(f"no access token: {_brief(error)}", nothing_created=True) from None
        except GoogleAuthError as error:
            raise Auth(
                f"Google's credentials cannot be used: {_brief(error)}", nothing_created=True, fix=_FIX
            ) from None
        return found

    def _looked_for(self) -> GoogleCredentials:
        if self._file and (named := _of_file(self._file)) is not None:
            return named
        found, _ = google.auth.default(scopes=_SCOPES)
        return cast(GoogleCredentials, found)


def _of_file(path: str) -> GoogleCredentials | None:
    """A service account's or a person's, which hold their own secret. None for the kinds that name other places to ask,
    or programs to run: those are left to google-auth, which takes them from the process's environment alone.

    Raises `Auth` for what is no such file.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        kind = told.get("type")
        if kind == "service_account":
            found = service_account.Credentials.from_service_account_info(told, scopes=_SCOPES)  # type: ignore[no-untyped-call]
        elif kind == "authorized_user":
            found = Credentials.from_authorized_user_info(told, scopes=_SCOPES)  # type: ignore[no-untyped-call]
        else:
            return None
    except (OSError, ValueError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no credentials of Google's"
        raise Auth(f"{path}: {reason}", nothing_created=True, fix=_FIX) from None
    return cast(GoogleCredentials, found)


def _brief(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split())[:300] or type(error).__name__
