"""Redacting: nothing is found afterwards, the same value reads the same everywhere, and the map undoes it."""

from __future__ import annotations

import json
import pickle
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.dataset import check
from orchestrator.dataset.redacting import Redactor
from orchestrator.dataset.sensitive import Patterns, Span, find, find_with, sensitive_problems
from orchestrator.errors import TunewrightError, UsageError
from providers.records import Example, Message

PIECES = [
    "jane@mail.net",
    "+1 415 555 2671",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "born on 1987-03-04",
    "MRN 00123456",
    "SSN 536-22-8765",
    "AKIAIOSFODNN7EXAMPLE",
    "password: Tr0ub4dor3",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "hello",
    "[EMAIL_1]",
    "[EMAIL_ABCDEFGHIJ]",
    '{"card": 4111111111111111, "who": "jane@mail.net"}',
    "Grüße 🙂",
    '"',
    "\\",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=5).map(" ".join)
VALUES = st.recursive(
    TEXTS | st.integers(0, 10**17) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["ssn", "mrn", "phone", "note", "born", "a@mail.net"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def examples(draw: Any) -> Example:
    """Rows with calls, tools, names and a rejected answer."""
    function = {"name": "f", "arguments": json.dumps(draw(VALUES), ensure_ascii=False)}
    call = {"id": "c1", "type": "function", "function": function}
    turns = (
        Message("system", draw(TEXTS)),
        Message("user", ({"type": "text", "text": draw(TEXTS)},), name=draw(TEXTS) or None),
        Message("assistant", None, tool_calls=(call,)),
        Message("tool", draw(TEXTS), tool_call_id="c1"),
        Message("assistant", draw(TEXTS), reasoning=draw(TEXTS) or None),
    )
    tools = ({"type": "function", "function": {"name": "f", "description": draw(TEXTS), "parameters": draw(VALUES)}},)
    return Example(turns, tools, rejected=(Message("assistant", draw(TEXTS)),))


@pytest.fixture(scope="module")
def redactor(tmp_path_factory: pytest.TempPathFactory) -> Redactor:
    return Redactor(tmp_path_factory.mktemp("map") / "map.json")


def chat(text: str) -> Example:
    return Example((Message("user", text), Message("assistant", "ok")))


def said(example: Example) -> str:
    return example.messages[0].text


def plain(value: Any) -> Any:
    """With JSON texts as what they mean: their escapes may come back written differently."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return plain(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


@settings(deadline=None)
@given(example=examples())
def test_nothing_is_found_in_a_redacted_row(redactor: Redactor, example: Example) -> None:
    left = [problem for problem in sensitive_problems(redactor.redact(example)) if problem.rule != "personal-names"]
    assert not left


@settings(deadline=None)
@given(example=examples())
def test_what_was_redacted_comes_back(redactor: Redactor, example: Example) -> None:
    back = redactor.restore(redactor.redact(example))
    for was, now in zip((*example.messages, *example.rejected), (*back.messages, *back.rejected), strict=True):
        assert (plain(was.content), plain(was.tool_calls)) == (plain(now.content), plain(now.tool_calls))
        assert (was.name, was.reasoning) == (now.name, now.reasoning)
    assert plain(example.tools) == plain(back.tools)


@settings(deadline=None)
@given(value=VALUES)
def test_arguments_of_calls_stay_json_of_the_same_form(redactor: Redactor, value: Any) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps(value)}}
    redacted = redactor.redact(Example((Message("assistant", None, tool_calls=(call,)),)))
    read = json.loads(redacted.messages[0].tool_calls[0]["function"]["arguments"])
    assert type(read) is type(value) or isinstance(value, int)


@settings(deadline=None)
@given(rows=st.lists(TEXTS, min_size=1, max_size=5), seed=st.integers())
def test_placeholders_do_not_depend_on_the_order_of_rows(redactor: Redactor, rows: list[str], seed: int) -> None:
    one_way = {row: said(redactor.redact(chat(row))) for row in rows}
    other = pickle.loads(pickle.dumps(redactor))
    random.Random(seed).shuffle(rows)
    assert {row: said(other.redact(chat(row))) for row in rows} == one_way


def test_the_same_value_reads_the_same_everywhere_and_tells_its_kind(redactor: Redactor) -> None:
    words = said(redactor.redact(chat("jane@mail.net and jo@mail.net, again jane@mail.net; key AKIAIOSFODNN7EXAMPLE")))
    first, second, again, key = re.findall(r"\[([A-Z]+_[A-Z2-7]{10})\]", words)
    assert first == again != second
    assert (first[:6], key[:7]) == ("EMAIL_", "SECRET_")


def test_an_untouched_row_is_given_back_as_it_is(redactor: Redactor) -> None:
    example = chat("hello")
    assert redactor.redact(example) is example


def test_numbers_in_arguments_come_back_as_numbers(redactor: Redactor) -> None:
    written = '{"card":  4111111111111111, "n": 1.50}'
    redacted = said(redactor.redact(chat(written)))
    assert re.fullmatch(r'\{"card":  "\[CARD_[A-Z2-7]{10}\]", "n": 1\.50\}', redacted)
    assert said(redactor.restore(chat(redacted))) == written


def test_only_the_kinds_asked_for_are_replaced(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path / "map.json", kinds=["email"])
    assert re.fullmatch(
        r"\[EMAIL_\w+\] from 93\.184\.216\.34", said(redactor.redact(chat("jane@mail.net from 93.184.216.34")))
    )


class Capitals:
    """Stands for a model-based tool that takes every word in capitals for a name, placeholders too."""

    name = "capitals"

    def find(self, text: str) -> list[Span]:
        found = re.finditer(r"[A-Z][A-Z]+", text)
        return [Span(*one.span(), "name 2", "personal-names", "…") for one in reversed(list(found))]


def test_what_a_model_finds_is_replaced_too(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path / "map.json", finder=find_with([Patterns(), Capitals()]))
    redacted = redactor.redact(chat("JANE wrote to jane@mail.net, JANE did"))
    assert re.fullmatch(r"(\[NAME_\w{10}\]) wrote to \[EMAIL_\w{10}\], \1 did", said(redacted))
    assert said(redactor.restore(redacted)) == "JANE wrote to jane@mail.net, JANE did"


def test_a_later_run_goes_on_with_the_map_of_an_earlier_one(tmp_path: Path) -> None:
    first = Redactor(tmp_path / "map.json")
    redacted = first.redact(chat("jane@mail.net"))
    first.save()
    second = Redactor(tmp_path / "map.json")
    assert second.redact(chat("jane@mail.net")) == redacted
    assert said(second.restore(redacted)) == "jane@mail.net"


def test_another_map_gives_other_placeholders(tmp_path: Path) -> None:
    one, other = Redactor(tmp_path / "one.json"), Redactor(tmp_path / "other.json")
    assert one.redact(chat("jane@mail.net")) != other.redact(chat("jane@mail.net"))


def test_what_worker_processes_replaced_is_gathered_and_saved(tmp_path: Path) -> None:
    parent = Redactor(tmp_path / "map.json")
    workers = [pickle.loads(pickle.dumps(parent)) for _ in range(2)]
    redacted = [worker.redact(chat(f"{name}@mail.net")) for worker, name in zip(workers, ("jane", "jo"), strict=True)]
    for worker in workers:
        parent.add(worker.found)
    parent.save()
    assert [said(Redactor(tmp_path / "map.json").restore(row)) for row in redacted] == ["jane@mail.net", "jo@mail.net"]


def test_the_map_is_its_owners_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path / "map.json")
    redactor.redact(chat("jane@mail.net"))
    redactor.save()
    assert [path.name for path in tmp_path.iterdir()] == ["map.json"]
    assert (tmp_path / "map.json").stat().st_mode & 0o777 == 0o600
    assert "jane@mail.net" in json.loads((tmp_path / "map.json").read_text())["values"].values()


def test_a_map_among_the_files_to_upload_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="among the files to upload"):
        Redactor(tmp_path / "out" / "deep" / "map.json", uploads=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_map_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Redactor(tmp_path / "map.json")
    (tmp_path / "map.json").chmod(0o644)
    with pytest.raises(UsageError, match="read by others"):
        Redactor(tmp_path / "map.json")


def test_a_link_in_the_maps_place_is_not_followed(tmp_path: Path) -> None:
    Redactor(tmp_path / "elsewhere.json")
    (tmp_path / "map.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(UsageError, match="cannot be read"):
        Redactor(tmp_path / "map.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2, "key": "00", "values": {}}', "\x00"])
def test_a_file_that_is_no_map_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(UsageError, match=r"no map of --redact"):
        Redactor(path)
    assert path.read_text() == content


def test_a_folder_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(TunewrightError, match="cannot be written"):
        Redactor(tmp_path / "none" / "map.json")


def test_two_runs_that_share_a_map_keep_each_others_values(tmp_path: Path) -> None:
    one, other = Redactor(tmp_path / "map.json"), Redactor(tmp_path / "map.json")
    one.redact(chat("jane@mail.net"))
    other.redact(chat("jo@mail.net"))
    one.save()
    other.save()
    values = json.loads((tmp_path / "map.json").read_text())["values"].values()
    assert {"jane@mail.net", "jo@mail.net"} <= set(values)


def test_a_placeholder_is_no_find_itself() -> None:
    assert not find("api_key: [SECRET_K7Q2M9X4TB], passport [PASSPORT_A2B3C4D5E6]")


def test_no_value_can_be_read_from_its_placeholder_without_the_key(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path / "map.json")
    (placeholder,) = re.findall(r"\[.*\]", said(redactor.redact(chat("+1 415 555 2671"))))
    assert not any(part in placeholder for part in ("415", "555", "2671"))


def test_different_values_are_counted_by_kind_however_often_they_stand(tmp_path: Path) -> None:
    redactor = Redactor(tmp_path / "map.json")
    for address in ("jane@mail.net", "jo@mail.net", "jane@mail.net"):
        redactor.redact(chat(f"{address} , +1 415 555 2671"))
    assert redactor.kinds() == {"EMAIL": 2, "PHONE": 1}


def test_a_row_too_deep_to_be_redacted_is_refused_by_name_and_never_left_as_it_is(tmp_path: Path) -> None:
    deep: Any = "jane@mail.net"
    for _ in range(600):
        deep = [deep]
    tool = {"type": "function", "function": {"name": "f", "parameters": {"x": deep}}}
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    path = tmp_path / "deep.jsonl"
    path.write_text(json.dumps({"messages": turns, "tools": [tool]}) + "\n", encoding="utf-8")
    dataset = check(path, redactor=Redactor(tmp_path / "map.json"))
    (finding,) = [finding for finding in dataset.findings if finding.row == 1]
    assert (finding.rule, finding.severity, len(dataset.rows)) == ("nesting", "error", 0)
