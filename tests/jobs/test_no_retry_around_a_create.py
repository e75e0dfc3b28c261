"""No retry ever wraps a paid request, and no SDK client retries by itself: shown on the source, not on one run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator
import providers
from providers.contract import Provider

PAID = {
    name
    for name, method in vars(Provider).items()
    if callable(method) and re.search(r"\bone (paid )?POST\b", method.__doc__ or "")
}
"""What the contract says costs money to ask: whatever is added there, batches too, is under these rules."""

OURS = sorted(Path(orchestrator.__file__).parent.rglob("*.py"))
THEIRS = sorted(Path(providers.__file__).parent.rglob("*.py"))
ONCE = {"max_retries": ("0",), "retries": ("0", "{'total_max_attempts': 1, 'mode': 'standard'}")}
"""How an SDK or its transport is told to send nothing again."""
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


def paid_and_again(tree: ast.AST) -> list[str]:
    """Paid requests inside a loop, or sent because something failed."""
    again = (ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler)
    return [
        ast.unparse(call)
        for node in ast.walk(tree)
        if isinstance(node, again)
        for part in node.body
        for call in calls(part)
        if is_paid(call)
    ]


def imports(tree: ast.AST) -> set[str]:
    """The top names of what a module imports."""
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in plain | named}


def option(call: ast.Call, name: str) -> str | None:
    """An entry of the literal `options={…}` of a call, as source."""
    for word in call.keywords:
        if word.arg == "options" and isinstance(word.value, ast.Dict):
            told = zip(word.value.keys, word.value.values, strict=True)
            return next((ast.unparse(value) for key, value in told if key and ast.unparse(key) == repr(name)), None)
    return None


def repeating(tree: ast.AST) -> list[str]:
    """Where an SDK or its transport is told to send anything again."""
    return [
        ast.unparse(call)
        for call in calls(tree)
        for word in call.keywords
        if word.arg in ONCE and ast.unparse(word.value) not in ONCE[word.arg]
    ]


def parsed(paths: list[Path], *words: str) -> dict[Path, ast.Module]:
    """Those whose text holds one of the words, without which there is nothing to find in it."""
    texts = {path: path.read_text() for path in paths}
    return {path: ast.parse(text) for path, text in texts.items() if any(word in text for word in words)}


def test_jobs_machines_and_batches_are_what_the_contract_calls_paid() -> None:
    assert {"create", "create_batch", "serve"} <= PAID


def test_no_retry_wraps_a_paid_request() -> None:
    found = {
        path.name: paid_inside_retries(tree) + decorated_and_paid(tree) + paid_and_again(tree)
        for path, tree in parsed(OURS, *PAID).items()
    }
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_no_adapter_retries_and_the_orchestrator_does_in_one_place() -> None:
    retry = {"tenacity", "stamina", "backoff", "retry", "retrying"}
    assert [path.name for path, tree in parsed(THEIRS, *retry).items() if imports(tree) & retry] == []
    assert [path.name for path, tree in parsed(OURS, *retry).items() if imports(tree) & retry] == ["patience.py"]


def test_every_bare_post_is_sent_once_and_follows_no_redirect() -> None:
    posts = [
        (path.name, call)
        for path, tree in parsed(THEIRS, "cast_to").items()
        for call in calls(tree)
        if is_bare_post(call)
    ]
    loose = {name for name, call in posts if options_of(call) != ("0", "False")}
    assert len(posts) >= 4
    # A question of an evaluation, and a part of a file, are sent again on purpose: neither buys a job.
    assert loose == {"questions.py", "in_parts.py"}


def is_bare_post(call: ast.Call) -> bool:
    return name_of(call) == "post" and "cast_to" in {word.arg for word in call.keywords}


def options_of(call: ast.Call) -> tuple[str | None, str | None]:
    return option(call, "max_retries"), option(call, "follow_redirects")


def test_no_sdk_is_told_to_repeat_anything() -> None:
    found = {path.name: repeating(tree) for path, tree in parsed(THEIRS, *ONCE).items()}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_a_paid_request_is_sent_from_one_place_each() -> None:
    sent = [
        f"{path.name} {name_of(call)}"
        for path, tree in parsed(OURS, *PAID).items()
        for call in calls(tree)
        if is_paid(call)
    ]
    assert sorted(sent) == ["batch_submit.py create_batch", "leases.py serve", "submit.py create"]


def test_every_sdk_client_is_built_without_retries() -> None:
    built = [call for tree in parsed(THEIRS, *CLIENTS).values() for call in calls(tree) if name_of(call) in CLIENTS]
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


@pytest.mark.parametrize(
    "source",
    [
        "async def f():\n    while True:\n        await provider.create(p, i, t)",
        "async def f():\n    for _ in range(3):\n        await provider.serve(m, t, 9)",
        "async def f():\n    try: pass\n    except E:\n        await provider.create(p, i, t)",
    ],
)
def test_the_check_sees_a_loop_that_sends_again(source: str) -> None:
    assert paid_and_again(ast.parse(source))


@pytest.mark.parametrize("source", ["AsyncOpenAI(max_retries=2)", "httpx.AsyncHTTPTransport(retries=1)"])
def test_the_check_sees_an_sdk_that_would_send_again(source: str) -> None:
    assert repeating(ast.parse(source))
