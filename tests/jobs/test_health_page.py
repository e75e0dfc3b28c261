"""docs/watching-health.md tells every threshold as it is. Run as a program, this file rewrites the page's table."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path

from orchestrator.jobs.health import LIMITS, limits

PAGE = Path(__file__).parents[2] / "docs/watching-health.md"
BETWEEN = re.compile(r"(?<=<!-- limits -->\n).*?(?=<!-- /limits -->)", re.DOTALL)


def reasons() -> dict[str, str]:
    """Name → the sentence that stands under it in the source."""
    tree = ast.parse(inspect.getsource(limits))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    found = {}
    for field, said in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(said, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(said.value)).split())
    return found


def table() -> str:
    """The thresholds as Markdown, in their own order."""
    rows = [f"| `{name}` | {getattr(LIMITS, name):g} | {why} |\n" for name, why in reasons().items()]
    return "| threshold | value | why |\n|---|---|---|\n" + "".join(rows)


def test_the_page_tells_every_threshold_and_its_reason_as_they_are() -> None:
    found = BETWEEN.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table()


def test_every_threshold_has_a_reason() -> None:
    assert set(reasons()) == set(LIMITS.__slots__)


if __name__ == "__main__":
    PAGE.write_text(BETWEEN.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
