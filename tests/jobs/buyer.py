"""A process of its own that buys one job and prints its id: the real protocol, or (naive) what an SDK does by itself.

Arguments: platform, the ledger's folder, the training file, the method, and perhaps "naive". Keys and URLs come by
environment.
"""

from __future__ import annotations

import os
import sys
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import anyio

import providers
from orchestrator.clock import SystemClock
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.submit import Order, submit
from orchestrator.ledger import Ledger
from providers.records import Hyperparameters, Method, Plan, ProviderFile

MODELS = {
    "openai": "gpt-4.1-mini-2025-04-14",
    "together": "Qwen/Qwen3-8B",
    "bedrock": "amazon.nova-micro-v1:0:128k",
}
SEEDLESS = {"bedrock"}


def order_of(name: str, path: Path, method: Method) -> Order:
    data = path.read_bytes()
    digest = sha256(data).hexdigest()
    plan = Plan(
        provider=name,
        account="here",
        model=MODELS[name],
        method=method,
        hyperparameters=Hyperparameters(epochs=2, seed=None if name in SEEDLESS else 7),
        train_sha256=digest,
        validation_sha256=None,
    )
    dialect = providers.platform(name).dialect(method).name
    file = ProviderFile(path, digest, len(data), len(data.splitlines()), "train", dialect)
    return Order(plan=plan, files=[file], reserve_usd=Decimal(7), run_id="run", sandbox=True)


async def buy(name: str, folder: Path, path: Path, method: Method) -> str | None:
    platform = providers.platform(name)
    desk = Desk(ledger=Ledger.open(folder), clock=SystemClock(), patience_s=5)
    async with platform.open(platform.connection(os.environ, None, folder)) as provider:
        return (await submit(desk, provider, order_of(name, path, method))).job_id


def buy_naively(path: Path) -> str:
    """Upload and create with the stock client as it comes: it repeats a POST whose answer was lost."""
    import openai

    with openai.OpenAI() as client:
        file = client.files.create(file=path, purpose="fine-tune")
        return client.fine_tuning.jobs.create(model=MODELS["openai"], training_file=file.id, seed=7).id


if __name__ == "__main__":
    name, folder, path = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    print(buy_naively(path) if "naive" in sys.argv else anyio.run(buy, name, folder, path, Method(sys.argv[4])))
