"""The user's own price file: TOML rows that replace ours, each with the file as its source.

people_usd = "1500"            # what people and data cost you, in all

[[price]]
provider = "NAME"              # before the colon of --to; left out: every platform
model = "org/name"             # left out: every model
method = "sft"                 # or "dpo"; left out: both
item = "hosting"               # train, input, cached_input, output, tuned_input, tuned_output, hosting; for questions
                               # in batches batch_input, batch_output, tuned_batch_input, tuned_batch_output; or a list
usd = "4.10"                   # the price, or its high end
low_usd = "3.90"               # the low end, where it is a range
per = "hour"                   # hour for hosting, mtok for the others; with item "train" also "job", the least a job
                               # costs, and "hour", of a machine of your own
as_of = 2026-11-20
note = "quoted by sales"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from providers.records import Method, Price, PriceItem

from ..errors import UsageError

__all__ = ["Overrides", "load_overrides"]

_TOP_KEYS = ("price", "people_usd")
_ROW_KEYS = ("provider", "model", "method", "item", "usd", "low_usd", "per", "as_of", "note")
_PER = ("mtok", "hour", "job")


@dataclass(frozen=True, slots=True)
class _Override:
    """One row of the file: which prices it replaces, and by what."""

    provider: str | None
    method: Method | None
    price: Price

    def replaces(self, item: PriceItem, per: str) -> bool:
        return self.price.item is item and self.price.per == per


@dataclass(frozen=True, slots=True)
class Overrides:
    """A price file, read and checked. `people_usd` is None where it does not say."""

    file: str
    rows: tuple[_Override, ...] = ()
    people_usd: Decimal | None = None

    def apply(self, prices: Sequence[Price], provider: str, model: str, method: Method) -> tuple[Price, ...]:
        """`prices` with this file's rows in place of ours; rows we have none for are added, the last one wins."""
        chosen = {(price.item, price.per): price for price in prices}
        for row in self.rows:
            if self._is_about(row, provider, model, method):
                chosen[row.price.item, row.price.per] = row.price
        return tuple(chosen.values())

    @staticmethod
    def _is_about(row: _Override, provider: str, model: str, method: Method) -> bool:
        return row.provider in (None, provider) and row.price.model in ("*", model) and row.method in (None, method)


def load_overrides(path: Path) -> Overrides:
    """Read and check a price file. Raises `UsageError` naming the file, the row, the key and the nearest right one."""
    told = _parsed(path)
    _refuse_unknown(told, _TOP_KEYS, str(path))
    rows = told.get("price", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UsageError("price must be a list of tables", where=str(path), fix="write each row under [[price]]")
    people = told.get("people_usd")
    return Overrides(
        file=str(path),
        rows=tuple(one for number, row in enumerate(rows, start=1) for one in _row(path, number, row)),
        people_usd=None if people is None else _usd(people, "people_usd", str(path)),
    )


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read the price file: {error.strerror}", where=str(path), fix="check its path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not a TOML file: {error}", where=str(path), fix="see the format in the docs") from error


def _row(path: Path, number: int, row: Mapping[str, Any]) -> Iterator[_Override]:
    """One for each of its items."""
    where = f"{path}, price row {number}"
    _refuse_unknown(row, _ROW_KEYS, where)
    for key in ("item", "usd"):
        if key not in row:
            raise UsageError(f"{key} is missing", where=where, fix=f"add {key} = …")
    items = row["item"] if isinstance(row["item"], list) else [row["item"]]
    if not items:
        raise UsageError("item is empty", where=where, fix='write item = "train", or a list of several')
    for told in items:
        item = PriceItem(_one_of(told, [known.value for known in PriceItem], "item", where))
        yield _of_item(path, row, item, where)


def _of_item(path: Path, row: Mapping[str, Any], item: PriceItem, where: str) -> _Override:
    per = _one_of(row.get("per", "hour" if item is PriceItem.HOSTING else "mtok"), _PER, "per", where)
    method = row.get("method")
    return _Override(
        provider=_text(row, "provider", where),
        method=None if method is None else Method(_one_of(method, [m.value for m in Method], "method", where)),
        price=Price(
            item=item,
            model=_text(row, "model", where) or "*",
            usd=_usd(row["usd"], "usd", where),
            low_usd=_low(row, where),
            per=cast(Any, per),
            as_of=_day(row.get("as_of"), where),
            source=f"user: {path}",
            note=_text(row, "note", where) or "",
        ),
    )


def _low(row: Mapping[str, Any], where: str) -> Decimal | None:
    if "low_usd" not in row:
        return None
    low = _usd(row["low_usd"], "low_usd", where)
    if low > _usd(row["usd"], "usd", where):
        raise UsageError("low_usd is above usd", where=where, fix="usd is the high end of the range")
    return low


def _usd(value: object, key: str, where: str) -> Decimal:
    """Dollars from "1.50", 2 or 1.5 (a float by its shortest form, so 0.1 stays 0.1)."""
    try:
        usd = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except InvalidOperation:
        usd = None
    if usd is None or not usd.is_finite() or usd < 0:
        raise UsageError(f"{key} is {value!r}, not an amount of dollars", where=where, fix=f'write {key} = "1.50"')
    return usd


def _day(value: object, where: str) -> date:
    """The day the price was checked; a row must have one, since a price without a date cannot be trusted later."""
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise UsageError("as_of must be a date", where=where, fix="write as_of = 2026-11-20, without quotes")
    return value


def _text(row: Mapping[str, Any], key: str, where: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{key} is {value!r}, not text", where=where, fix=f'write {key} = "…"')
    return value


def _one_of(value: object, allowed: Iterable[str], key: str, where: str) -> str:
    choices = list(allowed)
    if isinstance(value, str) and value in choices:
        return value
    near = get_close_matches(str(value), choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(choices)}"
    raise UsageError(f"{key} is {value!r}", where=where, fix=hint)


def _refuse_unknown(told: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in told:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise UsageError(f"unknown key {key!r}", where=where, fix=hint)
