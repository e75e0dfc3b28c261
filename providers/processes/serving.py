"""What a supervisor does more for a server than for a training: a port, a look whether it answers, an end when idle."""

from __future__ import annotations

import http.client
import json
import socket
import time

from .folder import Order, RunFolder
from .keeping import write_json

__all__ = ["Server"]

_PROBE_S = 0.2
_PROBE_TIMEOUT_S = 5.0
_LARGEST = 1_000_000


class Server:
    """One server that was started. `told`: the values of `{port}` and `{key}`."""

    def __init__(self, run: RunFolder, order: Order, told: dict[str, str], ready: bool = False) -> None:
        self._run = run
        self._idle_s = order.idle_timeout_s or 0.0
        self._ready = ready
        self._next_probe = 0.0
        self.told = told

    @classmethod
    def new(cls, run: RunFolder, order: Order) -> Server:
        """With a free port of its own; the wait for the first question begins now."""
        told = {"port": str(_free_port()), "key": run.key_file.read_text(encoding="ascii")}
        write_json(run.path / "server.json", {"port": int(told["port"]), "ready": False})
        run.asked.touch()
        return cls(run, order, told)

    @classmethod
    def known(cls, run: RunFolder, order: Order) -> Server:
        """One that an earlier supervisor has started."""
        seen = run.server()
        told = {"port": str(seen.get("port", 0)), "key": run.key_file.read_text(encoding="ascii")}
        return cls(run, order, told, ready=bool(seen.get("ready")))

    def look(self) -> None:
        """Note when it answers for the first time."""
        if self._ready or time.monotonic() < self._next_probe:
            return
        self._next_probe = time.monotonic() + _PROBE_S
        models = self._models()
        if models is not None:
            self._ready = True
            self._run.asked.touch()
            write_json(
                self._run.path / "server.json", {"port": int(self.told["port"]), "ready": True, "models": models}
            )
            self._run.note("ready", port=int(self.told["port"]))

    def is_idle(self) -> bool:
        """Whether nobody has asked it anything for as long as it is to wait; starting counts as being asked."""
        return self._ready and time.time() - self._run.asked.stat().st_mtime > self._idle_s

    def _models(self) -> list[str] | None:
        connection = http.client.HTTPConnection("127.0.0.1", int(self.told["port"]), timeout=_PROBE_TIMEOUT_S)
        try:
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {self.told['key']}"})
            answer = connection.getresponse()
            told = json.loads(answer.read(_LARGEST)) if answer.status == 200 else None
            return None if told is None else [str(row["id"]) for row in told["data"]]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return None  # not up yet
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
