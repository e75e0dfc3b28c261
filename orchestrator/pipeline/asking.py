"""What asking will cost, a line a candidate, said before anything is asked: the most, with the longest answers.

The sum is of what is money and must be paid, and is not known where one of its parts is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from providers.errors import NotFound
from providers.records import Example, ModelFacts, Support, TokenRules

from ..canonical import plain
from ..costing import TokenCount, count, usd_limit, usd_text
from ..errors import BudgetRefused
from ..evaluation.questions import Answer, Question
from ..settings import RunSettings
from ..stats import plan_binary
from .answering import Served, paying
from .batching import batch_prices_of
from .session import Session

__all__ = ["AskLine", "AskQuote", "ask_quote", "line_of", "refuse_unbounded", "tell_power"]

_MILLION = Decimal(1_000_000)

_NOBODY_KNOWS = Support(answer="unknown")
_WIDEST_MARGIN = Decimal("0.30")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskLine:
    """What one candidate's answers may cost: `low_usd` with answers as long as the references, `usd` at the most.

    None: not known. `answers`: how many are still to be had. `money` False: it is not on the bill. `hosting_usd`: what
    is held for its machine.
    """

    name: str
    label: str
    answers: int
    low_usd: Decimal | None
    usd: Decimal | None
    basis: str
    hosting_usd: Decimal = Decimal(0)
    money: bool = True

    @property
    def text(self) -> str:
        """For people: "base openai:…: at most $0.12, for 150 prompts, 4,500 tokens in, …"."""
        most = "not known" if self.usd is None else f"at most {usd_text(self.usd, rounding=ROUND_CEILING)}"
        rent = f", and {usd_text(self.hosting_usd)} for its machine" if self.hosting_usd else ""
        aside = "" if self.money else " (not on the bill)"
        return f"{self.name} {self.label}: {most}{rent}{aside}; {self.basis}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuote:
    """One evaluation before it starts. `sandbox`: what it costs is not money."""

    lines: tuple[AskLine, ...]
    prompts: int
    samples: int
    sandbox: bool

    @property
    def usd(self) -> Decimal | None:
        """The most that all answers cost together; None where a part of it is not known."""
        parts = [line.usd for line in self.lines if line.money]
        return None if None in parts else sum((usd for usd in parts if usd is not None), Decimal(0))

    @property
    def text(self) -> str:
        """Every line, then the sum."""
        missing = [line.name for line in self.lines if line.money and line.usd is None]
        told = f"not known, for {', '.join(missing)} is not" if self.usd is None else f"at most {_most(self.usd)}"
        kind = "play money, " if self.sandbox else ""
        times = f" {self.samples} times" if self.samples > 1 else ""
        told = f"{kind}{told}" if any(line.answers for line in self.lines) else "nobody need be asked"
        head = f"asking {len(self.lines)} candidates {self.prompts:,} prompts{times}: {told}"
        return "\n".join([head, *(f"  {line.text}" for line in self.lines)])

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        lines = [plain(line) for line in self.lines]
        return {"usd": plain(self.usd), "prompts": self.prompts, "samples": self.samples, "lines": lines}


def ask_quote(
    settings: RunSettings,
    served: Sequence[Served],
    asked: Sequence[Question],
    known: Mapping[tuple[str, str, int], Answer],
) -> AskQuote:
    """The quote of what is not `known` yet."""
    billed = {item.candidate.name for item in paying(served)}
    lines = [line_of(settings, item, asked, known) for item in served]
    return AskQuote(
        lines=tuple(replace(line, money=line.name in billed) for line in lines),
        prompts=len(asked),
        samples=settings.samples,
        sandbox=bool(billed) and all(item.account.sandbox for item in paying(served)),
    )


def line_of(
    settings: RunSettings,
    served: Served,
    asked: Sequence[Question],
    known: Mapping[tuple[str, str, int], Answer] | None = None,
) -> AskLine:
    """What this candidate's answers cost that are not `known`: tokens of its own prompts × its prices × samples.

    A rented machine bills by the hour: its answers cost nothing of their own.
    """
    candidate = served.candidate
    nothing: dict[str, Any] = {"name": candidate.name, "label": candidate.label, "answers": 0}
    if served.recorded is not None:
        basis = f"{len(served.recorded):,} recorded answers; nobody is asked"
        return AskLine(**nothing, low_usd=Decimal(0), usd=Decimal(0), basis=basis)
    tokens = _tokens(settings, served, asked, known or {})
    told = {**nothing, "answers": tokens.rows}
    into, out = _prices(settings, served, len(asked) * settings.samples)
    if not tokens.rows:
        return AskLine(**told, low_usd=Decimal(0), usd=Decimal(0), basis="answered already")
    basis = f"{tokens.rows:,} answers, {tokens.prompts:,} tokens in, up to {tokens.most:,} out"
    if not served.by_tokens:
        basis = f"{basis}; served by the hour"
        return AskLine(**told, low_usd=Decimal(0), usd=Decimal(0), basis=basis, hosting_usd=served.hosting_usd)
    if into is None or out is None:
        why = f"{basis}; nobody gives its price"
        return AskLine(**told, low_usd=None, usd=None, basis=why, hosting_usd=served.hosting_usd)
    return AskLine(
        **told,
        low_usd=(tokens.fewest_prompts * into + tokens.least * out) / _MILLION,
        usd=(tokens.prompts * into + tokens.most * out) / _MILLION,
        basis=f"{basis} × ${into:f} and ${out:f}/1M tokens",
        hosting_usd=served.hosting_usd,
    )


def _prices(settings: RunSettings, served: Served, questions: int) -> tuple[Decimal | None, Decimal | None]:
    """Of a million tokens in and out; of batches where they are asked so. Where nobody gives the price of batches,
    asking one by one costs no less."""
    candidate, platform = served.candidate, served.account.platform
    into, out = candidate.input_usd_per_mtok, candidate.output_usd_per_mtok
    if not settings.by_batches(questions) or platform.batch_limits() is None:
        return into, out
    batch_in, batch_out = batch_prices_of(settings, served.account, candidate.model)
    return into if batch_in is None else batch_in, out if batch_out is None else batch_out


class _Tokens(NamedTuple):
    """Of all answers to be had: how many, tokens of their prompts, and of the answers at least and at most."""

    rows: int
    fewest_prompts: int
    prompts: int
    least: int
    most: int


def _tokens(
    settings: RunSettings, served: Served, asked: Sequence[Question], known: Mapping[tuple[str, str, int], Answer]
) -> _Tokens:
    counted: dict[tuple[str, ...], TokenCount] = {}
    found = []
    for questions in _open(settings, served, asked, known):
        keys = tuple(question.key for question in questions)
        if keys not in counted:
            counted[keys] = _counted(settings, served, [served.candidate.puts(q.row.example) for q in questions])
        found.append(counted[keys])
    longest = settings.sampling.max_tokens
    return _Tokens(
        rows=sum(item.rows for item in found),
        fewest_prompts=sum(item.prompt_tokens * item.low // item.tokens for item in found if item.tokens),
        prompts=sum(-(-item.prompt_tokens * item.high // item.tokens) for item in found if item.tokens),
        least=sum(min(item.answer_tokens, item.rows * longest) for item in found),
        most=sum(item.rows * longest for item in found),
    )


def _open(
    settings: RunSettings, served: Served, asked: Sequence[Question], known: Mapping[tuple[str, str, int], Answer]
) -> Iterator[list[Question]]:
    """Of each sample, the questions that have no answer yet."""
    for sample in range(settings.samples):
        questions = [q for q in asked if (served.candidate.name, q.key, sample) not in known]
        if questions:
            yield questions


def _counted(settings: RunSettings, served: Served, prompts: Sequence[Example]) -> TokenCount:
    """By the base's tokenizer; where nobody knows the model, by a common one within its widest margin."""
    platform, model = served.account.platform, served.counts_as
    try:
        facts = platform.model(model)
        rules = platform.token_rules(model, settings.method, settings.hyperparameters)
    except NotFound:
        facts, rules = ModelFacts(name=model, tunable=_NOBODY_KNOWS, token_margin=_WIDEST_MARGIN), TokenRules()
    return count(prompts, replace(rules, pads_to_context=False), facts)


