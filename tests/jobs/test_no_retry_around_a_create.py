"""No retry ever wraps a paid request, and no SDK client retries by itself: shown on the source, not on one run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator
import providers

PAID = {"create", "serve"}
OURS = sorted(Path(orchestrator.__file__).parent.rglob("*.py"))
THEIRS = sorted(Path(providers.__file__).parent.rglob("*.py"))
CLIENTS = {"OpenAI", "AsyncOpenAI", "Together", "AsyncTogether"}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    """`f(…)` and `x.f(…)` are both called f."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_paid(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and function.attr in PAID and "provider" in ast.unparse(function.value)


def paid_inside_retries(tree: ast.AST) -> list[str]:
    """Paid requests handed to `patiently` (as a lambda, or by the name of a function that holds one)."""
    functions = {
        node.name: node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    found = []
    for call in calls(tree):
        if name_of(call) == "patiently":
            words = [node.id for node in ast.walk(call) if isinstance(node, ast.Name)]
            named = [functions[word] for word in words if word in functions]
            bare = [node for node in ast.walk(call) if isinstance(node, ast.Attribute) and node.attr in PAID]
            found += [ast.unparse(inner) for part in (call, *named) for inner in calls(part) if is_paid(inner)]
            found += [ast.unparse(node) for node in bare]
    return found


def decorated_and_paid(tree: ast.AST) -> list[str]:
    """Functions under a decorator, a retry perhaps, that send a paid request themselves."""
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.decorator_list and any(map(is_paid, calls(node)))
    ]


def test_no_retry_wraps_a_paid_request() -> None:
    trees = {path: ast.parse(path.read_text()) for path in OURS}
    found = {path: paid_inside_retries(tree) + decorated_and_paid(tree) for path, tree in trees.items()}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_a_paid_request_is_sent_from_one_place_each() -> None:
    sent = [
        f"{path.name} {name_of(call)}" for path in OURS for call in calls(ast.parse(path.read_text())) if is_paid(call)
    ]
    assert sorted(sent) == ["leases.py serve", "submit.py create"]


def test_every_sdk_client_is_built_without_retries() -> None:
    built = [call for path in THEIRS for call in calls(ast.parse(path.read_text())) if name_of(call) in CLIENTS]
    told = [[ast.unparse(word.value) for word in call.keywords if word.arg == "max_retries"] for call in built]
    assert built
    assert told == [["0"]] * len(built)


@pytest.mark.parametrize(
    "source",
    [
        "async def f(): await patiently(desk, provider, lambda: provider.create(plan, ids, tag))",
        "async def f(): await patiently(desk, provider, provider.create)",
        "async def f():\n    async def go(): await provider.serve(m, t, 9)\n    await patiently(desk, provider, go)",
    ],
)
def test_the_check_sees_a_retry_that_somebody_adds(source: str) -> None:
    assert paid_inside_retries(ast.parse(source))


def test_the_check_sees_a_retry_decorator() -> None:
    assert decorated_and_paid(ast.parse("@retry\nasync def f(): await provider.create(p, i, t)")) == ["f"]
