"""The options that several commands share, said once: how pairs are read, where to train, what may be spent."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click

from ..errors import UsageError
from .shell import option

__all__ = [
    "PAIRS",
    "USD",
    "asking",
    "by_method",
    "choosing",
    "gather",
    "grading",
    "limit",
    "money",
    "on_trouble",
    "reading",
    "spending",
    "targets",
    "training",
]

F = TypeVar("F", bound=Callable[..., Any])
PAIRS = click.argument("pairs", type=click.Path(path_type=Path))


class _Hours(click.ParamType[Decimal]):
    name = "hours"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            hours = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is not a number of hours", param, ctx)
        if not hours.is_finite() or not 0 < hours <= _MOST_HOURS:
            self.fail(f"{value!r} is not a number of hours above 0, at most {_MOST_HOURS}", param, ctx)
        return hours


class _Usd(click.ParamType[Decimal]):
    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            usd = Decimal(str(value).removeprefix("$").replace(",", ""))
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount of US dollars", param, ctx)
        if not usd.is_finite() or usd < 0:
            self.fail(f"{value!r} is not an amount of US dollars", param, ctx)
        return usd


_MOST_HOURS = Decimal(24 * 365)
USD, HOURS = _Usd(), _Hours()
_FILE = click.Path(path_type=Path)
_POSITIVE = click.IntRange(min=1)
_RATE = click.FloatRange(min=0, min_open=True)


def _stack(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def wrap(function: F) -> F:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return wrap


reading = _stack(
    option("--input", help="Column with the input."),
    option("--output", help="Column with the answer."),
    option("--system", help="Column with a system prompt a row."),
    option("--system-prompt", "system_text", help="One system prompt for every row."),
    option("--system-prompt-file", "system_file", type=_FILE, help="The same, from a text file."),
    option("--prompt", "prompt_template", help="A template over columns, as in 'Classify: {text}'."),
    option("--history", help="Column with earlier turns: a list of [user, assistant] pairs or of turns."),
    option("--reasoning", help="Column with the reasoning before the answer."),
    option("--group", help="Column whose equal values stay on one side of the split."),
    option("--time", help="Column with the time of a row, to hold out the latest."),
    option("--accept", help="Column with a list of further answers that count as right."),
    option("--test", type=_FILE, help="Your own held-out pairs, in place of a split-off share."),
    option("--validation", type=_FILE, help="Your own validation pairs."),
    option(
        "--near-duplicates",
        type=click.Choice(["drop", "warn", "refuse"]),
        help="What to do with rows that ask nearly the same [warn; they stay on one side of the split].",
    ),
    option(
        "--redact",
        metavar="MAP",
        type=_FILE,
        help="Replace secrets and personal data; MAP keeps what was replaced, for you alone, and is never uploaded.",
    ),
    option("--allow-secret", "allow_secrets", multiple=True, help="A rule or find of `check` that is no secret."),
    option(
        "--skip", multiple=True, type=click.Choice(["near-duplicates", "sensitive"]), help="Checks not to do at all."
    ),
)

targets = option("--to", multiple=True, metavar="PLATFORM:MODEL", help="Where to train; several to compare quotes.")

by_method = option(
    "--method",
    type=click.Choice(["sft", "dpo"]),
    help="Supervised, or by preference (dpo: rows with a preferred and a rejected answer) [sft].",
)

training = _stack(
    by_method,
    option("--lora/--full", "lora", default=None, help="Adapter or full weights, where there is a choice."),
    option("--epochs", type=_POSITIVE, help="Passes over the training file [a cautious preset]."),
    option("--learning-rate", type=_RATE, help="Absolute; refused by name where a platform takes none."),
    option("--batch-size", type=_POSITIVE, help="Examples a step [the platform's own choice]."),
    option("--beta", type=_RATE, help="For dpo: higher stays nearer to the base [0.1, or the platform's choice]."),
    option("--seed", type=int, help="The same seed trains the same way, where a platform keeps to it."),
    option("--suffix", help="Your own word in the tuned model's name."),
    option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A setting by the platform's own name."),
    option("--account", help="A name for the account, where the platform gives no id."),
    option("--prices", type=_FILE, help="Your own price file (TOML); its rows replace ours."),
    option("--people-usd", type=USD, help="Your own figure for data and people, shown in the quote."),
)

choosing = option(
    "--choose",
    type=click.Choice(["checkpoint"]),
    help="Let the checkpoints meet first, on the validation rows; the best one meets the base.",
)

on_trouble = option(
    "--on-trouble",
    type=click.Choice(["warn", "pause", "cancel", "keep"]),
    help="When the curve overfits, rests or diverges; keep evaluates the best checkpoint [warn].",
)

grading = _stack(
    option(
        "--grader",
        multiple=True,
        help="exact, normalised, contains, regex, number, json, json-schema, tools, f1, rouge-l, chrf, file.py:name, "
        "judge:RUBRIC.md, pairwise:RUBRIC.md …; the first decides, more are shown [chosen by the data].",
    ),
    option("--judge", metavar="PLATFORM:MODEL", help="Who judges, where a grader asks a judge."),
    option("--human-labels", metavar="FILE[:COLUMN]", help="A CSV of people's labels to hold the judge against."),
)

asking = _stack(
    grading,
    option("--max-tokens", type=_POSITIVE, help="Longest answer asked for [256]."),
    option("--temperature", type=click.FloatRange(min=0), help="The same for all models [0]."),
    option("--concurrency", type=click.IntRange(1, 256), help="Questions in flight [8]."),
    option(
        "--guard-general/--no-guard-general",
        "general",
        default=None,
        help="Ask the general prompts too: was something forgotten? [where cheap, and --max-usd is given]",
    ),
    option("--similar", type=_FILE, help="Pairs of your own similar tasks, on which it must not get worse."),
    option("--prompts-per-month", type=_POSITIVE, help="How much it will be asked, to say when training has paid."),
    option(
        "--also",
        multiple=True,
        metavar="CANDIDATE",
        help="Ask this one too: PLATFORM:MODEL, http://HOST/v1#MODEL, checkpoint:STEP, checkpoints, answers:FILE.",
    ),
    option("--also-prompt", multiple=True, type=_FILE, help="Ask the base also with the system prompt in this file."),
    option("--also-shots", type=_POSITIVE, metavar="N", help="Ask the base also with N training rows as examples."),
    option("--samples", type=click.IntRange(1, 100), metavar="K", help="Answers a prompt; needs a temperature [1]."),
    option(
        "--batch/--no-batch",
        "batch",
        default=None,
        help="Ask by the platform's batches, where it has them: large sets, within a day, at the price of batches.",
    ),
    option(
        "--max-hosting-hours", type=HOURS, help="Longest that a machine is rented, where a tuned model needs one [1]."
    ),
)

spending = _stack(
    option("--max-usd", type=USD, help="The most this run may cost, everything counted."),
    option("--accept-unknown", is_flag=True, default=None, help="Go on although a price, or the model, is not known."),
    option("--yes", "-y", is_flag=True, help="Do not ask. Needs --max-usd."),
)


def gather(given: dict[str, Any]) -> dict[str, Any]:
    """Command-line values as library options: without what was not given."""
    options = {key: value for key, value in given.items() if value is not None}
    file = options.pop("system_file", None)
    if file is not None:
        options["system_text"] = _text_of(file)
    assignments = options.pop("assignments", ())
    if assignments:
        options["settings"] = dict(_assignment(item) for item in assignments)
    for several in ("to", "skip", "allow_secrets", "grader", "also", "also_prompt"):
        if not options.get(several, True):
            del options[several]
    return options


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the system prompt cannot be read: {what}", where=str(file)) from error


def _assignment(text: str) -> tuple[str, Any]:
    """`key=value`, the value read as JSON where it is JSON, else as text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise UsageError(f"{text!r} is not KEY=VALUE", where="--set", fix="for example --set n_checkpoints=2")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def money(usd: Decimal | None, *, sandbox: bool = False, most: bool = False) -> str:
    """Dollars for people; None is 'unknown', never nothing. `most`: rounded up, where it may cost up to that."""
    from ..costing import usd_text

    if usd is None:
        return "unknown"
    text = usd_text(usd, rounding=ROUND_CEILING if most else ROUND_HALF_EVEN)
    return f"{text}{' (sandbox, not money)' if sandbox else ''}"


def limit(usd: Decimal) -> str:
    """A cap, with every digit that was set."""
    from ..costing import usd_limit

    return usd_limit(usd)
