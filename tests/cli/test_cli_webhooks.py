"""`webhooks serve` as a process: it says where it listens, takes what is signed, stops at Ctrl-C, tells no key."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import loopback

from providers.contract import Secret
from providers.webhooks import signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_it_serves_until_ctrl_c_and_tells_no_secret(start: Any, work: Path) -> None:
    running = start("webhooks", "serve", "--port", 0, "--json", env={"OPENAI_WEBHOOK_SECRET": SECRET})
    running.until("serving until Ctrl-C")
    where = json.loads(running.out_so_far())
    body, at = b'{"type": "batch.completed"}', int(time.time())
    headers = {"webhook-id": "m", "webhook-timestamp": str(at)}
    headers["webhook-signature"] = signature(Secret(SECRET), "m", at, body)
    assert loopback.post(where["webhooks"]["openai"], content=body, headers=headers).status_code == 204
    assert loopback.get(where["health"]).text == "ok\n"
    answer = running.interrupt()
    assert (answer.code, SECRET in answer.out + answer.err) == (0, False)
    assert where["ledger"] == str(work / ".tunewright" / "ledger.sqlite3")


def test_without_a_secret_it_does_not_start(tunewright: Any) -> None:
    error = tunewright("webhooks", "serve", "--json").error
    assert (error["exit_code"], "OPENAI_WEBHOOK_SECRET" in error["fix"]) == (2, True)


def test_a_port_that_is_taken_is_told(tunewright: Any, server: Any) -> None:
    port = httpx.URL(server.running.url).port
    error = tunewright("webhooks", "serve", "--port", port, "--json", env={"OPENAI_WEBHOOK_SECRET": SECRET}).error
    assert (error["exit_code"], error["where"]) == (2, f"127.0.0.1:{port}")
