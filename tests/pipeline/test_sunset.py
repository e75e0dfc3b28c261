"""Models that are about to end: refused without a word before anything is sent, said in verdicts, listed with dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import loopback
import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.config import Config, SubmissionConfig
from orchestrator.errors import BudgetRefused, ExitCode, SunsetRefused
from orchestrator.ledger import Run
from orchestrator.nouns.sunset import Sunset, joined, of_account
from orchestrator.pipeline.lifespan import ends_soon, refuse_by_platform, shutdown_of
from orchestrator.pipeline.session import Account, platform_named
from orchestrator.settings import RunSettings
from providers.contract import Connection
from providers.errors import Closed
from providers.records import RemoteModel

pytest.importorskip("starlette")
import anyio.lowlevel

from providers.sandbox import RunningSandbox, Sandbox, serve
from providers.sandbox.clock import Clock as SandboxClock

pytestmark = pytest.mark.anyio

MODEL = "openai:gpt-4.1-mini-2025-04-14"
ENDS = date(2027, 1, 14)


@dataclass
class At:
    """A clock that stands."""

    day: date

    def now(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    lines = [f"card {n} parcel{n} refund{n} desk{n},{('lost', 'late', 'open')[n % 3]}" for n in range(60)]
    path.write_text("\n".join(["input,output", *lines]), encoding="utf-8")
    return path


@pytest.fixture
def on_day(tmp_path: Path) -> Callable[..., AsyncOrchestrator]:
    """The platform's own host on that day, with a key that nobody will ever see: no test may reach it."""

    def make(day: date, config: Config | None = None) -> AsyncOrchestrator:
        environ = {"OPENAI_API_KEY": "sk-nobody"}
        return AsyncOrchestrator(tmp_path / "home", config=config or Config(), environ=environ, clock=At(day))

    return make


def refuse(_quote: Any, _settings: Any) -> None:
    raise BudgetRefused("asked for consent")


async def test_a_model_with_thirty_days_left_needs_a_word_before_anybody_is_asked(on_day: Any, pairs: Path) -> None:
    with pytest.raises(SunsetRefused, match="in 30 days") as refused:
        await on_day(date(2026, 12, 15)).submit(pairs, to=MODEL, consent=refuse)
    assert refused.value.exit_code == ExitCode.BUDGET_REFUSED
    assert "--accept-sunset" in refused.value.fix


async def test_with_thirty_one_days_left_consent_is_asked_as_ever(on_day: Any, pairs: Path) -> None:
    with pytest.raises(BudgetRefused, match="asked for consent"):
        await on_day(date(2026, 12, 14)).submit(pairs, to=MODEL, consent=refuse)


async def test_a_word_goes_on_by_option_or_configuration(on_day: Any, pairs: Path) -> None:
    day, config = date(2027, 1, 2), Config(submission=SubmissionConfig(accept_sunset=True))
    with pytest.raises(BudgetRefused, match="asked for consent"):
        await on_day(day).submit(pairs, to=MODEL, consent=refuse, accept_sunset=True)
    with pytest.raises(BudgetRefused, match="asked for consent"):
        await on_day(day, config).submit(pairs, to=MODEL, consent=refuse)


async def test_a_platform_that_takes_no_jobs_any_more_is_closed_before_anything_is_uploaded(
    on_day: Any, pairs: Path
) -> None:
    with pytest.raises(Closed, match="2027-01-06"):
        await on_day(date(2027, 1, 7)).submit(pairs, to=MODEL, consent=refuse)


async def test_a_quote_and_a_dry_run_say_that_a_word_is_needed(on_day: Any, pairs: Path) -> None:
    library = on_day(date(2026, 12, 20))
    (told,) = await library.estimate(pairs, to=MODEL)
    quoted, _ = await library.dry_run(pairs, to=MODEL)
    for warnings in (told.warnings, quoted.warnings):
        assert any("in 25 days" in warning and "--accept-sunset" in warning for warning in warnings)


def settings(**changes: Any) -> RunSettings:
    return RunSettings(pairs=Path("pairs.csv"), **changes)


def test_the_platforms_own_date_is_held_against_the_same_line() -> None:
    with pytest.raises(SunsetRefused, match="the platform says so"):
        refuse_by_platform(MODEL, ENDS, settings(), date(2026, 12, 20), sandbox=False)
    refuse_by_platform(MODEL, ENDS, settings(), date(2026, 12, 14), sandbox=False)
    refuse_by_platform(MODEL, ENDS, settings(accept_sunset=True), date(2026, 12, 20), sandbox=False)
    refuse_by_platform(MODEL, None, settings(), date(2026, 12, 20), sandbox=False)


def test_play_money_is_never_refused_for_a_date() -> None:
    refuse_by_platform(MODEL, ENDS, settings(), date(2026, 12, 20), sandbox=True)


def test_what_the_platform_answered_outranks_the_quote() -> None:
    run = Run(id="r", created_at=datetime(2026, 11, 1, tzinfo=UTC), stage="trained", record={"shutdown": "2027-02-01"})
    assert shutdown_of(run, None) == date(2027, 2, 1)


