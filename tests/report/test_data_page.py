"""The data page as text: one file that loads nothing, shows strangers' words as words, and stays small."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset.rules import RULES
from orchestrator.report.data_lengths import Limit, TokenCounts, lengths_view
from orchestrator.report.data_page import render_data_page, write_data_page
from orchestrator.report.data_view import (
    DataPicture,
    FileView,
    FixView,
    LabelBar,
    LabelsView,
    RepeatsView,
    RuleView,
    Spot,
)
from orchestrator.report.words import sentence

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>alert(1)</script>-->",
    "\" onmouseover=\"alert(1)' onfocus='alert(1)",
    "\x1b[31mred\x1b[0m \x9b31m",
    "invoice\u202egpj.exe \u2066isolate\u2069 \u200b\ufeff",
    "null\x00byte \ud800 lone",
    "{{ 7 * 7 }}{% raw %}",
    "</title><style>*{display:none}</style>",
)
_ENUMERATED = {"severity", "scale", "kind", "task", "rule", "rules"}
_SPOT = Spot(where="pairs.csv, row 3, label", message="one input has several answers")


def _rule(rule: str, severity: Any = "warning", count: int = 12) -> RuleView:
    return RuleView(
        rule=rule, severity=severity, count=count, why=RULES[rule].why, fix=RULES[rule].fix, first=(_SPOT,) * 5
    )


def picture(**changes: Any) -> DataPicture:
    """A picture with something in every part of it."""
    made = DataPicture(
        pairs="pairs.csv",
        usable=True,
        task="labels",
        sha256="0" * 64,
        rows_read=1000,
        rows_kept=960,
        sides=(768, 96, 96),
        split_by="input",
        moved=2,
        files=(
            FileView(
                file="pairs.csv",
                format="CSV",
                encoding="utf-8",
                shape="text/label",
                rows=1000,
                columns={"input": "text"},
                notes=("separated by semicolon",),
            ),
        ),
        more_files=0,
        findings=(_rule("contradiction"), _rule("exact-duplicate", count=40), _rule("many-rows", "info", 1)),
        dropped=(_rule("exact-duplicate", count=40),),
        repeats=(RepeatsView(kind="exact", rules=("exact-duplicate",), count=40, first=(_SPOT,)),),
        fixed=(FixView(rule="line-ends", why="Line ends become LF.", count=3, first=(_SPOT,)),),
        labels=LabelsView(
            labels=2,
            top=(LabelBar(label="yes", counts=(700, 80, 90)), LabelBar(label="no", counts=(68, 16, 0))),
            rest_labels=0,
            rest_rows=0,
            least=None,
            untested=1,
        ),
        lengths=lengths_view(
            TokenCounts([30, 40, 50, 9000] * 240, [5] * 960, "o200k_base"),
            [Limit("a:small", 4096), Limit("b:large", 65536)],
        ),
        dropped_file="out/dropped.jsonl",
    )
    return replace(made, **changes)


class Page(HTMLParser):
    """Elements with their attribute names in order, and the words between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.text += " " * (tag in ("td", "th", "dd", "dt"))
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


def _words(made: DataPicture) -> str:
    return " ".join(Page(render_data_page(made)).text.split())


