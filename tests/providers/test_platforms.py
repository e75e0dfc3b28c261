"""Platforms by name: opened on demand, light until then, and clear about what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import providers
from providers.contract import Secret
from providers.errors import NotFound, Unsupported
from providers.records import Method


def test_naming_every_platform_loads_no_sdk_and_no_server() -> None:
    script = (
        "import sys, providers\n"
        "for name in ('openai', 'together', 'bedrock', 'anthropic', 'sandbox'): providers.platform(name)\n"
        "heavy = {'openai', 'together', 'boto3', 'botocore', 'anthropic', 'httpx', 'aiohttp', 'starlette', 'uvicorn'}\n"
        "heavy |= {'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"


def test_an_unknown_platform_names_the_nearest() -> None:
    with pytest.raises(NotFound) as unknown:
        providers.platform("openia")
    assert unknown.value.fix == "did you mean 'openai'?"


def test_a_platform_that_is_gone_says_why() -> None:
    with pytest.raises(NotFound, match="no, because"):
        providers.platform("claude")


def test_a_platform_that_only_answers_says_why_nothing_is_trained_there() -> None:
    with pytest.raises(Unsupported, match="no, because Anthropic tunes no model"):
        providers.platform("anthropic").dialect(Method.SFT)
    assert "anthropic" not in providers.platform_names()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "environ"),
    [("bedrock", {"AWS_REGION": "us-east-1"}), ("anthropic", {"ANTHROPIC_API_KEY": "sk-ant-x"})],
)
async def test_an_sdk_that_is_not_installed_says_how_to_install_it(
    name: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, f"providers.{name}.account", None)
    platform = providers.platform(name)
    with pytest.raises(Unsupported) as missing:
        async with platform.open(platform.connection(environ, None, tmp_path)):
            pass
    assert missing.value.fix == f"pip install 'tunewright[{name}]'"


@pytest.mark.anyio
async def test_a_sandbox_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "providers.sandbox", None)  # what an import finds without the extra
    platform = providers.platform("sandbox")
    with pytest.raises(Unsupported) as missing:
        async with platform.open(platform.connection({}, None, tmp_path)):
            pass
    assert missing.value.fix == "pip install 'tunewright[sandbox]'"


def test_the_embedded_sandbox_needs_no_environment_and_is_not_money(tmp_path: Path) -> None:
    connection = providers.platform("sandbox").connection({}, None, tmp_path)
    assert connection.is_sandbox
    assert not connection.is_own_host
    assert connection.state_dir == tmp_path / "sandbox"


def test_a_secret_does_not_print_itself_and_is_not_pickled() -> None:
    import pickle

    assert "xyzzy" not in repr(Secret("xyzzy"))
    with pytest.raises(TypeError):
        pickle.dumps(Secret("xyzzy"))