@pytest.mark.parametrize(("on", "said"), [(date(2026, 10, 16), False), (date(2026, 10, 17), True)])
def test_a_verdict_speaks_of_an_end_under_ninety_days_away(on: date, said: bool) -> None:
    assert (ends_soon(ENDS, on) is not None) is said


@pytest.fixture
def december() -> Iterator[RunningSandbox]:
    """A server that answers the base's end, 25 days ahead, on a clock of its own."""
    clock = SandboxClock(datetime(2026, 12, 20, 12, tzinfo=UTC).timestamp())
    with Sandbox(None, pace_s=0, clock=clock) as world, serve(world) as running:
        yield running


def methods(server: RunningSandbox) -> set[str]:
    """How it was asked."""
    return {row["method"] for row in loopback.get(f"{server.url}/_sandbox/requests").json()["requests"]}


@dataclass
class Moving(At):
    """A clock that only waiting moves."""

    waited: timedelta = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.waited

    async def sleep(self, seconds: float) -> None:
        self.waited += timedelta(seconds=seconds)
        await anyio.lowlevel.checkpoint()


async def test_the_platforms_own_date_refuses_before_anything_is_uploaded(
    december: RunningSandbox, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "is_sandbox", property(lambda _connection: False))
    prices, items = tmp_path / "prices.toml", ("train", "input", "output", "tuned_input", "tuned_output")
    prices.write_text("".join(f'[[price]]\nitem = "{item}"\nusd = "1.00"\nas_of = 2026-12-01\n' for item in items))
    clock = At(date(2026, 12, 20))
    library = AsyncOrchestrator(tmp_path / "home", config=Config(), environ=december.environ, clock=clock)
    with pytest.raises(SunsetRefused, match="in 25 days"):
        await library.submit(pairs, to=MODEL, max_usd=Decimal(500), prices=prices)
    assert methods(december) == {"GET"}
    assert (await library.budget.show()).spendings == ()


async def test_the_live_date_is_kept_and_stands_in_verdict_and_report(
    december: RunningSandbox, pairs: Path, tmp_path: Path
) -> None:
    clock = Moving(date(2026, 12, 20))
    library = AsyncOrchestrator(tmp_path / "home", config=Config(), environ=december.environ, clock=clock)
    result = await library.run(pairs, to=MODEL, max_usd=Decimal(500))
    assert result.run.record["shutdown"] == "2027-01-14"
    assert any("2027-01-14, in 25 days" in advice for advice in result.judged.verdict.advice)
    assert "2027-01-14" in result.report.read_text(encoding="utf-8")


# ── models sunset ───────────────────────────────────────────────────────────────────────────────────────────────────


def account(base_url: str | None = None) -> Account:
    return Account(platform=platform_named("openai"), connection=Connection(api_key=None, base_url=base_url))


TUNED = RemoteModel(id="ft:gpt-4.1-mini-2025-04-14:acme::abc", tuned=True, base="gpt-4.1-mini-2025-04-14")
ON = date(2026, 12, 15)


def test_a_models_own_date_comes_first() -> None:
    own = RemoteModel(id=TUNED.id, tuned=True, base=TUNED.base, shutdown=date(2026, 12, 31))
    (row,) = of_account(account(), [own, RemoteModel(id=TUNED.base or "", shutdown=ENDS)], ON)
    assert (row.shutdown, row.days_left, row.source) == (date(2026, 12, 31), 16, "the platform")


def test_a_tuned_model_inherits_the_date_that_the_platform_says_of_its_base() -> None:
    (row,) = of_account(
        account("https://elsewhere.example/v1"), [TUNED, RemoteModel(id=TUNED.base or "", shutdown=ENDS)], ON
    )
    assert (row.shutdown, row.source) == (ENDS, f"the platform, of its base {TUNED.base}")


def test_our_facts_date_a_model_at_the_platforms_own_host_alone() -> None:
    (own,), (other,) = (
        of_account(account(), [TUNED], ON),
        of_account(account("https://elsewhere.example/v1"), [TUNED], ON),
    )
    assert own.shutdown == ENDS
    assert "as of" in own.source
    assert (other.shutdown, other.source) == (None, "")


def test_a_model_of_account_and_ledger_is_one_row_with_the_accounts_date() -> None:
    ledger = Sunset("ft:x", "openai", "base", None, None, "ledger")
    remote = Sunset("ft:x", "openai", "", ENDS, 30, "account", "the platform")
    other = Sunset("ft:x", "another", "", None, None, "account")
    assert joined([ledger, remote, other]) == (
        Sunset("ft:x", "openai", "base", ENDS, 30, "account and ledger", "the platform"),
        other,
    )


@pytest.mark.parametrize(
    ("left", "dying"), [(31, False), (30, True), (1, True), (0, False), (-3, False), (None, False)]
)
def test_a_gate_counts_what_still_answers_and_ends_in_time(left: int | None, dying: bool) -> None:
    assert Sunset("m", "p", "b", None, left, "ledger").dying(30) is dying
