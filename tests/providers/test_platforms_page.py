"""docs/platforms.md tells every platform as its adapter does. Run as a program, this file rewrites its tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

import providers
from providers.contract import Platform
from providers.records import Capability, Support

PAGE = Path(__file__).parents[2] / "docs/platforms.md"
ON = date(2026, 11, 26)
"""The day that the page tells of: one that stays, so that the page does not change by itself."""

MEANINGS: Mapping[Capability, str] = {
    Capability.SFT: "supervised training",
    Capability.DPO: "preference training",
    Capability.LORA: "LoRA",
    Capability.FULL: "all weights",
    Capability.VALIDATION_FILE: "validation file",
    Capability.FIND_BY_TAG: "a lost job is found again",
    Capability.SERVER_SIDE_KEY: "idempotency key",
    Capability.REMOTE_ESTIMATE: "price estimate of its own",
    Capability.EVENTS: "events",
    Capability.METRICS: "metrics",
    Capability.CHECKPOINTS: "checkpoints",
    Capability.CANCEL: "cancel",
    Capability.PAUSE: "pause",
    Capability.SERVERLESS_TUNED: "tuned model answers at once",
    Capability.DEDICATED_SERVING: "serving by the hour",
    Capability.DOWNLOAD: "weights can be had",
    Capability.WEBHOOKS: "webhooks",
    Capability.BATCH: "batches of questions",
}


def ours() -> dict[str, Platform]:
    """Every platform that comes with the package, by its name before the colon of --to."""
    found = {name: providers.platform(name) for name in providers.platform_names()}
    return {name: platform for name, platform in found.items() if type(platform).__module__.startswith("providers.")}


def matrix() -> str:
    columns = {name: platform.capabilities(ON) for name, platform in ours().items()}
    rows = [f"On {ON}:", "", f"| | {' | '.join(f'`{name}`' for name in columns)} |", "|---" * (len(columns) + 1) + "|"]
    for capability in Capability:
        told = [_brief(supports[capability]) for supports in columns.values()]
        rows.append(f"| {MEANINGS[capability]} | {' | '.join(told)} |")
    return "\n".join(rows) + "\n"


def each() -> str:
    return "\n".join(_section(name, platform) for name, platform in ours().items())


def _section(name: str, platform: Platform) -> str:
    head = "| | | since | until | why | source | as of |"
    rows = [f"### `{name}`: {platform.title}", "", head, "|---" * 7 + "|"]
    for capability, support in platform.capabilities(ON).items():
        dates = [str(day or "") for day in (support.since, support.until)]
        told = [
            MEANINGS[capability],
            _word(support) or "no",
            *dates,
            support.reason,
            support.source,
            str(support.as_of or ""),
        ]
        rows.append(f"| {' | '.join(map(_cell, told))} |")
    return "\n".join(rows) + "\n"


def _brief(support: Support) -> str:
    dates = (("from", support.since), ("to", support.until)) if support else ()
    return ", ".join([_word(support), *(f"{word} {day}" for word, day in dates if day)])


def _word(support: Support) -> str:
    return {"yes": "yes", "no": "", "unknown": "?"}[support.answer]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


TABLES = {"matrix": matrix, "each": each}


def between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_the_page_tells_every_platform_as_it_is(name: str) -> None:
    found = between(name).search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == TABLES[name](), "python tests/providers/test_platforms_page.py writes it anew"


def test_every_capability_has_its_words() -> None:
    assert set(MEANINGS) == set(Capability)


@pytest.mark.parametrize("name", [name for name in providers.platform_names() if name in ours()])
def test_whatever_is_claimed_has_a_reason_and_a_dated_source(name: str) -> None:
    for support in ours()[name].capabilities(ON).values():
        assert support.reason
        assert support.answer == "no" or (support.source and support.as_of)


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        page = between(name).sub(table().replace("\\", r"\\"), page)
    PAGE.write_text(page, encoding="utf-8")
