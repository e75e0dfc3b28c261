"""Opening: a blank file is made, an old one kept, a strange one refused in words; no key is ever in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import orchestrator.ledger
from orchestrator.errors import TunewrightError, UsageError
from orchestrator.home import find_home
from orchestrator.ledger import Ledger
from orchestrator.ledger.engine import LATEST, open_engine
from orchestrator.ledger.schema import METADATA

VERSION = sa.text("SELECT version_num FROM alembic_version")
MIGRATIONS = Path(orchestrator.ledger.__file__).parent / "migrations"


@pytest.fixture
def connection(ledger: Ledger, tmp_path: Path, environ_of: Callable[[Path], dict[str, str]]) -> Iterator[sa.Connection]:
    """A connection of our own beside the ledger's."""
    file = f"sqlite:///{tmp_path / 'home' / 'ledger.sqlite3'}"
    engine = sa.create_engine(environ_of(tmp_path / "home").get("TUNEWRIGHT_DATABASE_URL", file))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_a_blank_place_gets_a_ledger_with_every_table(connection: sa.Connection) -> None:
    assert {*sa.inspect(connection).get_table_names()} >= set(METADATA.tables)


def test_the_migrations_make_the_very_schema_that_the_code_uses(connection: sa.Connection) -> None:
    assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


@pytest.mark.sqlite_only
def test_a_blank_file_is_made_as_the_migrations_would_have_made_it(connection: sa.Connection, tmp_path: Path) -> None:
    config = _migrations()
    replayed = sa.create_engine(f"sqlite:///{tmp_path / 'replayed.sqlite3'}")
    with replayed.begin() as config.attributes["connection"]:
        command.upgrade(config, "head")
    with replayed.connect() as other:
        assert _described(connection) == _described(other)
        assert connection.execute(VERSION).all() == other.execute(VERSION).all() == [(LATEST,)]
    replayed.dispose()


def _described(connection: sa.Connection) -> dict[str, Any]:
    """Everything that reflection tells of each table, but for the order of columns."""
    seen = sa.inspect(connection)
    return {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"], column["default"]) for column in columns},
            seen.get_pk_constraint(table),
            seen.get_indexes(table),
            seen.get_foreign_keys(table),
            seen.get_unique_constraints(table),
            seen.get_check_constraints(table),
        )
        for (_, table), columns in seen.get_multi_columns().items()
    }


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    assert ScriptDirectory.from_config(_migrations()).get_current_head() == LATEST


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def test_opening_again_keeps_what_was_written(open_ledger: Callable[..., Ledger], now: datetime) -> None:
    open_ledger().budget.set_cap("month", Decimal(9), now)
    assert open_ledger().budget.caps() == {"month": Decimal(9)}


@pytest.mark.slow
def test_two_processes_may_make_a_blank_ledger_at_once(workers: Callable[..., list[str]]) -> None:
    assert workers("open", count=3) == ["0\n"] * 3


def test_a_ledger_of_a_newer_tunewright_is_refused_by_name(
    connection: sa.Connection, open_ledger: Callable[..., Ledger]
) -> None:
    connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    connection.commit()
    with pytest.raises(TunewrightError, match="newer tunewright"):
        open_ledger()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"these are my notes, and no database at all\n" * 50)
    with pytest.raises(UsageError, match="not a database"):
        Ledger.open(tmp_path, {})
    assert path.read_bytes().startswith(b"these are my notes")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(UsageError, match="cannot make the folder"):
        Ledger.open(tmp_path / "home", {})


def test_a_folder_with_strange_letters_is_a_folder_like_any_other(open_ledger: Any, now: datetime) -> None:
    open_ledger("50 % of? #all é").budget.set_cap("run", Decimal(1), now)
    assert open_ledger("50 % of? #all é").budget.caps()


@pytest.mark.slow
@pytest.mark.sqlite_only
def test_a_full_disk_is_said_and_the_ledger_works_again_afterwards(workers: Callable[..., list[str]]) -> None:
    said, works = workers("fill", count=1)[0].splitlines()
    assert "no space left on the disk" in said
    assert "free some space" in said
    assert works == "True True"


@pytest.mark.sqlite_only
def test_a_writer_commits_durably_and_a_reader_does_not_wait_for_it(tmp_path: Path, ledger: Ledger) -> None:
    writer = sqlite3.connect(tmp_path / "home" / "ledger.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert ledger.runs.all() == ()
    writer.close()


def test_commits_reach_the_disk_before_they_are_believed(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with engine.connect() as connection:
        modes = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    engine.dispose()
    assert modes == ["wal", 2]


def test_the_nearest_home_above_is_found_as_git_finds_its_own(tmp_path: Path) -> None:
    (tmp_path / ".tunewright").mkdir()
    below = tmp_path / "a" / "b"
    assert (find_home(below), find_home(tmp_path / ".tunewright" / "x")) == (tmp_path / ".tunewright",) * 2


def test_a_password_in_the_database_url_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(TunewrightError) as refused:
        Ledger.open(tmp_path, {"TUNEWRIGHT_DATABASE_URL": f"sqlite://user:s3cret@/{tmp_path}/no/such/folder.db"})
    assert "s3cret" not in f"{refused.value} {refused.value.where} {refused.value.fix}"


@pytest.mark.sqlite_only
def test_a_ledger_that_cannot_be_opened_is_the_users_to_mend_only_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ledger.sqlite3"
    file.mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        open_engine(f"sqlite:///{file}")
    file.rmdir()

    def refuse(*_args: Any, **_options: Any) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3.dbapi2, "connect", refuse)  # what only a disk that fails makes SQLite say
    with pytest.raises(TunewrightError, match="no space left on the disk, or it fails") as full:
        open_engine(f"sqlite:///{file}")
    assert not isinstance(full.value, UsageError)
