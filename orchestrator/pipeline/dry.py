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
from .candidates import refuse_unusable
from .keeping import pinned
from .prepare import upload_files
from .session import Account, aimed_at, platform_named
from .training import make_plan
from .widening import widened

__all__ = ["planned", "quoted_whole"]


def planned(
    settings: RunSettings, dataset: Dataset, quoted: Quote, environ: Mapping[str, str], folder: Path
) -> tuple[PlannedRequest, ...]:
    """Every request in order, with exact bodies; remote file ids stand as placeholders."""
    platform = platform_named(settings.target.provider)
    try:
        connection = platform.connection(environ, settings.account, folder)
    except Auth:
        connection = Connection(api_key=None, account=settings.account or "default")
    dialect = platform.dialect_for(settings.target.model, settings.method)
    files = upload_files(dataset, dialect, settings.method, folder)
    plan = make_plan(settings, Account(platform=platform, connection=connection), quoted.recipe, files)
    return tuple(platform.requests(plan, files, tag_of(intent_id(plan)), connection.base_url))


def quoted_whole(
    settings: RunSettings, dataset: Dataset, quoted: Quote, environ: Mapping[str, str], folder: Path
) -> Quote:
    """The quote with all that the evaluation will ask. `folder`: where files of answers may be kept for as long."""
    refuse_unusable(settings)

    def account(name: str) -> Account:
        platform = platform_named(name)
        return Account(platform=platform, connection=aimed_at(platform, environ, folder))

    return widened(quoted, pinned(folder, settings), dataset, account=account, home=folder, made={})
