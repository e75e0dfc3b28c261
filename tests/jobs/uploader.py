"""A process of its own that uploads one file in parts of a given size, and prints the file's id at the platform.

Arguments: platform, the ledger's folder, the file, bytes of a part. Keys and URLs come by environment.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path

import anyio

import providers
from orchestrator.clock import SystemClock
from orchestrator.jobs.desk import Desk
from orchestrator.jobs.submit import new_intent
from orchestrator.jobs.uploading import upload
from orchestrator.ledger import Intent, Ledger
from providers.contract import Connection
from providers.records import Hyperparameters, Method, Plan, ProviderFile


def file_of(path: Path) -> ProviderFile:
    with path.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    return ProviderFile(path, digest, path.stat().st_size, 1, "train", "chat")


def intent_of(name: str, file: ProviderFile) -> Intent:
    plan = Plan(
        provider=name,
        account="here",
        model="any",
        method=Method.SFT,
        hyperparameters=Hyperparameters(),
        train_sha256=file.sha256,
        validation_sha256=None,
    )
    return new_intent(plan, SystemClock().now(), sandbox=True)


def in_parts(connection: Connection, part_bytes: int) -> Connection:
    options = {"upload_whole_up_to": str(part_bytes), "upload_part_bytes": str(part_bytes)}
    return replace(connection, options=options)


async def send(name: str, folder: Path, path: Path, part_bytes: int) -> str:
    platform, file = providers.platform(name), file_of(path)
    desk = Desk(ledger=Ledger.open(folder, os.environ), clock=SystemClock(), patience_s=5)
    connection = in_parts(platform.connection(os.environ, None, folder), part_bytes)
    async with platform.open(connection) as provider:
        return await upload(desk, provider, intent_of(name, file), file)


if __name__ == "__main__":
    print(anyio.run(send, sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
