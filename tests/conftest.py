"""For every test: no network but loopback, no key of the machine's owner, and an empty folder to stand in."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_NOT_OURS = ("OPENAI_", "TOGETHER_", "TUNEWRIGHT_")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections, datagrams and name look-ups that would leave this machine end the test.

    With `pytest.fail`, because it is no `Exception`: an SDK would make a connection error of any other.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket.socket, "sendto", _guarded(socket.socket.sendto, at=-1))
        patch.setattr(socket, "getaddrinfo", _known_names_only(socket.getaddrinfo))
        yield


def _guarded(method: Any, at: int = 0) -> Any:
    def call(self: socket.socket, *args: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_far(args[at][0])
        return method(self, *args)

    return call


def _known_names_only(look_up: Any) -> Any:
    def call(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host:
            _refuse_far(host.decode() if isinstance(host, bytes) else host)
        return look_up(host, *args, **kwargs)

    return call


def _refuse_far(host: str) -> None:
    if host != "localhost" and not _loopback(host):
        pytest.fail(f"a test tried to reach {host}; only loopback is allowed", pytrace=False)


def _loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(autouse=True)
def clean_place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and home, so that nothing of the machine's is found: no `.env`, `.tunewright/`,
    configuration, or variable that holds a key or a setting. A test's own `tmp_path` stays empty."""
    for name in os.environ:
        if name.startswith(_NOT_OURS):
            monkeypatch.delenv(name)
    place = tmp_path_factory.mktemp("place")
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.chdir(place)
    return place
