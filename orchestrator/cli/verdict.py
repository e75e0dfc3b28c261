"""A verdict on the terminal, and the exit code that CI gates on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import money
from .shell import Shell

if TYPE_CHECKING:
    from ..pipeline.billed import Billed
    from ..pipeline.result import RunResult

__all__ = ["finish", "print_result"]

_STYLE = {"deploy": "bold green", "iterate": "bold yellow", "stop": "bold red", "inconclusive": "bold yellow"}


def finish(shell: Shell, result: RunResult) -> None:
    """Print the result and end with its exit code: 0 deploy, 6 iterate or stop, 7 inconclusive.

    An exploratory verdict gates nothing: the code is the recorded verdict's, and 7 where there is none.
    """
    from ..pipeline.viewing import EXIT_OF

    shell.emit(result.to_json())
    print_result(shell, result)
    verdict = result.run.record.get("verdict", "inconclusive") if result.exploratory else result.verdict
    raise SystemExit(int(EXIT_OF[verdict][0]))


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


def print_result(shell: Shell, result: RunResult) -> None:
    """The verdict in a sentence, the figures under it, the bill, and where the report is."""
    judged = result.judged
    c = judged.comparison
    marked = " (exploratory: the run's own verdict stays)" if result.exploratory else ""
    shell.out.print(f"\nverdict: {result.verdict}{marked}", style=_STYLE[result.verdict])
    shell.out.print(f"  {judged.verdict.reason}")
    for advice in judged.verdict.advice:
        shell.out.print(f"  next: {advice}")
    gap, low, high = (f"{100 * share:+.1f}" for share in (c.difference, c.low, c.high))
    shell.out.print(
        f"  base {c.base:.1%}, tuned {c.tuned:.1%} on {c.n} held-out prompts; difference {gap} points, "
        f"{c.confidence:.0%} interval {low} to {high} ({c.interval}); {c.test} p = {c.p_value:.2g}"
    )
    shell.out.print(f"  graded by {judged.grader.name}: {judged.grader.reason}", style="dim")
    for metric in judged.metrics:
        m = metric.comparison
        shell.out.print(
            f"  beside it, {metric.name}: base {m.base:.3f}, tuned {m.tuned:.3f}, difference {m.difference:+.3f} "
            f"({m.low:+.3f} to {m.high:+.3f}), adjusted p = {metric.p_adjusted:.2g}"
        )
    for judging in judged.judgings:
        for sentence in judging.sentences:
            shell.out.print(f"  {judging.grader}: {sentence}", style="dim")
    billed = result.billed
    quoted = f"quoted {result.quote.total_text}; " if result.quote else ""
    shell.out.print(f"  {quoted}billed {_bill_text(billed)}")
    for guardrail in judged.verdict.guardrails:
        shell.out.print(f"  guardrail {guardrail.name}: {guardrail.detail}")
    shell.out.print(f"report: {result.report}")
    shell.out.print(f"run:    {result.run.id}", style="dim")
