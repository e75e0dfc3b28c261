"""Two days on a clock that stands still unless it is moved: a platform, a worker and a receiver in their processes,
and the one who lets time pass, turns outages on and off, and pulls the plug.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("two_days_worker.py")
PLATFORM = """
import sys
from pathlib import Path
from providers.sandbox import Clock, Sandbox, run
state, at, pace_s, port = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
world = Sandbox(state, clock=Clock(at, running=False), pace_s=pace_s)
run(world, port=port, ready=lambda it: print(it.url, flush=True))
"""
_PATIENT_S = 120


class _Server(ThreadingHTTPServer):
    """Keeps what goes wrong in a request."""

    def __init__(self, problems: list[str], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._problems = problems

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if not isinstance(error, ConnectionError):  # whoever asked may be dead by now
            self._problems.append(traceback.format_exc())


class Conductor:
    """`now` in Unix seconds. What is planned happens when the worker lets time pass beyond it."""

    def __init__(self, folder: Path, *, pace_s: float, secret: str, command: list[str]) -> None:
        self.folder, self.home, self.began = folder, folder / "home", float(int(time.time()))
        self.now = self.began
        self.asked: Counter[tuple[str, str]] = Counter()
        self.started: Counter[str] = Counter()
        self.problems: list[str] = []
        self._pace_s, self._secret, self._command = pace_s, secret, command
        self._plan: list[tuple[float, Callable[[], object]]] = []
        self._lock = threading.RLock()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._platform_at = self.began
        self.platform_url = ""
        self._receiver_port = 0
        # One client: to make another costs more than to let two days pass.
        self._http = httpx.Client(trust_env=False, verify=False, timeout=_PATIENT_S)
        self._server = _Server(self.problems, self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    # ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def at(self, hours: float, happens: Callable[[], object]) -> None:
        """Plan something for that many hours after the beginning."""
        self._plan.append((self.began + hours * 3600, happens))
        self._plan.sort(key=lambda planned: planned[0])

    def sleep(self, seconds: float, until: float | None) -> float:
        """Let time pass until the later of both, or until something planned has happened."""
        with self._lock:
            target = max(self.now + seconds, until or 0.0)
            if self._plan and self._plan[0][0] <= target:
                moment, happens = self._plan.pop(0)
                self.go(max(moment, self.now))
                happens()
            else:
                self.go(target)
            return self.now

    def go(self, moment: float) -> None:
        """Time is `moment` now, at the platform too if it is up."""
        self.now = moment
        if "platform" in self._processes and self.now > self._platform_at:
            self.admin("POST", "clock", {"advance_s": self.now - self._platform_at})
            self._platform_at = self.now

    # ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def environ(self) -> dict[str, str]:
        """What points tunewright at the platform."""
        here = {"OPENAI_BASE_URL": f"{self.platform_url}/openai/v1", "OPENAI_API_KEY": "sk-sandbox-two-days"}
        return {**here, "OPENAI_WEBHOOK_SECRET": self._secret, "HOME": str(self.folder), "PATH": os.environ["PATH"]}

    def start_platform(self) -> None:
        port = httpx.URL(self.platform_url).port if self.platform_url else 0
        words = [str(self.folder / "platform"), str(self.began), str(self._pace_s), str(port)]
        self.platform_url = self._start("platform", ["-c", PLATFORM, *words]).strip()
        self.go(self.now)

    def start_receiver(self) -> str:
        """Where it takes webhooks, at the same address each time."""
        words = ["webhooks", "serve", "--port", str(self._receiver_port), "--home", str(self.home)]
        line = self._start("receiver", ["-m", "orchestrator.cli", *words])
        url = line.split()[-1]
        self._receiver_port = httpx.URL(url).port or 0
        return url

    def start_worker(self) -> None:
        url = "http://127.0.0.1:%d" % self._server.server_address[1]  # noqa: UP031
        self._start("worker", [str(WORKER), str(self.home), url, *self._command], waits=False)

    def _start(self, name: str, words: list[str], *, waits: bool = True) -> str:
        log = (self.folder / f"{name}.log").open("a")
        process = subprocess.Popen(
            [sys.executable, *words], env=self.environ, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=log
        )
        log.close()
        self._processes[name] = process
        self.started[name] += 1
        assert process.stdout is not None
        return process.stdout.readline() if waits else ""

    def kill(self, *names: str) -> None:
        """SIGKILL, without warning."""
        for name in names:
            if name == "platform":
                self._count()
            process = self._processes.pop(name)
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def restart_platform(self) -> None:
        self.start_platform()

    def reboot(self, down_hours: float) -> None:
        """Everything dies at once, and comes back later."""
        self.kill("worker", "platform", "receiver")
        self.go(self.now + down_hours * 3600)
        self.start_platform()
        self.start_receiver()
        self.start_worker()

    def alive(self, name: str) -> bool:
        return self._processes[name].poll() is None

    def close(self) -> None:
        with self._lock:
            self.kill(*list(self._processes))
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._http.close()

    # ── the platform ────────────────────────────────────────────────────────────────────────────────────────────────

    def admin(self, method: str, what: str, body: Any = None) -> Any:
        return self._http.request(method, f"{self.platform_url}/_sandbox/{what}", json=body).json()

    def out(self, from_hours: float, to_hours: float, fault: str) -> None:
        """An outage: the fault on every request, or ("refused") nobody there at all."""
        if fault == "refused":
            self.at(from_hours, lambda: self.kill("platform"))
            self.at(to_hours, self.restart_platform)
        else:
            self.at(from_hours, lambda: self.admin("POST", "faults", {"name": fault, "count": None, "path": ""}))
            self.at(to_hours, lambda: self.admin("DELETE", f"faults?name={fault}"))

    def await_delivery(self) -> None:
        """Real time passes until the webhook was taken."""
        deadline, tick = time.monotonic() + _PATIENT_S, threading.Event()
        while not any(sent["taken"] for sent in self.admin("GET", "webhooks")["deliveries"]):
            if time.monotonic() > deadline:
                self.problems.append("the webhook was never taken")
                return
            tick.wait(0.02)

    def requests(self) -> Counter[tuple[str, str]]:
        """How often each (method, path) was asked, over all the platform's lives."""
        self._count()
        return self.asked

    def _count(self) -> None:
        for row in self.admin("GET", "requests")["requests"]:
            self.asked[row["method"], row["path"]] += row["count"]
        self.admin("DELETE", "requests")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        conductor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                told = json.dumps({"now": conductor.sleep(asked["s"], asked["until"])}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_words: Any) -> None:
                return

        return Handler
