"""Bad training files are refused as the platforms do it: after upload, with a line and a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from providers.sandbox import Sandbox
from providers.sandbox.rows import BadFile, openai_rows, together_rows, tool_calls_of

USER = {"role": "user", "content": "hi"}
GOOD = {"role": "assistant", "content": "hello"}
CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


def chat(*messages: Any, **extra: Any) -> bytes:
    return json.dumps({"messages": messages, **extra}).encode() + b"\n"


def refused(line: bytes) -> BadFile:
    with pytest.raises(BadFile) as error:
        openai_rows(chat(USER, GOOD) * 10 + line, "supervised")
    return error.value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{nope}\n", "not a valid JSON object"),
        (b"[1]\n", "must be a JSON object"),
        (b"\xff\xfe\n", "UTF-8"),
        (b'{"prompt": "a"}\n', '"messages"'),
        (chat(), "non-empty"),
        (chat(USER), "last message must be from the assistant"),
        (chat({"role": "robot", "content": "a"}, GOOD), "unknown role 'robot'"),
        (chat({"role": "user"}, GOOD), "no text content"),
        (chat({"role": "user", "content": 3}, GOOD), "no text content"),
        (chat({"role": "user", "content": "a <|endoftext|>"}, GOOD), "special token"),
        (chat(USER, GOOD | {"weight": 2}), "weight"),
        (chat(USER | {"weight": 1}, GOOD), "weight"),
        (chat(USER, GOOD | {"weight": 0}), "nothing to learn"),
        (chat({"role": "tool", "content": "a"}, GOOD), "tool_call_id"),
        (chat({"role": "tool", "content": "a", "tool_call_id": "c9"}, GOOD), "answers no call"),
        (chat(USER, GOOD, tools={}), "tools must be a list"),
        (chat(USER, {"role": "assistant", "content": [{"type": "image_url"}]}), "may not hold an image"),
        (chat(USER | {"tool_calls": CALL["tool_calls"]}, GOOD), "only an assistant"),
        (chat(USER, {"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}), "function.arguments"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_reason(line: bytes, reason: str) -> None:
    error = refused(line)
    assert error.line == 11
    assert reason in str(error)


def test_nine_examples_are_too_few_and_ten_enough() -> None:
    assert len(openai_rows(chat(USER, GOOD) * 10, "supervised").pairs) == 10
    with pytest.raises(BadFile, match="at least 10"):
        openai_rows(chat(USER, GOOD) * 9, "supervised")


def test_crlf_blank_lines_and_a_bom_are_fine() -> None:
    lines = b"\xef\xbb\xbf" + (chat(USER, GOOD).strip() + b"\r\n\r\n") * 10
    assert len(openai_rows(lines, "supervised").pairs) == 10


def test_an_answer_of_tool_calls_is_learned_as_such() -> None:
    pair = openai_rows(chat(USER, CALL) * 10, "supervised").pairs[0]
    assert tool_calls_of(pair.answer) == (CALL["tool_calls"], "")


def test_a_preference_row_teaches_the_preferred_answer() -> None:
    row = {
        "input": {"messages": [USER]},
        "preferred_output": [GOOD],
        "non_preferred_output": [{"role": "assistant", "content": "no"}],
    }
    assert openai_rows(json.dumps(row).encode() + b"\n", "dpo", minimum=1).pairs[0].answer == "hello"


@pytest.mark.parametrize(
    ("row", "format"),
    [
        ({"messages": [USER, GOOD]}, "CONVERSATION"),
        ({"prompt": "hi", "completion": "hello"}, "INSTRUCTION"),
        ({"text": "hi\nhello"}, "GENERAL"),
        (
            {"input": {"messages": [USER]}, "preferred_output": [GOOD], "non_preferred_output": [GOOD]},
            "PREFERENCE_OPENAI",
        ),
    ],
)
def test_togethers_formats_are_recognised(row: dict[str, Any], format: str) -> None:
    rows = together_rows(json.dumps(row).encode())
    assert (rows.format, rows.pairs[0].answer) == (format, "hello")


def test_two_formats_in_one_file_are_refused() -> None:
    with pytest.raises(BadFile, match="Line 2"):
        together_rows(b'{"text": "a"}\n{"prompt": "a", "completion": "b"}\n')


def test_a_job_on_a_bad_file_is_created_then_fails_with_the_platforms_error(
    client: openai.OpenAI, sandbox: Sandbox
) -> None:
    file = client.files.create(file=("t.jsonl", chat(USER) * 12), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="sandbox-small", training_file=file.id)
    assert job.status == "validating_files"
    sandbox.advance(100)
    job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.code, job.error.param) == ("invalid_training_file", "training_file")
    assert "Line 1" in job.error.message


def test_a_bad_validation_file_is_named_as_such(
    client: openai.OpenAI, sandbox: Sandbox, new_job: Callable[..., str]
) -> None:
    file = client.files.create(file=("v.jsonl", b"nope\n"), purpose="fine-tune")
    id = new_job(validation_file=file.id)
    sandbox.advance(100)
    error = client.fine_tuning.jobs.retrieve(id).error
    assert error is not None
    assert error.code == "invalid_validation_file"


def test_rows_in_both_files_are_warned_about(
    client: openai.OpenAI, sandbox: Sandbox, new_job: Callable[..., str], pairs: Any, chat_file: Any
) -> None:
    file = client.files.create(file=("v.jsonl", chat_file(pairs[:3])), purpose="fine-tune")
    id = new_job(validation_file=file.id)
    sandbox.advance(100)
    warnings = [event.message for event in client.fine_tuning.jobs.list_events(id, limit=500) if event.level == "warn"]
    assert warnings == ["3 example(s) are in both the training and the validation file"]


@pytest.mark.parametrize(("name", "data"), [("t.txt", b"x"), ("t.jsonl", b"")])
def test_a_file_of_another_kind_or_none_is_refused_at_upload(client: openai.OpenAI, name: str, data: bytes) -> None:
    with pytest.raises(openai.BadRequestError):
        client.files.create(file=(name, data), purpose="fine-tune")
