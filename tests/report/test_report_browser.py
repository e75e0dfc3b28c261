"""The page in a real browser: headless Chromium, from disk, with its console and its requests watched."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import pytest

from orchestrator.report import ReportView, render, write
from orchestrator.report.outcomes import is_missing, outcome
from orchestrator.report.rows_csv import rows_csv
from orchestrator.report.view import AnswerView, RowView

pytestmark = pytest.mark.browser

_LOCAL = ("file:", "blob:", "data:")

SECTIONS = (
    "What it means", "Guardrails", "Training", "Loss by step", "Checkpoints", "Money", "What a right answer costs",
    "Dates", "Evaluation", "Further metrics", "By label", "By length", "By group", "Prompts and answers", "Data",
    "Findings", "Provenance", "Prices used",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def url(place: Path, view: ReportView) -> str:
    return write(view, place / "whole").html.as_uri()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address; at the end nothing may have been said to the console, asked of a network, or shown as a box."""
    with watched(browser) as (open_, trouble):
        yield open_
        assert trouble == []


@contextmanager
def watched(browser: Any) -> Iterator[tuple[Callable[..., Any], list[str]]]:
    contexts, trouble = [], []

    def open_(address: str, **settings: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: trouble.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda box: (trouble.append(f"box: {box.message}"), box.dismiss()))
        page.on(
            "request",
            lambda asked: trouble.append(asked.url) if not asked.url.startswith(("file:", "blob:", "data:")) else None,
        )
        page.goto(address)
        return page

    yield open_, trouble
    for context in contexts:
        context.close()


def shown(page: Any) -> str:
    return str(page.inner_text("#shown"))


def sideways(page: Any) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def rows_of(view: ReportView) -> tuple[RowView, ...]:
    assert view.evaluation
    return view.evaluation.rows


def test_it_opens_without_a_word_on_the_console_and_shows_the_first_rows(opened: Any, url: str) -> None:
    page = opened(url)
    assert shown(page) == "Rows 1 to 50 of 412"
    assert page.locator(".rows tbody tr").count() == 50
    assert page.locator(".rows thead th").count() == 6


def test_the_first_screen_holds_verdict_interval_and_every_candidate(opened: Any, url: str) -> None:
    page = opened(url)
    for part in ("h1", ".improvement .interval", ".candidates tbody tr:nth-child(3)"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] < 900


def test_the_interval_and_both_curves_are_drawn(opened: Any, url: str) -> None:
    page = opened(url)
    assert page.locator(".improvement .rule").count() == 3
    assert page.locator(".curve path.valid").count() == 2
    assert page.locator(".curve .chosen").count() == 2


def test_a_curve_tells_its_figures_under_the_pointer(opened: Any, url: str) -> None:
    page = opened(url)
    curve = page.locator('[data-curve="loss"]')
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 60)
    said = page.inner_text('[data-readout="loss"]')
    assert said == "step 400: training 0.08655, validation 0.2328"
    page.mouse.move(5, 5)
    assert page.inner_text('[data-readout="loss"]') == ""


@pytest.mark.parametrize("kind", ["all", "different", "lost", "won", "right", "wrong", "missing"])
def test_each_filter_shows_what_it_says(opened: Any, url: str, view: ReportView, kind: str) -> None:
    def belongs(row: RowView) -> bool:
        if kind == "missing":
            return any(map(is_missing, (row.base, row.tuned, *row.also.values())))
        if kind == "different":
            return (row.base and row.base.text) != (row.tuned and row.tuned.text)
        return kind in ("all", outcome(row.base, row.tuned))

    numbers = [str(row.number) for row in rows_of(view) if belongs(row)]
    page = opened(url)
    page.click(f'[data-show="{kind}"]')
    assert page.locator(".rows tbody .open").all_inner_texts() == numbers[:50]
    assert page.inner_text(f'[data-show="{kind}"] .n') == str(len(numbers))
    assert ("show=" + kind) in page.url


def test_the_slash_key_goes_to_the_search_which_marks_what_it_finds(opened: Any, url: str, view: ReportView) -> None:
    page = opened(url)
    page.keyboard.press("/")
    page.keyboard.type("kettle")
    page.wait_for_selector(".rows mark")
    found = sum("kettle" in row.prompt for row in rows_of(view))
    assert shown(page) == f"Rows 1 to {found} of {found}, out of 412"
    assert set(page.locator(".rows mark").all_inner_texts()) == {"kettle"}


def test_the_address_keeps_filter_search_label_group_and_page(opened: Any, url: str, view: ReportView) -> None:
    page = opened(f"{url}#show=lost&q=order&label=returns&group=mail&page=7")
    lost = [
        row for row in rows_of(view)
        if outcome(row.base, row.tuned) == "lost" and row.label == "returns" and row.group == "mail"
    ]  # fmt: skip
    assert page.locator(".rows tbody tr").count() == len(lost)
    assert page.get_attribute('[data-show="lost"]', "aria-pressed") == "true"
    assert page.input_value("#q") == "order"


