"""A chat server of its own process that costs next to nothing: one answer for every question, after a fixed time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ANSWER", "server"]

ANSWER = "lost_card"


@contextmanager
def server(answers_in_s: float) -> Iterator[str]:
    """Its URL, while the block lasts."""
    command = [sys.executable, __file__, str(answers_in_s)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(running.stdout.readline())}"
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def _told() -> bytes:
    message = {"role": "assistant", "content": ANSWER}
    usage = {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    about = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    body = json.dumps({**about, "choices": [choice], "usage": usage})
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head + body).encode()


class _Answering(asyncio.Protocol):
    """One connection: questions come one after the other, each with its length."""

    told = _told()

    def __init__(self, answers_in_s: float) -> None:
        self._answers_in_s = answers_in_s
        self._loop = asyncio.get_running_loop()
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._read[:end]).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            if len(self._read) < end + 4 + length:
                return
            del self._read[: end + 4 + length]
            self._loop.call_later(self._answers_in_s, self._transport.write, self.told)


async def _serve(answers_in_s: float) -> None:
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: _Answering(answers_in_s), "127.0.0.1", 0, backlog=512)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
