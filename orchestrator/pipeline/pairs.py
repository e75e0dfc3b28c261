"""The pairs of a run, read by its settings. Apart from the ledger, so that a quote does not wait for a database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from ..dataset import check, load
from ..dataset.records import Dataset
from ..dataset.samples import Sample
from ..errors import UsageError
from ..settings import RunSettings

__all__ = ["check_pairs", "load_pairs", "pairs_to_quote", "sample_to_quote"]

_FINGERPRINT = re.compile(r"[0-9a-f]{12}")


def check_pairs(settings: RunSettings) -> Dataset:
    """Read, check and split, and hold against the targets, if there are any; what would be refused is a finding."""
    dataset = _read(settings, check, _tokenizers(settings))
    if not settings.to:
        return dataset
    from .fitting import with_fit

    return with_fit(dataset, settings)


def load_pairs(settings: RunSettings, uploads: Path | None = None) -> Dataset:
    """Read, check and split, and count with the tokenizers of the targets. Raises `UsageError` or `DataRefused`.

    `uploads`: where the files to upload will lie, and the map of what was redacted must not.
    """
    return _read(settings, load, _tokenizers(settings), uploads)


def pairs_to_quote(settings: RunSettings) -> Dataset:
    """The same without what a price does not depend on: secrets are for `check` and for a run to refuse.

    Nor are near duplicates looked for, which a run keeps on one side of the split: it may train on a few rows more or
    fewer than are quoted here, and quotes them again before it asks for consent.
    """
    return load_pairs(_for_quotes(settings))


def sample_to_quote(settings: RunSettings, rows: int) -> Dataset | Sample:
    """About that many rows, drawn at random and counted; all of them, the usual way, where that is most of the file.

    Raises `UsageError` where the pairs, or what is to be done with them, leave nothing to sample.
    """
    from ..dataset.sampling import draw

    given = {"--test": settings.test, "--validation": settings.validation, "--redact": settings.redact}
    for flag, path in given.items():
        if path is not None:
            raise UsageError(
                f"cannot be estimated from a sample with {flag}", where="--sample", fix=f"leave {flag} out"
            )
    chosen = _for_quotes(settings)
    names = _tokenizers(settings)
    found = draw(chosen.pairs, rows, columns=chosen.columns, policy=chosen.policy, tokenizers=names)
    return load_pairs(chosen) if found is None else found


def _for_quotes(settings: RunSettings) -> RunSettings:
    skip = tuple(dict.fromkeys((*settings.policy.skip, "near-duplicates", "sensitive")))
    return replace(settings, policy=replace(settings.policy, skip=skip))


def _read(
    settings: RunSettings, read: Callable[..., Dataset], tokenizers: tuple[str, ...], uploads: Path | None = None
) -> Dataset:
    if settings.policy.allowed_secrets:
        _refuse_unknown(settings.policy.allowed_secrets)
    redactor = None
    if settings.redact is not None:
        from ..dataset.redacting import Redactor

        redactor = Redactor(settings.redact, uploads=uploads)
    dataset = read(
        settings.pairs,
        columns=settings.columns,
        policy=settings.policy,
        test=settings.test,
        validation=settings.validation,
        tokenizers=tokenizers,
        redactor=redactor,
    )
    if redactor is None:
        return dataset
    redactor.save()
    return replace(dataset, redacted=redactor.kinds())


def _refuse_unknown(allowed: Iterable[str]) -> None:
    """A name that can allow nothing, neither a kind of key nor the digits of one, is a slip of the hand."""
    from ..dataset.sensitive.secret_rules import read_secret_rules

    kinds = sorted({shape.kind for shape in read_secret_rules()})
    for name in allowed:
        if name not in kinds and not _FINGERPRINT.fullmatch(name):
            near = get_close_matches(name, kinds, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            fix = f"{meant}take the name, or the twelve digits, that the finding of `tunewright check` gives"
            raise UsageError(
                f"{name!r} names no kind of key, and is no key's twelve digits", where="--allow-secret", fix=fix
            )


def _tokenizers(settings: RunSettings) -> tuple[str, ...]:
    from ..costing import tokenizer_of
    from .session import platform_named

    facts = [platform_named(target.provider).model(target.model) for target in settings.to]
    return tuple(dict.fromkeys(map(tokenizer_of, facts)))
