"""A small HTTP server around an answer command: one question at a time as a JSON line in, one answer as a line out.

    python … COMMAND ARGUMENTS      with TUNEWRIGHT_PORT, TUNEWRIGHT_KEY and TUNEWRIGHT_MODEL in the environment

It speaks `/v1/models` and `/v1/chat/completions` at 127.0.0.1, to whoever knows the key. When the command ends, so does
it: its supervisor notes what the command said last.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

__all__ = ["Answerer", "main"]

_ASKED = ("messages", "temperature", "max_tokens", "seed")
_LARGEST = 16 * 1024 * 1024


class Answerer:
    """The answer command as a running process. Raises `OSError` where it has ended, `ValueError` for no answer."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._turn = threading.Lock()

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """What it says to one question."""
        asked = {"id": uuid.uuid4().hex, **question}
        with self._turn:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(asked, ensure_ascii=False).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise OSError("the answer command has ended")
        said = json.loads(line)
        if not isinstance(said, dict) or said.get("id") != asked["id"]:
            raise ValueError("the answer is not one to this question: it must be a JSON object with the question's id")
        if not isinstance(said.get("text"), str) and not said.get("error"):
            raise ValueError("the answer holds neither text nor error")
        return said

    def wait(self) -> int:
        """Its exit status, when it ends."""
        return self._process.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, key: str, model: str, answerer: Answerer) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.key, self.model, self.answerer = key, model, answerer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if not self._allowed():
            return
        if self.path.partition("?")[0] != "/v1/models":
            self._refuse(404, "not_found", f"there is no {self.path} here")
            return
        self._say(200, {"object": "list", "data": [{"id": self.server.model, "object": "model", "owned_by": "you"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LARGEST))
        if not self._allowed():
            return
        if self.path.partition("?")[0] != "/v1/chat/completions":
            self._refuse(404, "not_found", f"there is no {self.path} here")
            return
        try:
            asked = json.loads(body)
            wanted = str(asked["model"])
            question = {
                name: asked[name] for name in ("messages", "temperature", "max_tokens", "seed") if name in asked
            }
        except (ValueError, KeyError, TypeError):
            self._refuse(400, "invalid_request_error", "the question is no JSON object with model and messages")
            return
        if wanted != self.server.model:
            self._refuse(404, "model_not_found", f"the model {wanted} is not served here")
            return
        self._answer(question, bool(asked.get("stream")))

    def _answer(self, question: Mapping[str, Any], stream: bool) -> None:
        try:
            said = self.server.answerer.answer(question)
        except (OSError, ValueError) as error:
            self._refuse(500, "server_error", str(error))
            return
        if said.get("error"):
            self._refuse(400, "invalid_request_error", str(said["error"]))
            return
        counted = [said.get(name) for name in ("input_tokens", "output_tokens")]
        usage = None
        if all(isinstance(count, int) for count in counted):
            usage = {"prompt_tokens": counted[0], "completion_tokens": counted[1], "total_tokens": sum(counted)}  # type: ignore[arg-type]
        about = {"id": f"chatcmpl-{said['id']}", "created": int(time.time()), "model": self.server.model}
        (self._stream if stream else self._whole)(about, said["text"], usage)

    def _whole(self, about: Mapping[str, Any], text: str, usage: Mapping[str, Any] | None) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self._say(200, {"object": "chat.completion", **about, "choices": [choice], "usage": usage})

    def _stream(self, about: Mapping[str, Any], text: str, usage: Mapping[str, Any] | None) -> None:
        """The command answers whole, so its words come in one piece."""
        chunk = {"object": "chat.completion.chunk", **about}
        first = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        parts = [{**chunk, "choices": [first]}, {**chunk, "choices": [last]}, {**chunk, "choices": [], "usage": usage}]
        data = "".join(f"data: {json.dumps(part, ensure_ascii=False)}\n\n" for part in parts) + "data: [DONE]\n\n"
        self._send(200, "text/event-stream", data.encode())

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.server.key.encode()):
            return True
        self._refuse(401, "invalid_api_key", "this server answers only to whoever started it")
        return False

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._say(status, {"error": {"message": message, "type": code, "code": code}})

    def _say(self, status: int, told: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(told, ensure_ascii=False).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Questions are not logged: they are the user's own data."""


def main(command: Sequence[str]) -> NoReturn:
    """Serve until the command ends, or this process is told to."""
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
    answerer = Answerer(command)
    told = {name: os.environ[f"TUNEWRIGHT_{name}"] for name in ("PORT", "KEY", "MODEL")}
    server = _Server(int(told["PORT"]), told["KEY"], told["MODEL"], answerer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    status = answerer.wait()
    print(f"the answer command ended with exit status {status}", file=sys.stderr, flush=True)
    os._exit(1)
