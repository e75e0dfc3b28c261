"""What a base model's own files tell of it: a folder, or a hub id that was downloaded before. Nothing heavy is loaded.

Sizes come from the headers of its safetensors, lengths from its `config.json`, how it is talked to from its template.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

__all__ = ["BaseModel", "hub_folder", "look_at", "looks_like_a_hub_id", "root_name"]

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.\-]*/[\w.\-]+$")
_MOST_HEADER = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """A base that lies on this machine. What its files do not tell is None; its licence is nobody's word here."""

    folder: Path
    kind: str
    parameters: int | None
    weights_bytes: int
    context_tokens: int | None
    has_template: bool


def root_name(name: str) -> str:
    """The base's name inside a tuned model's, as the user gave it."""
    return name.partition("@tw-")[0]


def looks_like_a_hub_id(name: str) -> bool:
    """`organisation/name`, and no path that exists."""
    return _HUB_ID.match(name) is not None and not Path(name).expanduser().exists()


def look_at(name: str) -> BaseModel | None:
    """The base at that path, or of that hub id where it was downloaded; None where it is not on this machine."""
    folder = Path(name).expanduser()
    place = folder if (folder / "config.json").is_file() else hub_folder(name)
    if place is None:
        return None
    try:
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    weights = sorted(place.glob("*.safetensors"))
    return BaseModel(
        folder=place.resolve() if place == folder else place,
        kind=str(config.get("model_type", "")),
        parameters=_parameters(weights),
        weights_bytes=sum(path.stat().st_size for path in (*weights, *place.glob("*.bin"))),
        context_tokens=_context(config),
        has_template=_has_template(place),
    )


def hub_folder(name: str) -> Path | None:
    """Where the hub's own cache keeps that model on this machine; None where it was not downloaded."""
    if not _HUB_ID.match(name):
        return None
    home = os.environ.get("HF_HOME") or str(Path("~/.cache/huggingface").expanduser())
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    kept = cache / f"models--{name.replace('/', '--')}"
    try:
        revision = (kept / "refs" / "main").read_text(encoding="ascii").strip()
    except OSError:
        return None
    folder = kept / "snapshots" / revision
    return folder if (folder / "config.json").is_file() else None


def _context(config: Mapping[str, Any]) -> int | None:
    told = config.get("max_position_embeddings") or config.get("text_config", {}).get("max_position_embeddings")
    return told if isinstance(told, int) and told > 0 else None


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    try:
        told = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(told.get("chat_template"))


def _parameters(weights: list[Path]) -> int | None:
    """Counted in the files' headers; None where the weights are in another format."""
    try:
        counts = [sum(_sizes(path)) for path in weights]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return sum(counts) if counts else None


def _sizes(path: Path) -> Iterator[int]:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _MOST_HEADER:
            raise ValueError("no safetensors header")
        header = json.loads(stream.read(length))
    yield from (prod(row["shape"]) for key, row in header.items() if key != "__metadata__")
