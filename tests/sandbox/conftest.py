"""The sandbox on a clock that only tests move, served on loopback, and the stock clients pointed at it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import openai
import pytest
import together

from providers.sandbox import Clock, RunningSandbox, Sandbox, serve

NOW = 1_795_000_000.0
WORDS = {
    "billing": ("invoice", "refund", "charge", "receipt", "payment"),
    "login": ("password", "locked", "signin", "account", "code"),
    "shipping": ("parcel", "courier", "late", "tracking", "delivery"),
}
SYSTEM = "Sort the message. Labels: billing, login, shipping."

Pairs = list[tuple[str, str]]


@pytest.fixture
def pairs() -> Pairs:
    """Sixty (text, label) pairs that a word counter can learn."""
    rng = random.Random(7)
    labels = sorted(WORDS) * 20
    texts = (f"my {rng.choice(WORDS[label])} and {rng.choice(WORDS[label])} no {i}" for i, label in enumerate(labels))
    return list(zip(texts, labels, strict=True))


@pytest.fixture
def chat_file() -> Callable[[Pairs], bytes]:
    """Pairs as the bytes of a chat training file."""

    def encode(pairs: Pairs) -> bytes:
        return "".join(json.dumps({"messages": _messages(text, label)}) + "\n" for text, label in pairs).encode()

    return encode


def _messages(text: str, label: str) -> list[dict[str, str]]:
    turns = (("system", SYSTEM), ("user", text), ("assistant", label))
    return [{"role": role, "content": content} for role, content in turns]


@pytest.fixture
def ask() -> Callable[[str], list[dict[str, str]]]:
    """The prompt for one text, as it was trained."""
    return lambda text: _messages(text, "")[:-1]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(None, clock=Clock(NOW, running=False), pace_s=10) as world:
        yield world


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[RunningSandbox]:
    with serve(sandbox) as running:
        yield running


@pytest.fixture
def client(served: RunningSandbox) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.openai_base_url, api_key=served.api_key, max_retries=0) as stock:
        yield stock


@pytest.fixture
def tog(served: RunningSandbox) -> Iterator[together.Together]:
    with together.Together(
        base_url=served.together_base_url, api_key=served.api_key, project_id="proj_sandbox", max_retries=0
    ) as stock:
        yield stock


@pytest.fixture
def http(served: RunningSandbox) -> Iterator[httpx.Client]:
    """A plain client at the sandbox's root, with the key."""
    with httpx.Client(
        base_url=served.url, trust_env=False, verify=False, headers={"Authorization": f"Bearer {served.api_key}"}
    ) as plain:
        yield plain


@pytest.fixture
def new_job(client: openai.OpenAI, pairs: Pairs, chat_file: Callable[[Pairs], bytes]) -> Callable[..., str]:
    """Upload the pairs and start a job on OpenAI's wire; returns its id."""

    def create(**extra: object) -> str:
        file = client.files.create(file=("t.jsonl", chat_file(pairs)), purpose="fine-tune")
        asked = {"model": "sandbox-small", "training_file": file.id, "seed": 7, **extra}
        return client.fine_tuning.jobs.create(**asked).id  # type: ignore[arg-type]

    return create


@pytest.fixture
def train_file(tmp_path: Path, pairs: Pairs, chat_file: Callable[[Pairs], bytes]) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_bytes(chat_file(pairs))
    return path
