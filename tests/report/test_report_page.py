"""The page as text: nothing foreign becomes markup, nothing is loaded, nothing is left blank."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hostile_texts import HOSTILE, poisoned

from orchestrator.report import ReportView, render
from orchestrator.report.view import EconomicsView, Estimate, MaintenanceView, MoneyLine, SliceView


class Page(HTMLParser):
    """Elements with their attribute names in order, and the words between them; of the embedded data, nothing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _changed_text(view: ReportView, **money: Any) -> str:
    assert view.money
    return " ".join(Page(render(replace(view, money=replace(view.money, **money)))).text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_adds_no_element_and_no_attribute(small: ReportView, text: str) -> None:
    assert Page(render(poisoned(small, text))).elements == Page(render(small)).elements


def test_control_and_direction_characters_never_reach_the_source(small: ReportView) -> None:
    page = render(poisoned(small, "".join(HOSTILE)))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", page)


def test_hidden_characters_are_shown_as_signs(view: ReportView) -> None:
    text = Page(render(replace(view, title="a\x1b[0m\u202eb"))).text
    assert "a⟨U+001B⟩[0m⟨U+202E⟩b" in text


def test_the_policy_forbids_everything_but_our_own_style_and_script(view: ReportView) -> None:
    policy = dict(re.findall(r"([a-z-]+) ([^;]+)", _policy(render(view))))
    nonce = policy["script-src"]
    assert re.fullmatch(r"'nonce-[0-9a-f]{32}'", nonce)
    assert policy == {
        "default-src": "'none'", "style-src": nonce, "script-src": nonce, "img-src": "data:",
        "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip


def _policy(page: str) -> str:
    return next(value for name, value in Page(page).attributes if name == "content" and "default-src" in value)


def test_no_address_in_the_page_leads_outside(view: ReportView) -> None:
    links = [value for name, value in Page(render(view)).attributes if name in {"src", "href", "action", "srcset"}]
    assert all(link.startswith(("#", "data:")) for link in links)


def test_foreign_text_cannot_hold_the_nonce(view: ReportView) -> None:
    known = re.findall("nonce-([0-9a-f]{32})", _policy(render(view)))[0]
    assert known not in _policy(render(replace(view, title=known)))


def test_the_same_view_gives_the_same_bytes(view: ReportView) -> None:
    assert render(view) == render(view)


def test_an_answer_of_a_megabyte_is_cut_in_the_page(with_row: Callable[..., ReportView]) -> None:
    page = render(with_row(answer="x" * 1_000_000))
    assert len(page) < 500_000
    assert "980,000 more characters in the JSON file" in page


def test_the_more_long_answers_there_are_the_shorter_each_is_cut(with_row: Callable[..., ReportView]) -> None:
    one = with_row(answer="x" * 9_000)
    assert one.evaluation
    many = replace(one, evaluation=replace(one.evaluation, rows=one.evaluation.rows * 2_000))
    page = render(many)
    assert len(page) < 25_000_000
    assert "5,000 more characters in the JSON file" in page


def test_a_thousand_rows_stay_well_under_two_megabytes(make_view: Callable[[int], ReportView]) -> None:
    assert len(render(make_view(1000)).encode()) < 500_000


def test_every_section_that_is_missing_says_so(bare_view: ReportView) -> None:
    page = render(bare_view)
    assert page.count('class="absent"') == 8
    assert "The job is running: step 240 of 600." in page


def test_the_reason_for_a_missing_section_is_the_one_given(view: ReportView) -> None:
    page = render(replace(view, training=None, absent={"training": "These models already existed."}))
    assert "These models already existed." in page


def test_a_partial_quote_is_never_shown_as_a_total(view: ReportView) -> None:
    assert "Quoted at least $2.08 to $2.38, plus what is unknown: validation" in _changed_text(view)


def test_a_partial_bill_is_never_shown_as_a_total(view: ReportView) -> None:
    text = _changed_text(view, billed_unknown=("hosting",))
    assert "billed at least $2.21, plus what is unknown: hosting" in text


def test_a_line_that_was_billed_without_a_quote_is_not_called_unknown(view: ReportView) -> None:
    text = _changed_text(view, lines=(MoneyLine(item="extra", billed_usd=Decimal(1)),))
    assert "extra––$1.00" in text


def test_a_sum_without_a_price_is_unknown_and_never_at_least_nothing(view: ReportView) -> None:
    text = _changed_text(view, low_usd=None, high_usd=None, complete=False, unknown=("training",))
    assert "Sumunknownunknown" in text
    assert "Quoted as unknown: training;" in text


def test_a_year_of_which_a_part_is_unknown_is_at_least_so_much(view: ReportView) -> None:
    part = MaintenanceView(rhythm="retrain every 3 to 6 months", low_usd=Decimal(2), complete=False)
    assert "retrain every 3 to 6 months: at least $2.00 a year" in _changed_text(view, maintenance=part)


def test_every_candidate_stands_on_the_first_screen_with_quality_latency_and_cost(view: ReportView) -> None:
    text = " ".join(Page(render(view)).text.split())
    table = text[text.index("Candidate") : text.index("both right")]
    for part in ("base", "91.0%", "also1", "+11.9", "4 unanswered", "699\u00a0ms", "$0.40", "$0.53"):
        assert part.replace("\u00a0", " ") in table


def test_slices_metrics_guardrails_and_economics_each_have_their_place(view: ReportView) -> None:
    text = " ".join(Page(render(view)).text.split())
    for part in ("By label exploratory", "By length exploratory", "By group exploratory", "Further metrics", "token F1",
                 "Guardrails", "general questions shown, decides nothing", "after 2.4 months", "0.77×"):  # fmt: skip
        assert part in text


def test_what_was_forgotten_and_how_the_judge_judged_are_told(view: ReportView) -> None:
    text = " ".join(Page(render(view)).text.split())
    assert "the difference is −4.1 points or better" in text
    assert "as much as 5.0% may be lost. About 400 prompts would tell." in text
    assert "arithmetic" in text
    assert "position bias found in 3.1% of pairs" in text


def test_a_break_even_in_prompts_is_told_where_the_months_are_not_known(view: ReportView) -> None:
    assert view.evaluation
    prompts = replace(view.evaluation, economics=EconomicsView(prompts_to_break_even=81_000))
    text = " ".join(Page(render(replace(view, evaluation=prompts))).text.split())
    assert "has paid for the training after 81,000 prompts." in text


def test_an_exploratory_verdict_says_so_on_the_first_screen(view: ReportView) -> None:
    why = "graded by contains, not by what the rule was recorded for"
    text = " ".join(Page(render(replace(view, exploratory=why))).text.split())
    assert "Deploy Exploratory. Graded by contains, not by what the rule was recorded for. The run's own" in text


def test_a_measure_without_a_value_is_said_to_have_none(view: ReportView) -> None:
    assert view.verdict
    points = replace(view.verdict, improvement={"points": view.verdict.difference})
    assert "points are held against its lines" in render(replace(view, verdict=points))


def test_slices_without_a_test_show_no_column_for_it(view: ReportView) -> None:
    assert view.evaluation
    untested = (SliceView(label="billing", n=3, base=0.1, tuned=0.2, difference=Estimate(0.1)),)
    page = render(replace(view, evaluation=replace(view.evaluation, slices=untested, metrics=())))
    assert "Adjusted p" in render(view)
    assert "Adjusted p" not in page


def test_a_bill_past_the_quote_says_by_how_much(view: ReportView) -> None:
    text = _changed_text(view, complete=True, unknown=(), billed_usd=Decimal("3.3734"))
    assert "The bill passed the quote's high end by $1.00." in text


def test_a_bill_that_shows_the_same_cents_lies_inside_the_quote(view: ReportView) -> None:
    text = _changed_text(view, complete=True, unknown=(), billed_usd=Decimal("2.082099"))
    assert "The bill lies inside the quote." in text


def test_sandbox_dollars_are_labelled_as_no_money(view: ReportView) -> None:
    assert "They are not money" not in render(view)
    assert "sandbox: rehearsal, no money" in render(replace(view, sandbox=True))
    assert "They are not money" in render(replace(view, sandbox=True))


@pytest.mark.parametrize("answer", ["deploy", "iterate", "stop", "inconclusive"])
def test_the_verdict_is_the_first_heading(view: ReportView, answer: Any) -> None:
    assert view.verdict
    page = render(replace(view, verdict=replace(view.verdict, answer=answer)))
    assert re.findall("<h1>(.*?)</h1>", page) == [answer.capitalize()]


def test_exit_code_and_its_meaning_close_the_page(view: ReportView) -> None:
    assert "Exit code 0: done, verdict deploy." in Page(render(view)).text