def test_an_unknown_filter_in_the_address_shows_everything(opened: Any, url: str) -> None:
    assert shown(opened(f"{url}#show=constructor&page=9999&a=__proto__")) == "Rows 401 to 412 of 412"


def test_two_other_candidates_can_be_held_against_each_other(opened: Any, url: str, view: ReportView) -> None:
    page = opened(f"{url}#a=also1&show=lost")
    lost = [row for row in rows_of(view) if outcome(row.also["also1"], row.tuned) == "lost"]
    assert page.inner_text('[data-show="lost"] .n') == str(len(lost))
    page.select_option("#a", label="base")
    assert "a=also1" not in page.url


def test_a_slice_leads_to_its_prompts(opened: Any, url: str, view: ReportView) -> None:
    page = opened(url)
    page.click('a.pick[data-label="warranty"]')
    count = sum(row.label == "warranty" for row in rows_of(view))
    assert f"of {count}, out of 412" in shown(page)


def test_the_strip_leads_to_the_lost_prompts(opened: Any, url: str) -> None:
    page = opened(url)
    page.click("a.key-lost")
    page.locator("#shown", has_text="of 19, out of 412").wait_for()


def two_answers(with_row: Callable[..., ReportView], left: str, right: str) -> ReportView:
    view = with_row()
    (row,) = rows_of(view)
    assert view.evaluation
    told = replace(row, base=AnswerView(text=left, passed=False), tuned=AnswerView(text=right, passed=True))
    return replace(view, evaluation=replace(view.evaluation, rows=(told,)))


def test_two_answers_stand_side_by_side_with_the_words_that_differ(
    opened: Any, place: Path, with_row: Callable[..., ReportView]
) -> None:
    view = two_answers(
        with_row, "The parcel is at the depot, it comes on Monday.", "The parcel is here, it comes today."
    )
    page = opened(write(view, place / "two").html.as_uri())
    page.click(".rows .open")
    assert page.locator("#left-said del").all_inner_texts() == ["at the depot", "on Monday"]
    assert page.locator("#right-said ins").all_inner_texts() == ["here", "today"]
    assert page.inner_text("#beside-outcome") == "won: tuned against base"


def test_very_long_answers_are_compared_line_by_line(
    opened: Any, place: Path, with_row: Callable[..., ReportView]
) -> None:
    left = "\n".join(f"{n} one two three four" for n in range(700))
    view = two_answers(
        with_row, left, left.replace("350 one", "350 1").replace("10 one", "10 uno").replace("690 one", "0")
    )
    page = opened(write(view, place / "long").html.as_uri() + "#open=1")
    assert page.inner_text("#beside-note") == "Long answers: compared line by line."
    assert "350 1 two three four" in "".join(page.locator("#right-said ins").all_inner_texts())
    assert page.locator("#right-said ins").count() == 9


def test_the_arrow_keys_go_through_the_filtered_prompts_and_escape_returns(opened: Any, url: str) -> None:
    page = opened(f"{url}#show=lost")
    first, second = page.locator(".rows .open").all_inner_texts()[:2]
    page.locator(".rows .open").first.press("Enter")
    assert f"Row {first} " in page.inner_text("#beside-title")
    page.keyboard.press("ArrowRight")
    assert f"Row {second} " in page.inner_text("#beside-title")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="hidden")
    assert page.evaluate("document.activeElement.textContent") == second
    assert "open=" not in page.url


def test_any_two_candidates_or_the_reference_can_be_chosen_for_the_comparison(
    opened: Any, url: str, view: ReportView
) -> None:
    page = opened(f"{url}#open=1")
    page.select_option("#left", label="the reference")
    page.select_option("#right", "2")
    row = rows_of(view)[0]
    assert (page.inner_text("#left-said"), page.inner_text("#right-said")) == (row.reference, row.also["also1"].text)


def test_the_button_saves_the_rows_shown_as_the_same_csv_that_the_command_writes(
    opened: Any, url: str, view: ReportView
) -> None:
    page = opened(url)
    with page.expect_download() as waiting:
        page.click("#csv")
    assert waiting.value.suggested_filename == "k3j5-h2q7-rows.csv"
    assert Path(waiting.value.path()).read_bytes().decode() == rows_csv(view)


def test_ten_thousand_rows_of_three_candidates_open_in_under_two_seconds(
    opened: Any, place: Path, make_view: Callable[[int], ReportView], capsys: pytest.CaptureFixture[str]
) -> None:
    large = place / "large.html"
    large.write_text(render(wordy(make_view(10_000))), encoding="utf-8")
    address = large.as_uri()
    tries = []
    for _ in range(3):
        waits = waiting_for_a_core()
        began = perf_counter()
        page = opened(address)
        page.wait_for_selector("html[data-ready]", state="attached")
        tries.append((perf_counter() - began, waits))
        if tries[-1][0] < 2.0:
            break
    told = ", ".join(f"{wall:.2f} s (× {waits:.1f} for a busy machine)" for wall, waits in tries)
    with capsys.disabled():
        print(f"\n10,000 rows × 3 candidates, opened in {told}")
    assert min(wall / waits for wall, waits in tries) < 2.0
    assert shown(page) == "Rows 1 to 50 of 10,000"
    assert page.locator(".rows tbody tr").count() == 50


