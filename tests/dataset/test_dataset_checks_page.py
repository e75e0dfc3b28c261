"""docs/checks.md tells every rule as the table has it. Run as a program, this file rewrites the page's table."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.dataset import RULES

PAGE = Path(__file__).parents[2] / "docs/checks.md"
BETWEEN = re.compile(r"(?<=<!-- rules -->\n).*?(?=<!-- /rules -->)", re.DOTALL)


def table() -> str:
    """The rules as Markdown, in their own order."""
    rows = [
        f"| `{rule.id}` | {rule.severity} | {rule.policy or ''} | {rule.why} | {rule.fix} |\n".replace("<", "\\<")
        for rule in RULES.values()
    ]
    return "| rule | severity | policy | why | fix |\n|---|---|---|---|---|\n" + "".join(rows)


def test_the_page_tells_every_rule_as_it_is() -> None:
    found = BETWEEN.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table()


if __name__ == "__main__":
    PAGE.write_text(BETWEEN.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
