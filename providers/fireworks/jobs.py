"""The job calls of one Fireworks account, which lie in two collections of the same verbs: as JSON, not yet read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import fireworks

from ..errors import PlatformFault
from ..records import JsonObject
from ..wire import plain
from .listing import every
from .names import DPO, SFT, Collection, JobName, job_name

__all__ = ["Jobs"]

_PAGE = 200
"""Most entries of one page (fireworks-ai 1.2.30)."""


class Jobs:
    """Both collections. `http`: a plain client for signed addresses; `loopback`: whether those may do without https."""

    def __init__(self, client: fireworks.AsyncFireworks, http: Any, *, loopback: bool) -> None:
        self._client, self._http, self._loopback = client, http, loopback

    async def buy(self, collection: Collection, parameter: str, id: str, body: JsonObject, account: str) -> JsonObject:
        """The paid request: exactly one POST, no redirect followed. Raises the SDK's `ConflictError` for an id that is
        taken."""
        return plain(
            await self._client.post(
                f"/v1/accounts/{account}/{collection}",
                cast_to=object,
                body=body,
                options={"max_retries": 0, "follow_redirects": False, "params": {parameter: id}},
            )
        )

    async def estimate(self, body: JsonObject, account: str) -> JsonObject:
        """What a supervised job of that body is estimated to cost; the SDK has no call of its own for it."""
        path = f"/v1/accounts/{account}/{SFT}:estimateCost"
        return plain(
            await self._client.post(
                path, cast_to=object, body=body, options={"max_retries": 0, "follow_redirects": False}
            )
        )

    async def get(self, name: JobName, account: str) -> JsonObject:
        """One job, where it lies."""
        if name.collection == DPO:
            return plain(await self._client.dpo_jobs.get(name.id, account_id=account))
        return plain(await self._client.supervised_fine_tuning_jobs.get(name.id, account_id=account))

    async def read(self, job_id: str, account: str) -> JsonObject:
        """A job by any name of it; by an id alone, supervised ones first."""
        name = job_name(job_id)
        if name.told:
            return await self.get(name, account)
        try:
            return await self.get(JobName(SFT, name.id), account)
        except fireworks.NotFoundError:
            return await self.get(JobName(DPO, name.id), account)

    def every(self, collection: Collection, account: str) -> AsyncIterator[JsonObject]:
        """Every job of one collection, in whatever order: how the wire spells an order is not documented."""
        jobs = self._client.dpo_jobs if collection == DPO else self._client.supervised_fine_tuning_jobs

        async def page(token: str | None) -> Any:
            options: dict[str, Any] = {"page_token": token} if token else {}
            return await jobs.list(account_id=account, page_size=_PAGE, **options)

        return every(page, collection)

    async def cancel(self, job_id: str, account: str) -> JsonObject:
        """Ask for it to be cancelled; the job as it then is."""
        name = job_name(str((await self.read(job_id, account))["name"]))
        if name.collection == DPO:
            await self._client.dpo_jobs.cancel(name.id, account_id=account, body={})
        else:
            await self._client.supervised_fine_tuning_jobs.cancel(name.id, account_id=account, body={})
        return await self.get(name, account)

    async def resume(self, job_id: str, account: str) -> JsonObject:
        """Let one go on that the platform has paused."""
        name = job_name(str((await self.read(job_id, account))["name"]))
        if name.collection == DPO:
            return plain(await self._client.dpo_jobs.resume(name.id, account_id=account, body={}))
        return plain(await self._client.supervised_fine_tuning_jobs.resume(name.id, account_id=account, body={}))

    async def metrics_file(self, job: JsonObject, account: str) -> str:
        """The text of a job's metrics file; empty until there is one.

        Its signed address gets none of our credentials. Raises `PlatformFault` where it lies at a place without https,
        or is not given.
        """
        name, address = job_name(str(job.get("name"))), job.get("metricsFileSignedUrl")
        if name.collection == DPO:
            told = await self._client.dpo_jobs.get_metrics_file_endpoint(name.id, account_id=account)
            address = plain(told).get("signedUrl")
        if not isinstance(address, str) or not address:
            return ""
        if urlsplit(address).scheme != "https" and not self._loopback:
            raise PlatformFault("the metrics file lies at a place without https")
        answer = await self._http.get(address)
        if not answer.is_success:
            raise PlatformFault(f"the metrics file answers {answer.status_code}", status=answer.status_code)
        return str(answer.text)
