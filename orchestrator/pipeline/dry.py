"""A submission as it would be sent, request by request, without a key and without sending."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from providers.contract import Connection
from providers.errors import Auth
from providers.records import PlannedRequest

from ..canonical import intent_id, tag_of
from ..costing import Quote
from ..dataset.records import Dataset
from ..settings import RunSettings
from .prepare import upload_files
from .session import Account, platform_named
from .training import make_plan

__all__ = ["planned"]


def planned(
    settings: RunSettings, dataset: Dataset, quoted: Quote, environ: Mapping[str, str], folder: Path
) -> tuple[PlannedRequest, ...]:
    """Every request in order, with exact bodies; remote file ids stand as placeholders."""
    platform = platform_named(settings.target.provider)
    try:
        connection = platform.connection(environ, settings.account, folder)
    except Auth:
        connection = Connection(api_key=None, account=settings.account or "default")
    files = upload_files(dataset, platform, settings.method, folder)
    plan = make_plan(settings, Account(platform=platform, connection=connection), quoted.recipe, files)
    return tuple(platform.requests(plan, files, tag_of(intent_id(plan)), connection.base_url))
