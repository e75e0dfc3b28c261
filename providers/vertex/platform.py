"""Vertex AI without credentials and without the network: facts, formats, and the exact requests of a submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ..contract import Connection, Dialect, Provider, Secret
from ..environment import account_name, base_url
from ..errors import Auth, Unsupported
from ..published import PublishedFacts
from ..records import Hyperparameters, Method, Plan, PlannedRequest, ProviderFile
from .bodies import SUFFIX_LIMIT, check, planned_requests
from .places import BUCKET_VARIABLE, OWN_STORAGE, Home

__all__ = ["TOKEN_VARIABLE", "VertexPlatform"]

TOKEN_VARIABLE = "GOOGLE_OAUTH_ACCESS_TOKEN"
_FILE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_BASE_LOCATION_VARIABLE = "TUNEWRIGHT_VERTEX_BASE_LOCATION"
_THINKING_VARIABLE = "TUNEWRIGHT_VERTEX_THINKING"
_STORAGE_VARIABLE = "STORAGE_EMULATOR_HOST"
_URL_VARIABLE = "GOOGLE_VERTEX_BASE_URL"


class VertexPlatform(PublishedFacts):
    """Gemini in one region of one Google Cloud project, and every server that speaks its wire.

    `GOOGLE_VERTEX_BASE_URL` and `STORAGE_EMULATOR_HOST`, together or not at all, name another server than Google.
    """

    name = "vertex"
    title = "Google Vertex AI"
    key_variable: str | None = TOKEN_VARIABLE

    def dialect(self, method: Method) -> Dialect:
        """Gemini's lines. Raises `Unsupported` for preferences."""
        from ..dialects import GEMINI

        if method is not Method.SFT:
            reason = "preference tuning is documented for Gemini 2.5 alone, which is no longer served"
            raise Unsupported(reason, provider=self.name, operation="dialect", nothing_created=True)
        return GEMINI

    def refuse_settings(self, model: str, method: Method, given: Hyperparameters) -> None:
        """Raises `Unsupported` naming a setting that cannot be sent."""
        check(given, self.name)

    def suffix_limit(self) -> int:
        """Most characters of the user's own suffix: it goes into the tuned model's display name, before our tag."""
        return SUFFIX_LIMIT

    def requests(
        self,
        plan: Plan,
        files: Sequence[ProviderFile],
        tag: str,
        base_url: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Sequence[PlannedRequest]:
        """Every request of a submission, in order; at `base_url`, by default the region's own host."""
        project, _, location = plan.account.partition("@")[0].rpartition("#")[2].partition("/")
        home = Home(project, location) if location else Home("<project>", "<location>")
        return planned_requests(plan, files, tag, home, base_url, ids)

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Project, region, bucket and URLs from the environment; an access token where one stands there, else the
        credentials are left to Google's own chain (a file, `gcloud`, the machine's service account).

        Raises `Auth` naming the missing variable.
        """
        project, location = self._required(environ)
        url, storage = base_url(environ, _URL_VARIABLE, ""), base_url(environ, _STORAGE_VARIABLE, OWN_STORAGE)
        if bool(url) != bool(storage):
            raise Auth(
                f"{_URL_VARIABLE} and {_STORAGE_VARIABLE} belong together: a job reads its rows where it runs",
                provider=self.name,
                nothing_created=True,
                fix=f"set both, or neither; only {_URL_VARIABLE if url else _STORAGE_VARIABLE} is set",
            )
        told = {
            "project": project,
            "location": location,
            "bucket": environ.get(BUCKET_VARIABLE, "").strip(),
            "base_location": environ.get(_BASE_LOCATION_VARIABLE, "").strip(),
            "thinking": environ.get(_THINKING_VARIABLE, "").strip().lower(),
            "credentials_file": environ.get(_FILE_VARIABLE, "").strip(),
            "storage_url": storage or "",
        }
        token = environ.get(TOKEN_VARIABLE, "").strip()
        return Connection(
            api_key=Secret(token) if token else None,
            base_url=url,
            account=account_name(f"{project}/{location}", url, account),
            project=project,
            state_dir=state_dir,
            options={name: value for name, value in told.items() if value},
        )

    def _required(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Project and region."""
        names = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION")
        missing = [name for name in names if not environ.get(name, "").strip()]
        if missing:
            raise Auth(
                f"{' and '.join(missing)} not set; credentials come from {TOKEN_VARIABLE}, or else from Google's "
                "application default credentials",
                provider=self.name,
                nothing_created=True,
                fix="export GOOGLE_CLOUD_PROJECT=… GOOGLE_CLOUD_LOCATION=us-central1, and run "
                "`gcloud auth application-default login` (docs/vertex.md)",
            )
        project, location = (environ[name].strip() for name in names)
        return project, location

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """One account, with the SDK loaded now. Raises `Unsupported` where it is not installed."""
        try:
            from .account import opened
        except ModuleNotFoundError as error:
            if error.name not in ("google", "google.genai", "google.auth"):
                raise
            raise Unsupported(
                "the Google Gen AI SDK is not installed",
                provider=self.name,
                operation="open",
                nothing_created=True,
                fix="pip install 'tunewright[vertex]'",
            ) from None
        return opened(self, connection)
