"""docs/formats.md tells every format as the code has it. Run as a program, this file rewrites the page's tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.dialects import format_of, names
from providers.errors import Unsupported
from providers.records import Example, Message

PAGE = Path(__file__).parents[2] / "docs/formats.md"
SYSTEM, USER, ANSWER = Message("system", "s"), Message("user", "a"), Message("assistant", "b")
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALLED = (USER, Message("assistant", None, (CALL,)), Message("tool", "r", tool_call_id="call_1"), ANSWER)
IMAGES = {
    "https": "https://x/a.png",
    "base64": "data:image/png;base64,AA",
    "S3": "s3://b/a.png",
    "Cloud Storage": "gs://b/a.png",
}
PROBES = {
    "system": Example((SYSTEM, USER, ANSWER)),
    "turns": Example((USER, ANSWER, USER, ANSWER)),
    "tools": Example((*CALLED, USER, ANSWER), (TOOL,)),
    "weight 0": Example((USER, Message("assistant", "b", weight=0), USER, ANSWER)),
    "reasoning": Example((USER, Message("assistant", "b", reasoning="r"))),
}


def holds(name: str, example: Example) -> bool:
    """Whether the format writes the example, as a preference where it is one of preferences."""
    for rejected in ((), (ANSWER,)):
        try:
            format_of(name).dialect.encode(Example(example.messages, example.tools, None, rejected))
        except Unsupported:
            continue
        return True
    return False


def prefers(name: str) -> bool:
    try:
        format_of(name).dialect.encode(Example((USER, ANSWER), rejected=(ANSWER,)))
    except Unsupported:
        return False
    return True


def images(name: str) -> str:
    def shown(url: str) -> Example:
        return Example((Message("user", ({"type": "image_url", "image_url": {"url": url}},)), ANSWER))

    return ", ".join(kind for kind, url in IMAGES.items() if holds(name, shown(url)))


def holding() -> str:
    rows = ["| format | for | " + " | ".join(PROBES) + " | images | preference |", "|---" * (len(PROBES) + 4) + "|"]
    for name in names():
        told = [_yes(holds(name, probe)) for probe in PROBES.values()]
        told += [images(name), _yes(prefers(name))]
        rows.append(f"| `{name}` | {format_of(name).title} | {' | '.join(told)} |")
    return "\n".join(rows) + "\n"


def limits() -> str:
    rows = ["| format | rows | validation rows | bytes | note | source |", "|---|---|---|---|---|---|"]
    for name in names():
        told = format_of(name)
        limit = told.limits
        rows.append(
            f"| `{name}` | {_range(limit.least_rows, limit.most_rows)} | {_range(None, limit.most_validation_rows)} "
            f"| {_range(None, limit.most_bytes)} | {told.note} | {told.source}, {told.as_of} |"
        )
    return "\n".join(rows) + "\n"


def _yes(answer: bool) -> str:
    return "yes" if answer else ""


def _range(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    if most is not None:
        return f"at most {most:,}"
    return "" if least is None else f"at least {least:,}"


TABLES = {"holds": holding, "limits": limits}


def between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_the_page_tells_every_format_as_it_is(name: str) -> None:
    found = between(name).search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == TABLES[name]()


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        page = between(name).sub(table().replace("\\", r"\\"), page)
    PAGE.write_text(page, encoding="utf-8")
