"""`advise`: should you fine-tune at all? Asks on a terminal what the pairs cannot answer; flags answer it in CI."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import gather, reading
from .shell import Shell, command, option

if TYPE_CHECKING:
    from ..costing import Advice, AdviceInput
    from ..costing.advice_records import Question

__all__ = ["advise"]

_YES_NO = click.Choice(["yes", "no"])
_SAID = {"yes": True, "y": True, "no": False, "n": False}
_COLUMNS = ("data", "time", "cost", "customisation", "best_for")


@command()
@click.argument("pairs", type=click.Path(path_type=Path), required=False)
@reading
@option("--domain-expertise", type=_YES_NO, help="Is domain expertise critical?")
@option("--production", type=_YES_NO, help="Is it for a production system?")
@option("--expected-improvement", type=float, help="The improvement you expect, in per cent.")
@option("--real-time", type=_YES_NO, help="Must it know what changed today?")
@option("--situation", help="The kind of use; `advise --json` lists them.")
@option("--domain", help="The domain; `advise --json` lists them.")
@option("--maintenance-planned", type=_YES_NO, help="Is retraining every 3 to 6 months planned for?")
@option("--general-check", type=_YES_NO, help="Will similar and general tasks be tested too?")
def advise(shell: Shell, pairs: Path | None, **given: Any) -> None:
    """Should you fine-tune at all? The five questions, answered from PAIRS where they can be, asked where not."""
    from ..costing import AdviceInput

    answers = AdviceInput(
        domain_expertise=_truth(given.pop("domain_expertise")),
        production=_truth(given.pop("production")),
        real_time=_truth(given.pop("real_time")),
        maintenance_planned=_truth(given.pop("maintenance_planned")),
        general_check=_truth(given.pop("general_check")),
        expected_improvement=_share(given.pop("expected_improvement")),
        situation=given.pop("situation"),
        domain=given.pop("domain"),
    )
    options = gather(given)
    advice = shell.call(lambda orchestrator: orchestrator.advise(pairs, answers, **options))
    if shell.interactive and advice.questions:
        answers = _ask(shell, answers, advice)
        advice = shell.call(lambda orchestrator: orchestrator.advise(pairs, answers, **options))
    shell.emit(advice.to_json())
    _print(shell, advice)


def _ask(shell: Shell, answers: AdviceInput, advice: Advice) -> AdviceInput:
    """Ask what is open; an empty line leaves a question open."""
    shell.err.print("a few questions that the pairs cannot answer (Enter skips one)", style="bold")
    for question in advice.questions:
        said = shell.ask(_prompt(question), partial(_answer, question))
        if said != "":
            answers = replace(answers, **{question.id: said})
    return answers


def _prompt(question: Question) -> str:
    hint = {"bool": "yes/no", "share": "per cent", "choice": ", ".join(question.choices)}[question.kind]
    return f"  {question.text} [{hint}]"


def _answer(question: Question, typed: str) -> Any:
    """What was typed as the answer it stands for, "" for none. Raises `BadParameter`, upon which it is asked again."""
    said = typed.strip().lower()
    if question.kind == "share" and said:
        try:
            return _share(float(said.removesuffix("%")))
        except ValueError:
            raise click.BadParameter(f"{typed!r} is not a number of per cent") from None
    known = {"": "", **(_SAID if question.kind == "bool" else {name: name for name in question.choices})}
    if said not in known:
        raise click.BadParameter(f"{typed!r} is none of: {', '.join(filter(None, known))}")
    return known[said]


def _truth(text: str | None) -> bool | None:
    return None if text is None else text == "yes"


def _share(per_cent: float | None) -> Decimal | None:
    return None if per_cent is None else Decimal(str(per_cent)) / 100


def _print(shell: Shell, advice: Advice) -> None:
    """The outcome and why, the five questions and mistakes, the four approaches, and what is still open."""
    out = shell.out
    provisional = " (provisional: answer the questions below)" if advice.provisional else ""
    out.print(f"advice: {advice.outcome}{provisional}", style="bold")
    said_below = tuple(answer.text for answer in advice.answers)
    for reason in advice.reasons:
        if not reason.startswith(said_below):
            out.print(f"  {reason}")
    _print_domain(shell, advice)
    out.print("\nthe five questions", style="bold")
    for answer in advice.answers:
        said = {True: "yes", False: "no", None: "?"}[answer.yes]
        out.print(f"  {said:>3}  {answer.text}" + (f" ({answer.detail})" if answer.detail else ""))
    out.print("\nthe five mistakes", style="bold")
    for mistake in advice.mistakes:
        out.print(f"  {mistake.status:>7}  {mistake.title}: {mistake.detail}")
        if mistake.status != "ok":
            out.print(f"           {mistake.advice}", style="dim")
    _print_approaches(shell, advice)
    if advice.questions:
        out.print("\nstill to answer", style="bold")
        for question in advice.questions:
            out.print(f"  {question.flag:<32} {question.text}")


def _print_domain(shell: Shell, advice: Advice) -> None:
    """What the domain asks of its data; the reasons already speak of the situation."""
    if advice.domain:
        shell.out.print(f"  {advice.domain['id']}: good data are {advice.domain['data']}")
        shell.out.print(f"  {advice.domain['asks']}")


def _print_approaches(shell: Shell, advice: Advice) -> None:
    from rich.table import Table

    table = Table(title="\nthe four approaches", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in ("", "data", "time", "cost", "what can be customised", "best for"):
        table.add_column(head, overflow="fold", no_wrap=not head)
    for row in advice.approaches:
        table.add_row(
            *(f"  {row['name']}", *(row[key] for key in ("data", "time", "cost", "customisation", "best_for")))
        )
    shell.out.print(table)
