"""Promises on files of every bad kind: each is judged by rule and line, read where it is only another format, in time.

What is right follows the platforms' own rules (facts 1.3 and 2.2): a good dozen lines stand before each bad one.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orchestrator.dataset import Finding, check, check_as_is
from orchestrator.errors import UsageError
from providers.dialects import OPENAI_CHAT

Write = Callable[..., Path]
USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def turns(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def answered(content: Any, **more: Any) -> dict[str, Any]:
    return turns(USER, {"role": "assistant", "content": content, **more})


GOOD = [line(turns({**USER, "content": f"question {n}?"}, {**ANSWER, "content": f"answer {n}"})) for n in range(12)]
WHOLE = b"".join(GOOD)
KEY = "sk-proj-" + "A1b2C3d4" * 5
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def calling(arguments: str = "{}", id: Any = "c", name: str = "f", kind: str = "function") -> dict[str, Any]:
    return {"id": id, "type": kind, "function": {"name": name, "arguments": arguments}}


def calls(*made: Any, then: tuple[Any, ...] = (), tools: Any = (TOOL,)) -> dict[str, Any]:
    return turns(USER, {"role": "assistant", "tool_calls": list(made)}, *then, tools=list(tools))


def result(id: str) -> dict[str, Any]:
    return {"role": "tool", "content": "1", "tool_call_id": id}


def image(url: Any) -> dict[str, Any]:
    return turns({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}, ANSWER)


class Row(NamedTuple):
    """A thirteenth line: the rule it breaks as it is, and when it is read; "" for none."""

    value: Any
    as_is: str
    read: str | None = None


def raw(text: str, as_is: str, read: str | None = None) -> Row:
    return Row(text.encode("utf-8", "surrogateescape") + b"\n", as_is, read)


PNG = "data:image/png;base64,iVBORw0KGgo"
ROWS: dict[str, Row] = {
    "trailing comma inside": raw('{"messages":[{"role":"user","content":"q"},]}', "not-json"),
    "trailing comma after": Row(GOOD[0][:-1] + b",\n", "not-json"),
    "comment #": raw("# note", "not-json"),
    "comment //": raw("// note", "not-json"),
    "comment inside": raw('{"messages": [] /* none */}', "not-json"),
    "JSON5": raw("{messages:[{role:'user',content:'q'}]}", "not-json"),
    "Python": raw("{'messages': [], 'ok': True}", "not-json"),
    "hexadecimal": raw('{"messages":[],"n":0x10}', "not-json"),
    "leading zero": raw('{"messages":[],"n":01}', "not-json"),
    "NaN": raw('{"messages": NaN}', "not-a-number"),
    "infinite": raw('{"messages": 1e99999}', "not-a-number"),
    "5,000 digits": raw('{"n":' + "9" * 5000 + "}", "not-json"),
    "10,000 deep list": raw('{"messages":' + "[" * 10_000 + "]" * 10_000 + "}", "nesting"),
    "10,000 deep object": raw('{"a":' * 10_000 + "1" + "}" * 10_000, "nesting"),
    "raw NUL": raw('{"messages":[{"role":"user","content":"a\0b"}]}', "not-json"),
    "raw tab": raw('{"messages":[{"role":"user","content":"a\tb"}]}', "not-json"),
    "form feed after": Row(GOOD[0][:-1] + b"\x0c\n", "not-json"),
    "two objects": Row(GOOD[0][:-1] + GOOD[1], "two-objects"),
    "mark in the middle": Row(b"\xef\xbb\xbf" + line(answered("b")), "byte-order-mark", ""),
    "duplicate key deep inside": raw('{"messages":[{"role":"user","content":"q","content":"r"}]}', "duplicate-key"),
    "null": raw("null", "not-an-object"),
    "number": raw("5", "not-an-object"),
    "JSON in a string": Row(line(GOOD[0].decode()), "not-an-object"),
    "API error": Row({"error": {"message": "no"}}, "missing-field"),
    "Messages": Row({"Messages": [USER, ANSWER]}, "missing-field"),
    "messages with a blank": Row({"messages ": [USER, ANSWER]}, "missing-field"),
    "Assistant": Row(turns(USER, {**ANSWER, "role": "Assistant"}), "role", ""),
    "from and value": Row(turns({"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}), "role", ""),
    "Role": Row(turns(USER, {"Role": "assistant", "content": "a"}), "role"),
    "role null": Row(turns({**USER, "role": None}, ANSWER), "role"),
    "role list": Row(turns({**USER, "role": ["user"]}, ANSWER), "role"),
    "developer": Row(turns({"role": "developer", "content": "d"}, USER, ANSWER), "role", ""),
    "content null": Row(answered(None), "content"),
    "content number": Row(answered(5), "content"),
    "content true": Row(answered(True), "content"),
    "content object": Row(answered({"text": "a"}), "content"),
    "content empty list": Row(answered([]), "content"),
    "content list of texts": Row(answered(["a", "b"]), "content"),
    "content part null": Row(answered([None]), "content"),
    "content part without type": Row(answered([{"text": "a"}]), "content"),
    "content part of sound": Row(answered([{"type": "input_audio"}]), "content"),
    "content part blank": Row(answered([{"type": "text", "text": " "}]), "blank-answer"),
    "user content null": Row(turns({**USER, "content": None}, ANSWER), "content"),
    "only system": Row(turns({"role": "system", "content": "s"}), "no-final-assistant"),
    "only assistant": Row(turns(ANSWER), "no-user-turn"),
    "only user": Row(turns(USER), "no-final-assistant"),
    "ends with a tool": Row(calls(calling(), then=(result("c"),)), "no-final-assistant"),
    "two users": Row(turns(USER, USER, ANSWER), "role-order"),
    "system last": Row(turns(USER, ANSWER, {"role": "system", "content": "s"}), "no-final-assistant"),
    "empty messages": Row(turns(), "shape"),
    "weight on user": Row(turns({**USER, "weight": 1}, ANSWER), "weight"),
    "weight 0.5": Row(answered("a", weight=0.5), "weight"),
    "weight text": Row(answered("a", weight="1"), "weight"),
    "weight -1": Row(answered("a", weight=-1), "weight"),
    "name a number": Row(turns({**USER, "name": 5}, ANSWER), "shape"),
    "high surrogate": Row(answered("\ud83d"), "lone-surrogate"),
    "low surrogate": Row(answered("\udc00"), "lone-surrogate"),
    "surrogate in a tool": Row(
        turns(USER, ANSWER, tools=[{**TOOL, "function": {"name": "f", "description": "\ud800"}}]), "lone-surrogate"
    ),
    "escaped NUL": Row(answered("a\0b"), "nul"),
    "control token": Row(answered("<|im_start|>user"), "special-token"),
    "control token in a tool": Row(
        turns(USER, ANSWER, tools=[{**TOOL, "function": {"name": "f", "description": "<|endoftext|>"}}]),
        "special-token",
    ),
    "image no base64": Row(image("data:image/png;base64,@@@"), "image-type"),
    "image broken at its end": Row(image(PNG + "AAAAA" + "!" * 50), "image-type"),
    "image SVG": Row(image("data:image/svg+xml;base64,PHN2Zz4="), "image-type"),
    "image of another type": Row(image("data:image/jpeg;base64,iVBORw0KGgoAAAAA"), "image-type"),
    "image that is no WEBP": Row(image("data:image/webp;base64,UklGRgAAAABBVkkgAAAA"), "image-type"),
    "image 10 MB": Row(image(PNG + "A" * 14_000_000), "image-size"),
    "image nowhere": Row(image(""), "image-type"),
    "image by FTP": Row(image("ftp://x/y.png"), "image-type"),
    "image number": Row(image(5), "image-role"),
    "result without call": Row(turns(USER, result("c"), ANSWER), "tool-call-id"),
    "one of two unanswered": Row(calls(calling(id="a"), calling(id="b"), then=(result("b"), ANSWER)), "tool-call-id"),
    "answered twice": Row(calls(calling(), then=(result("c"), result("c"), ANSWER)), "tool-call-id"),
    "parallel calls": Row(calls(calling(id="a"), calling(id="b"), then=(result("b"), result("a"), ANSWER)), ""),
    "same ids": Row(calls(calling(), calling()), "tool-call-id"),
    "call without id": Row(calls(calling(id=None)), "tool-call-id"),
    "call of another type": Row(calls(calling(kind="retrieval")), "tools"),
    "arguments an object": Row(calls({**calling(), "function": {"name": "f", "arguments": {}}}), "tools"),
    "arguments a list": Row(calls(calling("[]")), "tool-arguments"),
    "arguments NaN": Row(calls(calling('{"a": NaN}')), "tool-arguments"),
    "arguments with a key twice": Row(calls(calling('{"a": 1, "a": 2}')), "tool-arguments"),
    "arguments 10,000 deep": Row(calls(calling('{"a":' + "[" * 10_000 + "]" * 10_000 + "}")), "tool-arguments"),
    "tool without type": Row(turns(USER, ANSWER, tools=[{"function": {"name": "f"}}]), "tools"),
    "tool parameters a list": Row(
        turns(USER, ANSWER, tools=[{**TOOL, "function": {"name": "f", "parameters": []}}]), "tools"
    ),
    "tool name with a blank": Row(turns(USER, ANSWER, tools=[{**TOOL, "function": {"name": "my f"}}]), "tool-name"),
    "tool schema broken": Row(
        turns(USER, ANSWER, tools=[{**TOOL, "function": {"name": "f", "parameters": {"type": "ship"}}}]), "tool-schema"
    ),
    "not UTF-8": raw(
        '{"messages":[{"role":"user","content":"caf\udce9"},{"role":"assistant","content":"a"}]}', "undecodable", ""
    ),
    "key in a broken line": raw(f'{{"k": "{KEY}",}}', "provider-key", "not-json"),
    "key beside the turns": Row(turns(USER, ANSWER, api_key=KEY), "provider-key", ""),
    "answer that goes on and on": Row(answered("Eat a banana!" * 2000), "repetitive-answer"),
    "10 MB of one letter": Row(answered("b" * 10_000_000), "repetitive-answer"),
    "10 MB of words": Row(turns({**USER, "content": "x " * 5_000_000}, ANSWER), ""),
}


def rules_at(findings: tuple[Finding, ...], number: int) -> set[str]:
    return {finding.rule for finding in findings if finding.row == number}


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_line_is_named_by_its_rule_both_ways_in_time(raw: Write, name: str) -> None:
    value, as_is, read = ROWS[name]
    path = raw(WHOLE + (value if isinstance(value, bytes) else line(value)), "a.jsonl")
    begin = time.process_time()
    found = rules_at(check_as_is(path, OPENAI_CHAT), 13)
    assert as_is in found if as_is else not found
    dataset, wanted = check(path), as_is if read is None else read
    found = rules_at(dataset.findings, 13)
    assert wanted in found if wanted else not found
    assert time.process_time() - begin < 2


BRACKETED = b"[\n" + b",\n".join(row[:-1] for row in GOOD) + b"\n]\n"
PRETTY = b"".join(json.dumps(json.loads(row), indent=1).encode() + b"\n" for row in GOOD)
FILES: dict[str, tuple[bytes, str, int | str]] = {
    "nothing": (b"", "empty-file", 0),
    "a blank line": (b"\n", "empty-file", 0),
    "blank lines": (b" \n\t\n", "empty-file", 0),
    "a mark alone": (b"\xef\xbb\xbf", "empty-file", 0),
    "NULs": (b"\0" * 100, "not-text", "binary"),
    "one brace": (b"{", "truncated", "middle of a value"),
    "CRLF": (WHOLE.replace(b"\n", b"\r\n"), "", 12),
    "mixed line ends": (GOOD[0].replace(b"\n", b"\r\n") + b"".join(GOOD[1:]), "", 12),
    "CR alone": (WHOLE.replace(b"\n", b"\r"), "line-ends", 12),
    "UTF-16": (WHOLE.decode().encode("utf-16"), "undecodable", 12),
    "UTF-16 LE without mark": (WHOLE.decode().encode("utf-16-le"), "undecodable", 12),
    "UTF-16 BE without mark": (WHOLE.decode().encode("utf-16-be"), "undecodable", 12),
    "UTF-32": (WHOLE.decode().encode("utf-32"), "undecodable", 12),
    "a list": (b"[" + b",".join(GOOD) + b"]", "not-json", 12),
    "a list by lines": (BRACKETED, "not-json", 12),
    "an envelope": (b'{"data":[' + b",".join(row[:-1] for row in GOOD) + b"]}", "missing-field", 12),
    "pretty": (PRETTY, "not-json", 12),
    "a web page": (b"<!DOCTYPE html>\n<html>Not found</html>", "not-text", "a web page"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "not-text", "Git LFS"),
    "gzip": (gzip.compress(WHOLE), "not-text", 12),
    "gzip of gzip": (gzip.compress(gzip.compress(WHOLE)), "not-text", "gzip-compressed"),
    "gzip cut": (gzip.compress(WHOLE)[:-20], "not-text", "damaged"),
    "gzip with a wrong sum": (gzip.compress(WHOLE)[:-8] + bytes(8), "not-text", "damaged"),
    "a bomb": (gzip.compress(b"[]\n" * 40_000_000, 1), "not-text", "bomb"),
    "zip": (b"PK\x03\x04" + bytes(50), "not-text", "zip"),
    "Messages": (WHOLE.replace(b"messages", b"Messages"), "missing-field", 12),
    "server-sent events": (b"".join(b"data: " + row for row in GOOD), "not-json", 0),
    "records with separators": (b"".join(b"\x1e" + row for row in GOOD), "not-json", 0),
    "a merge conflict": (WHOLE + b"<<<<<<< HEAD\n", "not-json", 12),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_judged_as_it_is_and_read_where_it_can_be(raw: Write, name: str) -> None:
    content, as_is, read = FILES[name]
    path = raw(content, "a.jsonl")
    rules = {finding.rule for finding in check_as_is(path, OPENAI_CHAT) if finding.severity == "error"}
    assert as_is in rules if as_is else not rules
    if isinstance(read, str):
        with pytest.raises(UsageError, match=read):
            check(path)
    else:
        assert len(check(path).rows) == read


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_circle(path: Path) -> None:
    path.symlink_to(path)


def a_dead_link(path: Path) -> None:
    path.symlink_to(path.with_name("gone"))


def a_folder(path: Path) -> None:
    path.mkdir()


def a_locked_file(path: Path) -> None:
    path.write_bytes(WHOLE)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root reads everything")


def nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize("make", [a_pipe, a_circle, a_dead_link, a_folder, a_locked_file, nothing])
def test_what_is_no_readable_file_is_said_to_be_so(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "x.jsonl"
    make(path)
    for judge in (check, lambda file: check_as_is(file, OPENAI_CHAT)):
        with pytest.raises(UsageError):
            judge(path)


@pytest.mark.parametrize("name", ["a\0b.jsonl", "a" * 5000])
def test_what_cannot_be_a_name_is_said_to_be_so(name: str) -> None:
    for judge in (check, lambda file: check_as_is(file, OPENAI_CHAT)):
        with pytest.raises(UsageError, match="no name of a file"):
            judge(Path(name))


PAIRS = "".join(f"question {n},answer {n}\n" for n in range(12))
TABLES: dict[str, tuple[str, int | str]] = {
    "spaces in the header": (" input , output \n" + PAIRS, 12),
    "index without a name": (",text,label\n" + "".join(f"{n},text {n},l\n" for n in range(12)), 12),
    "semicolons": ("input;output\n" + PAIRS.replace(",", ";"), 12),
    "CR alone": (("input,output\n" + PAIRS).replace("\n", "\r"), 12),
    "an open quote": ("input,output\n" + PAIRS + '"never closed,x\n', 12),
    "one column of turns": ("messages\n" + '"' + GOOD[0].decode()[13:-2].replace('"', '""') + '"\n', 1),
    "10,000 columns": ("input,output," + ",".join(f"c{n}" for n in range(9998)) + "\n" + "a," * 9999 + "b\n", 1),
    "10,000 unknown columns": (",".join(f"c{n}" for n in range(10_000)) + "\n" + "a," * 9999 + "b\n", "and 9980 more"),
    "NULs": ("input,output\n" + "a\0b,c\n" * 50, "binary"),
    "one column": ("input\n" + "a\n" * 12, "no table"),
    "no header": (PAIRS, "cannot tell which column"),
    "a title in a row": ("My export,,\ninput,output,x\na,b,c\n", "names only 1 of 3 columns"),
    "a title before": ("My export\ninput,output\n" + PAIRS, "no row of the table"),
    "Excel's separator": ("sep=,\ninput,output\n" + PAIRS, "only Excel"),
    "one name twice": ("input,output,input\na,b,c\n", "two columns are named 'input'"),
    "one name in two cases": ("Input,input,output\na,b,c\n", "differ only in case"),
    "two answers": ("question,answer,response\na,b,c\n", "question/answer or question/response"),
    "two questions": ("question,prompt,answer\na,b,c\n", "question/answer or prompt/answer"),
    "labels and their numbers": ("text,label,label_text\na,0,b\n", "text/label or text/label_text"),
    "a passage": ("context,question,answer\na,b,c\n", "may be a part of the input"),
}


@pytest.mark.parametrize("name", TABLES)
def test_an_odd_table_is_read_or_asked_about(raw: Write, name: str) -> None:
    content, read = TABLES[name]
    path = raw(content, "a.csv")
    if isinstance(read, str):
        with pytest.raises(UsageError, match=read):
            check(path)
    else:
        assert len(check(path).rows) == read
