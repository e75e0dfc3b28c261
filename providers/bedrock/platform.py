"""Amazon Bedrock without credentials and without the network: facts, formats, and the requests of a submission."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from ..contract import Connection, Dialect, Provider, Secret
from ..environment import account_name, base_url
from ..errors import Auth, Unsupported
from ..published import PublishedFacts
from ..records import Hyperparameters, Method, Plan, PlannedRequest, ProviderFile
from .bodies import BUCKET_VARIABLE, ROLE_VARIABLE, SUFFIX_LIMIT, planned_requests
from .settings import check, held

__all__ = ["SERVING_VARIABLE", "BedrockPlatform"]

SERVING_VARIABLE = "TUNEWRIGHT_BEDROCK_SERVING"
_UNITS_VARIABLE = "TUNEWRIGHT_BEDROCK_MODEL_UNITS"
_ROLE = re.compile(r"arn:aws[^:]*:iam::(\d{12}):role/")


class BedrockPlatform(PublishedFacts):
    """Bedrock in one region of one AWS account, and every server that speaks its wire (`AWS_ENDPOINT_URL`)."""

    name = "bedrock"
    title = "Amazon Bedrock"
    key_variable: str | None = "AWS_ACCESS_KEY_ID"

    def dialect(self, method: Method) -> Dialect:
        """Lines as in the Converse API, which all but Claude are trained on. Raises `Unsupported` for preferences."""
        from ..dialects import BEDROCK_NOVA

        self._refuse_preferences(method)
        return BEDROCK_NOVA

    def dialect_for(self, model: str, method: Method) -> Dialect:
        """The lines that this base is trained on: Nova's, Llama's or Claude's."""
        from ..dialects import BEDROCK_CLAUDE, BEDROCK_LLAMA

        bare = model.rsplit("/", 1)[-1]
        if bare.startswith("anthropic."):
            self._refuse_preferences(method)
            return BEDROCK_CLAUDE
        return BEDROCK_LLAMA if bare.startswith("meta.") and method is Method.SFT else self.dialect(method)

    def refuse_settings(self, model: str, method: Method, given: Hyperparameters) -> None:
        """Raises `Unsupported` naming a setting that cannot be sent, or a model that is not trained."""
        check(model, method, given, self.name)

    def presets(
        self, model: str, method: Method, given: Hyperparameters, rows: int, validation_rows: int
    ) -> Mapping[str, tuple[Any, str]]:
        """Ours as far as the model takes them, and the defaults that AWS documents."""
        family = check(model, method, given, self.name)
        return held(family, super().presets(model, method, given, rows, validation_rows))

    def suffix_limit(self) -> int:
        """Most characters of the user's own suffix: it goes into the model's name, beside our tag."""
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
        return planned_requests(
            plan, files, tag, (base_url or "https://bedrock.<region>.amazonaws.com").rstrip("/"), ids
        )

    def connection(self, environ: Mapping[str, str], account: str | None, state_dir: Path) -> Connection:
        """Region, bucket, role and endpoints from the environment; the credentials where they stand there, else they
        are left to boto3's own chain (profile, SSO, instance role). Raises `Auth` naming the missing variable."""
        region = (environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "").strip()
        if not region:
            raise Auth(
                "AWS_REGION is not set: jobs, models and prices are a region's own",
                provider=self.name,
                nothing_created=True,
                fix="export AWS_REGION=us-east-1 for Nova, us-west-2 for Llama (docs/bedrock.md)",
            )
        everything = base_url(environ, "AWS_ENDPOINT_URL", "")
        control = base_url(environ, "AWS_ENDPOINT_URL_BEDROCK", "") or everything
        role = environ.get(ROLE_VARIABLE, "").strip()
        told = {
            "region": region,
            "role": role,
            "bucket": environ.get(BUCKET_VARIABLE, "").strip(),
            "profile": environ.get("AWS_PROFILE", ""),
            "serving": environ.get(SERVING_VARIABLE, ""),
            "model_units": environ.get(_UNITS_VARIABLE, ""),
            "s3_url": base_url(environ, "AWS_ENDPOINT_URL_S3", "") or everything or "",
            "runtime_url": base_url(environ, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "") or everything or "",
        }
        return Connection(
            api_key=_credentials(environ),
            base_url=control,
            account=account_name(_account_of(role, region), control, account),
            state_dir=state_dir,
            options={name: value for name, value in told.items() if value},
        )

    def open(self, connection: Connection) -> AbstractAsyncContextManager[Provider]:
        """One account, with boto3 loaded now. Raises `Unsupported` where the extra is not installed."""
        try:
            from .account import opened
        except ImportError as error:
            raise Unsupported(
                f"boto3 is not installed ({error.name or error} is missing)",
                provider=self.name,
                operation="open",
                nothing_created=True,
                fix="pip install 'tunewright[bedrock]'",
            ) from None
        return opened(self, connection)

    def _refuse_preferences(self, method: Method) -> None:
        if method is not Method.SFT:
            reason = "a customization job knows no training by preference"
            raise Unsupported(reason, provider=self.name, operation="dialect", nothing_created=True)


def _credentials(environ: Mapping[str, str]) -> Secret | None:
    """`ID:SECRET` or `ID:SECRET:TOKEN`, as far as the environment holds a pair; None leaves it to boto3's chain."""
    key, secret = environ.get("AWS_ACCESS_KEY_ID", "").strip(), environ.get("AWS_SECRET_ACCESS_KEY", "").strip()
    token = environ.get("AWS_SESSION_TOKEN", "").strip()
    return Secret(":".join((key, secret, *([token] if token else [])))) if key and secret else None


def _account_of(role: str, region: str) -> str | None:
    """The AWS account that the role belongs to, and the region: what holds for one holds for no other."""
    found = _ROLE.match(role)
    return f"{found[1]}/{region}" if found else None