def waiting_for_a_core() -> float:
    """By how much longer than alone something takes here just now: 1 on a machine that does nothing else."""
    began, busy = perf_counter(), thread_time()
    while thread_time() - busy < 0.2:
        pass
    return max(1.0, (perf_counter() - began) / 0.2)


def wordy(view: ReportView) -> ReportView:
    """The same with answers of three hundred characters."""
    more = " " + "because the customer says so in the second sentence. " * 6

    def said(answer: AnswerView | None) -> AnswerView | None:
        return answer and replace(answer, text=answer.text and answer.text + more)

    rows = tuple(
        replace(row, base=said(row.base), tuned=said(row.tuned), also={k: said(a) for k, a in row.also.items()})
        for row in rows_of(view)
    )
    assert view.evaluation
    return replace(view, evaluation=replace(view.evaluation, rows=rows))


_CONTRAST = """(names) => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const styles = getComputedStyle(document.documentElement);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (name) => {
    paint.fillStyle = styles.getPropertyValue(`--${name}`).trim();
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light("paper");
  return names.map((name) => { const [a, b] = [light(name), paper].sort(); return (b + 0.05) / (a + 0.05); });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_words_stands_out_from_the_paper(opened: Any, url: str, scheme: str) -> None:
    page = opened(url, color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(252, 251, 249)", "dark": "rgb(21, 23, 26)"}[scheme]
    assert min(page.evaluate(_CONTRAST, ["ink", "quiet", "accent", "good", "bad", "amber", "warm"])) >= 4.5


@pytest.mark.parametrize("fragment", ["", "#show=lost", "#open=1"])
def test_a_telephone_never_scrolls_sideways(opened: Any, url: str, fragment: str) -> None:
    page = opened(url + fragment, viewport={"width": 360, "height": 740})
    assert sideways(page) == 0
    assert page.locator(".rows tbody tr").count() > 0


def test_paper_has_every_section_and_nothing_folded(opened: Any, url: str, place: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext here")
    page = opened(url, color_scheme="dark")
    page.pdf(path=str(place / "print.pdf"), format="A4", print_background=True)
    done = subprocess.run(
        ["pdftotext", "-layout", place / "print.pdf", "-"], capture_output=True, text=True, check=True
    )
    for section in (*SECTIONS, "Deploy", "You route customer messages", "Rows 1 to 50 of 412"):
        assert section in done.stdout
    for control in ("Save these as CSV", "Skip to", "Previous"):
        assert control not in done.stdout
    assert page.evaluate("matchMedia('screen').matches")


def test_paper_is_white_in_dark_mode_too(opened: Any, url: str) -> None:
    page = opened(url, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_tab_key_goes_from_the_skip_link_down_the_page_and_shows_where_it_is(opened: Any, url: str) -> None:
    page = opened(url)
    places, outlines = [], []
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        places.append(page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
        outlines.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
    assert len(places) > 30
    assert set(outlines) == {"solid"}
    assert places[8:] == sorted(places[8:])


def test_the_skip_link_goes_to_the_prompts(opened: Any, url: str) -> None:
    page = opened(url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "prompts"


def test_a_running_job_opens_quietly_too(opened: Any, place: Path, bare_view: ReportView) -> None:
    page = opened(write(bare_view, place / "bare").html.as_uri())
    assert page.inner_text("h1") == "No verdict yet"


def test_scored_answers_show_their_scores(opened: Any, place: Path, view: ReportView) -> None:
    assert view.verdict
    assert view.evaluation
    row = rows_of(view)[0]
    scored = replace(row, base=AnswerView(text="a", score=0.25), tuned=AnswerView(text="b", score=0.75), also={})
    told = replace(view.evaluation, rows=(scored,), sides=view.evaluation.sides[:2])
    page = opened(
        write(
            replace(view, verdict=replace(view.verdict, kind="score"), evaluation=told), place / "scored"
        ).html.as_uri()
    )
    assert page.locator(".rows .mark").all_inner_texts() == ["0.25", "0.75"]
    assert page.get_attribute(".rows tbody tr", "data-outcome") == "won"


def test_the_policy_stops_a_script_and_a_picture_that_got_in_all_the_same(browser: Any, url: str) -> None:
    with watched(browser) as (open_, trouble):
        page = open_(url)
        page.evaluate("""() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'owned'";
          const picture = document.createElement("img");
          picture.src = "http://127.0.0.1:9/x.png";
          document.body.append(script, picture);
        }""")
        page.wait_for_timeout(100)
        assert "owned" not in page.title()
        refused = [said for said in trouble if "violates the following Content Security Policy directive" in said]
        assert ["script-src" in said or "img-src" in said for said in refused] == [True, True]
