"""Exact token counts with no network: one counter per tokenizer family, from vocabularies inside installed packages.

Every vocabulary is used only where its hash and its golden ids are the known ones. What a chat template adds around
the texts is left to the platforms' facts.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from threading import Lock

from ._counter import Counter, Engine, MissingTokenizer
from ._families import FAMILIES, Source
from ._files import is_installed
from ._golden import check_ids

__all__ = ["Counter", "MissingTokenizer", "counter", "families", "is_available"]

_REFUSALS = (ImportError, RuntimeError, AttributeError, TypeError)
"""An extension that does not load here, a wrong vocabulary, a package whose interface is not the one we know."""

_lock = Lock()
_loaded: dict[tuple[str, bool | None], _Exact] = {}


def families() -> tuple[str, ...]:
    """Every family that can be counted exactly, whether or not its packages are installed here."""
    return tuple(FAMILIES)


def is_available(name: str) -> bool:
    """Whether the packages for some engine of this family are installed. Nothing is loaded, no hash is checked."""
    return any(_is_installed(source) for source in FAMILIES.get(name, ()))


def counter(name: str, *, fast: bool | None = None) -> Counter:
    """The counter of a family, loaded once per process; safe in threads, and picklable (it is loaded again there).

    `fast`: None takes the fastest engine whose guard passes, else the reference, and `engine` says which and why; True
    refuses to fall back to the reference, where there is another; False takes the reference. Raises `ValueError` for
    an unknown family, `MissingTokenizer` where its package is absent, and `RuntimeError` for a vocabulary whose hash
    or golden ids are not the known ones.
    """
    if name not in FAMILIES:
        raise ValueError(f"no exact tokenizer named {name!r}; there is one for: {', '.join(FAMILIES)}")
    with _lock:
        key = (name, fast)
        if key not in _loaded:
            _loaded[key] = _Exact(name, fast, _choose(name, fast))
        return _loaded[key]


class _Exact:
    """A guarded engine under its family's name."""

    exact = True

    def __init__(self, name: str, fast: bool | None, engine: Engine) -> None:
        self.name = name
        self.engine = engine.label
        self.count = engine.tally
        self._fast = fast

    def __reduce__(self) -> tuple[object, ...]:
        return (partial(counter, fast=self._fast), (self.name,))

    def __repr__(self) -> str:
        return f"<tokens of {self.name} by {self.engine}>"


def _choose(name: str, fast: bool | None) -> Engine:
    """The first engine that is installed and passes its guard, its label saying which were refused before it."""
    sources = FAMILIES[name]
    allowed = sources if fast is None else (sources[:-1] or sources) if fast else sources[-1:]
    refusals: list[str] = []
    for source in allowed:
        if not _is_installed(source):
            continue
        try:
            engine = _guarded(name, source)
        except _REFUSALS as error:
            refusals.append(str(error))
        else:
            return replace(engine, label=f"{engine.label} ({'; '.join(refusals)})") if refusals else engine
    if refusals:
        raise RuntimeError("; ".join(refusals))
    raise _missing(name, allowed[-1])


@cache  # the fastest and the reference may be the same engine
def _guarded(name: str, source: Source) -> Engine:
    engine = source.load()
    check_ids(name, engine.label, engine.encode)
    return engine


def _missing(name: str, source: Source) -> MissingTokenizer:
    absent = ", ".join(package for package in source.packages if not is_installed(package))
    target = f"tunewright[{source.extra}]" if source.extra else "tunewright"
    return MissingTokenizer(f"counting tokens of {name} needs {absent}: pip install '{target}'")


def _is_installed(source: Source) -> bool:
    return all(map(is_installed, source.packages))
