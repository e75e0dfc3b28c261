"""For every test: no network but loopback, no key of the machine's owner, and an empty folder to stand in."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from postgres_server import Server

# A shared machine has slow seconds; how long an example takes is no promise of ours.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: where each process takes a file at a time, none should begin a long one last."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """What was collected stays to the end: half a gigabyte that no search for garbage need look through again."""
    gc.collect()
    gc.freeze()


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database postgresql` gives every test that opens a ledger through our fixtures a database on a real server."""
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server; where it cannot run, the skip says why."""
    server = pytest.importorskip("postgres_server", reason="psycopg is not installed", exc_type=ImportError)
    try:
        with server.running() as running:
            _with_tables(running)
            yield running
    except server.CannotRun as why:
        pytest.skip(f"PostgreSQL cannot run here: {why}")


def _with_tables(server: Server) -> None:
    """One database with the newest tables, of which every other is a copy: migrating each would take a second."""
    from orchestrator.ledger.engine import open_engine

    open_engine(server.make("migrated")).dispose()


@pytest.fixture
def make_database(postgres: Server) -> Iterator[Callable[[], str]]:
    """Makes an empty ledger's database with its tables; answers its URL."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test-{uuid.uuid4().hex[:12]}")
        return postgres.make(made[-1], like="migrated")

    yield make
    for database in made:
        postgres.drop(database)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which database ledgers are opened on. Parametrize it to have a test on both."""
    chosen = str(getattr(request, "param", request.config.getoption("--database")))
    if chosen == "postgresql" and request.node.get_closest_marker("sqlite_only"):
        pytest.skip("it is about SQLite's own file")
    return chosen


@pytest.fixture
def environ_of(database: str, request: pytest.FixtureRequest) -> Callable[[Path], dict[str, str]]:
    """The environment by which the ledger of a folder is opened: the same folder, the same ledger."""
    if database == "sqlite":
        return lambda _folder: {}
    make, urls = request.getfixturevalue("make_database"), dict[Path, str]()

    def environ(folder: Path) -> dict[str, str]:
        if folder not in urls:
            urls[folder] = make()
        return {"TUNEWRIGHT_DATABASE_URL": urls[folder]}

    return environ
