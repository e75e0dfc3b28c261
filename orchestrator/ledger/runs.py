"""Runs, uploads, evaluations and answers: the plainer tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from . import schema
from .codec import dump, load_json
from .engine import put_all, writing
from .history import append, iso

__all__ = ["Answers", "Run", "Runs", "Uploads"]

_RUN_COLUMNS: tuple[str, ...] = ("provider", "model", "intent_id", "evaluation_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of the tool in one project. `record` holds what is not a key: settings, quote, rule, verdict, paths."""

    id: str
    created_at: datetime
    stage: str
    provider: str | None = None
    model: str | None = None
    intent_id: str | None = None
    evaluation_id: str | None = None
    project: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)


class Runs:
    """The run table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def start(self, run: Run) -> Run:
        """Write a new run."""
        with writing(self._engine) as connection:
            connection.execute(
                schema.run.insert().values(
                    id=run.id,
                    created_at=iso(run.created_at),
                    updated_at=iso(run.created_at),
                    stage=run.stage,
                    provider=run.provider,
                    model=run.model,
                    intent_id=run.intent_id,
                    evaluation_id=run.evaluation_id,
                    project=run.project,
                    record=dump(run.record),
                )
            )
            append(connection, run.created_at, f"run:{run.id}", run.stage)
        return run

    def update(self, run_id: str, now: datetime, *, stage: str | None = None, **values: Any) -> Run:
        """Change a run; keys that are not columns go into `record`."""
        columns = {key: values.pop(key) for key in _RUN_COLUMNS if key in values}
        with writing(self._engine) as connection:
            before = connection.execute(sa.select(schema.run).where(schema.run.c.id == run_id)).one()
            record = {**load_json(before.record), **values}
            change: dict[str, Any] = {
                "updated_at": iso(now),
                "record": dump(record),
                "stage": stage or before.stage,
                **columns,
            }
            connection.execute(schema.run.update().where(schema.run.c.id == run_id).values(**change))
            if stage and stage != before.stage:
                append(connection, now, f"run:{run_id}", stage)
        return self.get(run_id)

    def get(self, run_id: str) -> Run:
        """Raises KeyError when there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(schema.run).where(schema.run.c.id == run_id)).first()
        if row is None:
            raise KeyError(run_id)
        return _run(row)

    def of_intent(self, intent_id: str) -> tuple[Run, ...]:
        """The runs that bought, or came back to, this intent."""
        query = sa.select(schema.run).where(schema.run.c.intent_id == intent_id)
        with self._engine.connect() as connection:
            return tuple(_run(row) for row in connection.execute(query))

    def newest(self) -> Run | None:
        """The newest run, or None in an empty ledger."""
        return next(iter(self.all(limit=1)), None)

    def all(self, limit: int = 50) -> tuple[Run, ...]:
        """Newest first."""
        query = sa.select(schema.run).order_by(schema.run.c.created_at.desc(), schema.run.c.id).limit(limit)
        with self._engine.connect() as connection:
            return tuple(_run(row) for row in connection.execute(query))


class Uploads:
    """Which bytes an account already holds: one row a (provider, account, content hash)."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, provider: str, account: str, sha256: str) -> str | None:
        """The remote id of those bytes, as last known."""
        table = schema.upload
        query = sa.select(table.c.remote_id).where(
            table.c.provider == provider, table.c.account == account, table.c.sha256 == sha256
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def put(self, provider: str, account: str, sha256: str, remote_id: str, size: int, now: datetime) -> None:
        """Remember where those bytes are."""
        table = schema.upload
        key = {"provider": provider, "account": account, "sha256": sha256}
        with writing(self._engine) as connection:
            connection.execute(table.delete().where(*(table.c[name] == value for name, value in key.items())))
            connection.execute(table.insert().values(**key, remote_id=remote_id, size=size, at=iso(now)))


class Answers:
    """Evaluations and their answers, stored as they arrive, so that nothing is paid twice."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, evaluation_id: str, spec: Any, rule: Any, now: datetime) -> Mapping[str, Any]:
        """Record what will be asked and the rule that will decide, before the first question. Answers the rule kept.

        An evaluation begun before keeps its first rule: the rule cannot be chosen to suit the result.
        """
        table = schema.evaluation
        with writing(self._engine) as connection:
            known = connection.execute(sa.select(table.c.rule).where(table.c.id == evaluation_id)).scalar()
            if known is not None:
                return load_json(known)
            connection.execute(
                table.insert().values(id=evaluation_id, spec=dump(spec), rule=dump(rule), created_at=iso(now))
            )
            append(connection, now, f"evaluation:{evaluation_id}", "begun")
        return load_json(dump(rule))

    def spec(self, evaluation_id: str) -> str | None:
        """What was asked of whom, as JSON; None where no such evaluation was begun."""
        query = sa.select(schema.evaluation.c.spec).where(schema.evaluation.c.id == evaluation_id)
        with self._engine.connect() as connection:
            found: str | None = connection.execute(query).scalar()
        return found

    def put(self, evaluation_id: str, answers: Sequence[tuple[str, str, int, str]]) -> None:
        """Keep some (candidate, row key, sample, answer) in one transaction; a later try replaces a failed one."""
        rows = [
            {"evaluation_id": evaluation_id, "candidate": c, "row_key": k, "sample": s, "answer": a}
            for c, k, s, a in answers
        ]
        with writing(self._engine) as connection:
            put_all(connection, schema.answer, rows)

    def page(
        self, evaluation_id: str, after: tuple[str, str, int] | None, size: int
    ) -> list[tuple[str, str, int, str]]:
        """The next `size` of (candidate, row key, sample, the answer's JSON) by key; `after`: the last key read."""
        table = schema.answer
        key = (table.c.candidate, table.c.row_key, table.c.sample)
        query = sa.select(*key, table.c.answer).where(table.c.evaluation_id == evaluation_id)
        if after is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*after))
        with self._engine.connect() as connection:
            return [(c, k, s, a) for c, k, s, a in connection.execute(query.order_by(*key).limit(size))]


def _run(row: Any) -> Run:
    return Run(
        id=row.id,
        created_at=datetime.fromisoformat(row.created_at),
        stage=row.stage,
        provider=row.provider,
        model=row.model,
        intent_id=row.intent_id,
        evaluation_id=row.evaluation_id,
        project=row.project,
        record=load_json(row.record),
    )
