"""Imports point down only, no platform is named above the seam, and nothing heavy is loaded before it is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import orchestrator
import providers

ROOT = Path(orchestrator.__file__).parents[1]

# From the top. What stands on one line does not import each other.
FLOORS = (
    {"cli"},
    {"synchronous"},
    {"client"},
    {"nouns"},
    {"pipeline"},
    {"options"},
    {"settings"},
    {"evaluation"},
    {"jobs"},
    {"report", "costing"},
    {"dataset", "stats", "ledger"},
    {"config", "folders"},
    {"seam"},
    {"canonical", "clock", "errors", "blocking", "home", "secrecy"},
    {"providers"},
)
HEIGHT = {name: -number for number, names in enumerate(FLOORS) for name in names}

_CLASSES = [type(providers.platform(name)).__module__.split(".") for name in providers.platform_names()]
ADAPTERS = {module[1] for module in _CLASSES if module[0] == "providers"}
HEAVY = (
    "openai together fireworks replicate boto3 botocore anthropic scipy numpy sqlalchemy alembic jinja2"
    " google.genai google.auth tiktoken pydantic httpx starlette uvicorn rich"
)
WORDS = {"local", "script", "embedded"}
"""Adapters that are called like ordinary things."""

_NAMED = sorted({*(ADAPTERS - WORDS), "anthropic", "claude", "mistral", "cohere"})
NAMES = re.compile(rf"\b({'|'.join(_NAMED)})\b", re.IGNORECASE)


class Import(NamedTuple):
    """`module` imports `target`, both as dotted names; `target` may name something inside a module."""

    module: str
    target: str
    where: str


def _modules() -> dict[str, Path]:
    found = {}
    for package in ("orchestrator", "providers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()


@cache
def trees() -> dict[str, ast.Module]:
    """Parsed when a test asks: every process that runs tests reads this file."""
    return {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}


def _found() -> Iterator[Import]:
    for module, tree in trees().items():
        path = MODULES[module]
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        file = path.relative_to(ROOT)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(module, alias.name, f"{file}:{node.lineno}") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = _base(package, node)
                yield from (Import(module, f"{base}.{alias.name}", f"{file}:{node.lineno}") for alias in node.names)


def _base(package: str, node: ast.ImportFrom) -> str:
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


@cache
def imports() -> tuple[Import, ...]:
    return tuple(_found())


def _floor(name: str) -> str | None:
    top, _, rest = name.partition(".")
    return {"providers": "providers", "orchestrator": rest.partition(".")[0]}.get(top)


def test_every_part_of_the_orchestrator_has_its_floor() -> None:
    assert {_floor(module) for module in MODULES} - {""} == set(HEIGHT)


def test_imports_point_down_only() -> None:
    wrong = []
    for item in imports():
        here, there = _floor(item.module), _floor(item.target)
        if here and there and here != there and HEIGHT[here] <= HEIGHT.get(there, 0):
            wrong.append(f"{item.where} ({here}) imports {item.target}")
    assert not wrong


def test_providers_never_import_the_orchestrator() -> None:
    assert not [i.where for i in imports() if i.module.startswith("providers") and i.target.startswith("orchestrator")]


def test_the_sandbox_imports_no_adapter() -> None:
    inside = [i for i in imports() if i.module.startswith("providers.sandbox")]
    assert not [i.where for i in inside if set(i.target.split(".")[:2]) & ADAPTERS]


def test_no_adapter_imports_another() -> None:
    """The embedded one excepted: it drives the sandbox through the adapter whose wire it speaks."""
    pairs = [
        (i.module.split(".")[1:2], i.target.split(".")[1:2]) for i in imports() if i.target.startswith("providers.")
    ]
    assert not [(a, b) for a, b in pairs if a != b and set(a) <= ADAPTERS - {"embedded"} and set(b) & ADAPTERS]


def test_there_is_no_import_cycle() -> None:
    edges: dict[str, set[str]] = {module: set() for module in MODULES}
    for item in imports():
        target = item.target if item.target in MODULES else item.target.rpartition(".")[0]
        # A package's __init__ gathers its modules; that they lie inside it makes no cycle.
        if target in MODULES and target != item.module and not item.module.startswith(f"{target}."):
            edges[item.module].add(target)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' → '.join(error.args[1])}")


def _literals(tree: ast.Module) -> Iterator[ast.Constant]:
    """String constants, docstrings and other bare strings excepted."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node


def test_no_platform_is_named_above_the_seam() -> None:
    named = [
        f"{MODULES[module].relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for module, tree in trees().items()
        if module.startswith("orchestrator")
        for node in _literals(tree)
        if NAMES.search(str(node.value))
    ]
    assert not named


def test_the_sandbox_is_a_target_in_the_demo_alone() -> None:
    """Elsewhere `sandbox` is only a flag: what is spent at a loopback address is not money."""
    targets = {
        module
        for module, tree in trees().items()
        if module.startswith("orchestrator")
        for node in _literals(tree)
        if "sandbox:" in str(node.value)
    }
    assert targets <= {"orchestrator.cli.demo"}


def _loaded_after(code: str) -> list[str]:
    """Heavy modules in `sys.modules` of a fresh interpreter that ran `code`."""
    tail = f"\nimport sys\nprint(*(name for name in {HEAVY.split()!r} if name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    "code",
    [
        "import orchestrator, providers",
        "import providers; [providers.platform(name) for name in providers.platform_names()]",
        "import orchestrator.cli\ntry:\n    orchestrator.cli.cli(['--help'])\nexcept SystemExit:\n    pass",
        "import orchestrator.cli\ntry:\n    orchestrator.cli.cli(['run', '--help'])\nexcept SystemExit:\n    pass",
    ],
    ids=["import", "platforms", "--help", "run --help"],
)
def test_nothing_heavy_is_loaded_before_it_is_used(code: str) -> None:
    assert _loaded_after(code) == []


@pytest.mark.parametrize(
    ("verb", "needed"),
    [("'check', 'pairs.csv'", ""), ("'estimate', 'pairs.csv', '--to', 'openai:gpt-4.1-2025-04-14'", "tiktoken")],
    ids=["check", "estimate"],
)
def test_neither_check_nor_estimate_loads_a_database_a_template_engine_or_an_sdk(verb: str, needed: str) -> None:
    rows = "".join(f"what about thing {number},label{number % 3}\n" for number in range(30))
    Path("pairs.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    loaded = _loaded_after(f"import orchestrator.cli\norchestrator.cli.cli([{verb}], standalone_mode=False)")
    assert set(loaded) <= {"numpy", "rich", *needed.split()}


def test_another_package_named_providers_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "providers").mkdir()
    (tmp_path / "providers" / "__init__.py").write_text("def platform(name): ...\n", encoding="utf-8")
    code = "import orchestrator.cli, sys; sys.exit(orchestrator.cli.main())"
    command = [sys.executable, "-c", code, "providers", "show", "x"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert answer.returncode == 2
    assert str(tmp_path / "providers") in answer.stderr


def test_the_marker_of_the_seam_is_there() -> None:
    assert providers.TUNEWRIGHT_SEAM == 1