def poisoned(value: Any, text: str, name: str = "") -> Any:
    """The same picture with `text` after every free string in it."""
    if isinstance(value, str):
        return value if name in _ENUMERATED or not value else value + text
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: poisoned(getattr(value, one.name), text, one.name) for one in fields(value)})
    if isinstance(value, Mapping):
        return {key: poisoned(item, text) for key, item in value.items()}
    return tuple(poisoned(item, text, name) for item in value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_rows_adds_no_element_and_no_attribute(text: str) -> None:
    assert Page(render_data_page(poisoned(picture(), text))).elements == Page(render_data_page(picture())).elements


def test_unseen_characters_never_reach_the_source_of_the_data_page() -> None:
    page = render_data_page(poisoned(picture(), "".join(HOSTILE)))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", page)


def test_the_data_page_holds_no_script_and_its_policy_allows_none() -> None:
    page = render_data_page(picture())
    assert "script" not in {tag for tag, _ in Page(page).elements}
    assert "default-src 'none'; style-src 'nonce-" in page
    assert "script-src" not in page


def test_the_data_page_links_to_nothing_but_its_own_sections() -> None:
    page = Page(render_data_page(picture()))
    assert all(address.startswith("#") or address == "data:," for address in page.addresses)


def test_no_style_stands_in_an_attribute_where_the_policy_would_refuse_it() -> None:
    assert not [tag for tag, names in Page(render_data_page(picture())).elements if "style" in names]


def test_every_link_of_the_navigation_leads_to_a_section() -> None:
    for made in (picture(), picture(labels=None, lengths=None, fixed=None)):
        page = render_data_page(made)
        assert set(re.findall(r'href="#(\w+)"', page)) <= set(re.findall(r'<section id="(\w+)"', page))


def test_the_first_screen_answers_and_says_what_to_do_first() -> None:
    text = _words(picture())
    assert "Usable, with care 960 of 1,000 rows can be used: 768 to train, 96 to validate and 96 held out" in text
    assert "First warning Keep the right one, or add both as accepted answers." in text


def test_data_without_anything_to_do_is_ready_and_says_what_comes_next() -> None:
    text = _words(picture(findings=(_rule("exact-duplicate"), _rule("many-rows", "info"))))
    assert "Ready to train" in text
    assert "tunewright estimate PAIRS" in text


def test_an_error_makes_the_answer_no_and_comes_first() -> None:
    found = (_rule("provider-key", "error"), _rule("contradiction"))
    text = _words(picture(usable=False, findings=found))
    assert "Not usable yet One rule refuses them as they are." in text
    assert text.index(sentence(RULES["provider-key"].fix)) < text.index(sentence(RULES["contradiction"].fix))


def test_without_counts_the_page_says_how_to_get_them_and_invents_none() -> None:
    text = _words(picture(lengths=None))
    assert "Tokens were not counted. Name a target to count with its tokenizer" in text


def test_truncation_names_the_rows_and_tokens_it_would_cost() -> None:
    assert "a:small 4,096 240 1,178,160 (53.7%) b:large 65,536 0 0" in _words(picture())


def test_rows_that_a_target_would_cut_off_are_told_at_once() -> None:
    assert "240 rows are longer than a:small trains on." in _words(picture())


def test_near_duplicates_are_looked_at_last() -> None:
    text = _words(picture(findings=(_rule("near-duplicate", count=900), _rule("contradiction", count=2))))
    assert text.index("contradiction, 2 times") < text.index("near-duplicate, 900 times")


def test_a_share_that_is_some_is_never_shown_as_none() -> None:
    assert "<0.1%" in _words(picture(dropped=(_rule("exact-duplicate", count=4),), rows_read=10_000))


def test_equal_pictures_give_equal_bytes() -> None:
    assert render_data_page(picture()) == render_data_page(picture())


def test_the_page_stays_small_when_every_rule_has_a_thousand_long_findings() -> None:
    spot = Spot(where="a long name of a file.jsonl, line 1234567, messages[1].content", message="x < y & z " * 16)
    groups = tuple(replace(_rule(rule, "error", 1000), first=(spot,) * 4) for rule in RULES)
    bars = tuple(LabelBar(label="l" * 80, counts=(1, 2, 3)) for _ in range(30))
    labels = LabelsView(labels=500, top=bars, rest_labels=470, rest_rows=900, least=bars[0], untested=3)
    page = render_data_page(picture(findings=groups, dropped=groups[:40], labels=labels))
    assert len(page.encode()) < 300_000


def test_the_page_is_written_whole_beside_nothing_else(tmp_path: Path) -> None:
    path = write_data_page(picture(), tmp_path / "data.html")
    assert path.read_text(encoding="utf-8") == render_data_page(picture())
    assert [entry.name for entry in path.parent.iterdir()] == ["data.html"]


def test_every_field_of_a_picture_is_in_its_json() -> None:
    document = picture().to_json()
    assert set(document) == {one.name for one in fields(DataPicture)}
    assert document["lengths"]["limits"][0]["tokens_lost"] == 1_178_160
