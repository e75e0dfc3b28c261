"""After how many questions, or months, what a tuned model saves has paid for its training. Exact decimal arithmetic."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["break_even_months", "break_even_questions", "break_even_volume"]


def break_even_questions(training_usd: Decimal, base_usd: Decimal, tuned_usd: Decimal) -> Decimal | None:
    """Questions until training is paid, from the mean cost of one question: training / (base − tuned).

    0 where training was free and asking costs no more; None where the tuned model saves nothing, so never.
    """
    return break_even_months(training_usd, Decimal(1), base_usd, tuned_usd)


def break_even_months(
    training_usd: Decimal,
    questions_a_month: Decimal,
    base_usd: Decimal,
    tuned_usd: Decimal,
    fixed_usd_a_month: Decimal = Decimal(0),
) -> Decimal | None:
    """Months until training is paid: training / (questions a month · (base − tuned) − fixed costs a month).

    `fixed_usd_a_month`: what serving the tuned model costs beyond what the base does, whatever is asked (a machine kept
    warm). None where nothing is left of what a month saves, so never.
    """
    saved = questions_a_month * (base_usd - tuned_usd) - fixed_usd_a_month
    if training_usd == 0 and saved >= 0:
        return Decimal(0)
    return training_usd / saved if saved > 0 else None


def break_even_volume(
    training_usd: Decimal,
    months: Decimal,
    base_usd: Decimal,
    tuned_usd: Decimal,
    fixed_usd_a_month: Decimal = Decimal(0),
) -> Decimal | None:
    """Questions a month that pay for training and fixed costs within `months`; None where a question saves nothing."""
    saved = base_usd - tuned_usd
    return (training_usd / months + fixed_usd_a_month) / saved if saved > 0 else None
