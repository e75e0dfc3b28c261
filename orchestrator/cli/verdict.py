"""A verdict on the terminal, and the exit code that CI gates on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import money
from .shell import Shell

if TYPE_CHECKING:
    from ..pipeline.billed import Billed
    from ..pipeline.result import RunResult
    from ..report import ReportView
    from ..report.view import VerdictView

__all__ = ["finish", "print_result", "print_view"]

_STYLE = {"deploy": "bold green", "iterate": "bold yellow", "stop": "bold red", "inconclusive": "bold yellow"}
_WIDEST, _NARROWEST = 76, 24
"""Cells that the picture of the interval is drawn with, as far as the terminal has them."""


def finish(shell: Shell, result: RunResult) -> None:
    """Print the result and end with its exit code: 0 deploy, 6 iterate or stop, 7 inconclusive.

    An exploratory verdict gates nothing: the code is the recorded verdict's, and 7 where there is none.
    """
    from ..pipeline.viewing import EXIT_OF

    shell.emit(result.to_json())
    print_result(shell, result)
    verdict = (result.recorded_verdict or "inconclusive") if result.exploratory else result.verdict
    raise SystemExit(int(EXIT_OF[verdict][0]))


def print_result(shell: Shell, result: RunResult) -> None:
    """The report's first screen, the bill, and where the report is."""
    print_view(shell, result.view, marked=" (exploratory: the recorded verdict stays)" if result.exploratory else "")
    for judging in result.judged.judgings:
        for sentence in judging.sentences:
            shell.out.print(f"  {judging.grader}: {sentence}", style="dim")
    quoted = f"quoted {result.quote.total_text}; " if result.quote else ""
    shell.out.print(f"  {quoted}billed {_bill_text(result.billed)}")
    shell.out.print(f"report: {result.report}")
    shell.out.print(f"run:    {result.run.id}", style="dim")


def print_view(shell: Shell, view: ReportView, marked: str = "") -> None:
    """The verdict in a sentence, its interval drawn, the candidates, the worst slices; or how far the run is."""
    from ..report.sentence import headline
    from .verdict_lines import Glyphs, candidate_lines, improvement_lines, slice_lines

    verdict = view.verdict
    if verdict is None:
        shell.out.print(f"\n{headline(view)}")
        return
    shell.out.print(f"\nverdict: {verdict.answer}{marked}", style=_STYLE[verdict.answer])
    shell.out.print(f"  {verdict.reason}")
    for advice in verdict.advice:
        shell.out.print(f"  next: {advice}")
    room, glyphs = max(_NARROWEST, shell.out.width - 4), Glyphs.for_encoding(shell.out.encoding)
    for lines in (
        improvement_lines(view, min(_WIDEST, room), glyphs),
        candidate_lines(view, room),
        slice_lines(view, room),
    ):
        _block(shell, lines)
    _particulars(shell, view, verdict)


def _block(shell: Shell, lines: list[str]) -> None:
    """Lines that are laid out already."""
    if lines:
        shell.out.print()
    for line in lines:
        shell.out.print(f"  {line}", soft_wrap=True)


def _particulars(shell: Shell, view: ReportView, verdict: VerdictView) -> None:
    from ..report import words

    shell.out.print()
    test = f"{verdict.test}, {words.p_value(verdict.p_value)}"
    shell.out.print(f"  {verdict.n:,} held-out prompts; {test}; interval: {verdict.interval}")
    evaluation = view.evaluation
    if evaluation and evaluation.grader:
        shell.out.print(f"  graded by {evaluation.grader}: {evaluation.grader_reason}", style="dim")
    for metric in evaluation.metrics if evaluation else ():
        gap = words.points(metric.difference.value, metric.kind)
        shell.out.print(f"  also measured, {metric.name}: {gap}")
    for guardrail in verdict.guardrails:
        state = {True: "passed", False: "failed", None: "not judged"}[guardrail.passed]
        shell.out.print(f"  guardrail {guardrail.name} {state}: {guardrail.detail}")
    if evaluation and evaluation.economics:
        _economics(shell, view)


def _economics(shell: Shell, view: ReportView) -> None:
    from ..report import words

    assert view.evaluation is not None
    assert view.evaluation.economics is not None
    found = view.evaluation.economics
    why = f" ({found.why})" if found.why else ""
    if found.months_to_break_even is not None:
        shell.out.print(f"  training paid back after {words.months(found.months_to_break_even)}{why}")
    elif found.prompts_to_break_even is not None:
        shell.out.print(f"  training paid back after {found.prompts_to_break_even:,} prompts{why}")
    elif found.why:
        shell.out.print(f"  no break-even: {found.why}")


def _bill_text(billed: Billed) -> str:
    """The sum, or the parts where one is not known: a partial sum is no total."""
    if billed.total_usd is not None:
        return money(billed.total_usd, sandbox=billed.sandbox)
    parts = {
        "training": billed.training_usd,
        "evaluation": billed.evaluation_usd,
        "judging": billed.judging_usd,
        "hosting": billed.hosting_usd,
    }
    mark = " (sandbox, not money)" if billed.sandbox else ""
    return ", ".join(f"{name} {money(usd)}" for name, usd in parts.items()) + mark
