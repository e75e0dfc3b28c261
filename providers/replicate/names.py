"""How a model on Replicate is written: OWNER/NAME, and its version after a colon. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Reference", "reference"]

_REFERENCE = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?::(?P<version>[\w.-]+))?")


@dataclass(frozen=True, slots=True)
class Reference:
    """One model, or one version of it."""

    owner: str
    name: str
    version: str | None = None

    @property
    def model(self) -> str:
        """Without the version."""
        return f"{self.owner}/{self.name}"

    @property
    def model_path(self) -> str:
        """Where the API has the model."""
        return f"/v1/models/{self.model}"

    @property
    def version_path(self) -> str:
        """Where the API has the version."""
        return f"{self.model_path}/versions/{self.version}"

    def __str__(self) -> str:
        return f"{self.model}:{self.version}" if self.version else self.model


def reference(text: object) -> Reference | None:
    """`owner/name` or `owner/name:version`; None for anything else."""
    found = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
    return Reference(found["owner"], found["name"], found["version"]) if found else None