def tell_power(session: Session, prompts: int) -> None:
    """Say what so many held-out prompts can show, before they are asked."""
    told = plan_binary(prompts)
    gap = told.detectable
    points = f"{100 * gap:.0f} point{'s' if round(100 * gap) != 1 else ''}"
    more = f"; {told.needed:,} would show {100 * told.gap:.0f}" if gap > told.gap else ""
    plan = f"at {told.power:.0%} power, if base and tuned differ on {max(gap, told.assumed):.0%} of them"
    text = f"with {prompts:,} held-out prompts the smallest gap you can see is about {points} ({plan}){more}"
    session.desk.say("power", text, prompts=prompts, gap=gap)


def refuse_unbounded(quote: AskQuote, settings: RunSettings) -> None:
    """Raises `BudgetRefused` where the cap of the run is too low, or neither a price nor a cap bounds the asking."""
    cap, most = settings.max_usd, quote.usd
    if most is not None:
        most += sum((line.hosting_usd for line in quote.lines), Decimal(0))
    if most is not None and cap is not None and most > cap:
        raise BudgetRefused(
            f"asking these models may cost up to {_most(most)}, and --max-usd is {usd_limit(cap)}",
            fix="raise --max-usd, or ask less: fewer pairs, candidates or samples, or a lower --max-tokens",
        )
    if most is None and cap is None and not (quote.sandbox or settings.accept_unknown):
        raise BudgetRefused(
            "the price of asking these models is not known, so no budget can be held for it",
            fix="give --max-usd, which is held in its place, or your own price file with --prices, or say "
            "--accept-unknown",
        )


def _most(usd: Decimal) -> str:
    return usd_text(usd, rounding=ROUND_CEILING)
