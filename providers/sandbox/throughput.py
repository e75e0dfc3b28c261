"""What a custom model answers behind on Bedrock: on-demand deployments and provisioned throughput, by name and ARN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from .book import new_id
from .store import Records, Store

__all__ = ["Served", "Throughput"]

Kind = Literal["custom-model-deployment", "provisioned-model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One deployment, or one purchase of throughput. `lag_s`: how long it is missing from lists."""

    id: str
    kind: str
    name: str
    model: str
    token: str
    units: int
    created_at: float
    ready_at: float
    lag_s: float = 0.0

    @property
    def arn(self) -> str:
        return f"arn:aws:bedrock:us-east-1:123456789012:{self.kind}/{self.id[:12]}"

    def ready(self, now: float) -> bool:
        return now >= self.ready_at

    def listed(self, now: float) -> bool:
        return now >= self.created_at + self.lag_s


class Throughput:
    """All of them. Each takes a pace to come up, and is there until it is deleted: nothing stops by itself."""

    def __init__(self, store: Store, now: Callable[[], float], pace_s: float) -> None:
        self._now, self._pace_s = now, pace_s
        self._served = Records(store, "throughput", lambda body: Served(**body), asdict)

    def all(self, kind: Kind) -> list[Served]:
        """Oldest first."""
        return [item for item in self._served.all() if item.kind == kind]

    def get(self, kind: Kind, reference: str) -> Served | None:
        """By its ARN, its id or its name."""
        return next((item for item in self.all(kind) if reference in (item.arn, item.id[:12], item.name)), None)

    def route(self, arn: str) -> Served | None:
        """What a question to that ARN reaches, ready or not."""
        return next((item for item in self._served.all() if item.arn == arn), None)

    def create(self, kind: Kind, name: str, model: str, token: str, units: int, lag_s: float) -> Served:
        now, id = self._now(), new_id("")
        made = Served(
            id=id,
            kind=kind,
            name=name,
            model=model,
            token=token,
            units=units,
            created_at=now,
            ready_at=now + self._pace_s,
            lag_s=lag_s,
        )
        return self._served.put(id, made)

    def delete(self, item: Served) -> None:
        self._served.drop(item.id)
