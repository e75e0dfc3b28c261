"""What every command shares: where it prints, calling the library, one JSON document, and failing in words."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from ..config import environment
from ..errors import ExitCode
from ..secrecy import Secrecy, guard_logs
from .failing import Failure, Standing, innermost, interrupted, told, with_way_back

if TYPE_CHECKING:
    from rich.console import Console

    from ..client import AsyncOrchestrator
    from ..jobs.desk import Notice
    from ..pipeline.session import Session
    from .transfers import Transfers

__all__ = ["SCHEMA_VERSION", "Shell", "command", "option"]

SCHEMA_VERSION = 1
_SHOWN_FINDINGS = 5
_DEAF_S = 0.3
P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Shell:
    """One call of the tool: where it prints, and what it would tell somebody who interrupts it."""

    as_json: bool = False
    home: Path | None = None
    config_path: Path | None = None
    patience_s: float | None = None
    run_id: str | None = None
    job_id: str | None = None
    job_ended: bool = False
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    secrecy: Secrecy = field(default_factory=lambda: Secrecy.of(environment()))
    consoles: dict[str, Console] = field(default_factory=dict)
    library: AsyncOrchestrator | None = None
    transfers: Transfers | None = None
    left_out: list[dict[str, Any]] = field(default_factory=list)

    @property
    def err(self) -> Console:
        """Progress, prompts and errors: stderr."""
        return self._console("err", stderr=True)

    @property
    def out(self) -> Console:
        """What was asked for, when it is for people: stdout; silent where `--json` says it."""
        return self._console("out", stderr=False)

    def _console(self, name: str, *, stderr: bool) -> Console:
        if name not in self.consoles:
            from .console import SafeConsole

            # A pipe or a log has no width of its own: 80 columns would fold paths and commands in two.
            piped = not (sys.stderr if stderr else sys.stdout).isatty()
            width = int(os.environ.get("COLUMNS", "120")) if piped else None
            self.consoles[name] = SafeConsole(
                self.secrecy,
                stderr=stderr,
                quiet=self.as_json and not stderr,
                highlight=False,
                markup=False,
                width=width,
                soft_wrap=piped,
            )
        return self.consoles[name]

    @property
    def interactive(self) -> bool:
        """True when a person can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    def orchestrator(self) -> AsyncOrchestrator:
        """The library, told to report here."""
        from ..client import AsyncOrchestrator

        if self.library is None:
            self.library = AsyncOrchestrator(
                home=self.home, config=self.config_path, on_notice=self.heard, patience_s=self.patience_s
            )
        return self.library

    @property
    def opened(self) -> Session | None:
        """The ledger that this call has opened, if it has."""
        return vars(self.library).get("session") if self.library else None

    def close(self) -> None:
        """Give the ledger back, and leave no bar standing."""
        self._stop_transfers()
        if self.opened is not None:
            self.opened.desk.ledger.close()

    def call(self, work: Callable[[AsyncOrchestrator], Awaitable[T]]) -> T:
        """Run one piece of library work to its end."""
        orchestrator = self.orchestrator()

        async def go() -> T:
            with _ctrl_c_soon():
                return await work(orchestrator)

        return asyncio.run(go())

    def heard(self, notice: Notice) -> None:
        """Print what the library tells while it works; remember what to re-attach to."""
        self.run_id = notice.data.get("run", self.run_id)
        self.job_id = notice.data.get("job", self.job_id)
        if notice.kind == "transfer":
            self._transfer(notice)
        if notice.kind == "left_out":
            self.left_out.append(dict(notice.data))
        if notice.text:
            style = {"warning": "yellow", "retrying": "dim", "in_doubt": "yellow"}.get(notice.kind, "")
            self.err.print(notice.text, style=style)

    def _transfer(self, notice: Notice) -> None:
        from .transfers import Transfers

        if self.transfers is None:
            self.transfers = Transfers(self.err)
        self.transfers(notice.data)

    def _stop_transfers(self) -> None:
        if self.transfers is not None:
            self.transfers.stop()

    def confirm(self, question: str) -> bool:
        """Ask the person at the terminal; Ctrl-C at the question interrupts. No is the default."""
        return self.ask(f"{question} [y/N]", _yes_or_no)

    def ask(self, question: str, judge: Callable[[str], T]) -> T:
        """Ask until `judge` takes what was typed; it raises `click.BadParameter` for what it cannot use."""
        from .asking import read_line

        while True:
            try:
                return judge(read_line(f"{question}: "))
            except click.BadParameter as error:
                self.err.print(f"error: {error.message}")

    def emit(self, document: dict[str, Any], *, made_up: bool = False) -> None:
        """The one JSON document, when asked for. `made_up`: keys in it open nothing, and are not cut out."""
        if self.as_json:
            text = json.dumps({"schema_version": SCHEMA_VERSION, **document}, ensure_ascii=False, indent=2)
            click.echo(text if made_up else self.secrecy.cut(text))

    def fail(self, failure: Failure) -> NoReturn:
        """Say what, where and how to fix it, and end with the documented code."""
        self._stop_transfers()
        self.emit({"run": self.run_id, "error": failure.to_json()})
        if not self.as_json:
            self._print(failure)
        sys.exit(int(failure.exit_code))

    def _print(self, failure: Failure) -> None:
        bad = [f for f in failure.findings if f.severity == "error" and f.message != failure.what]
        for finding in bad[:_SHOWN_FINDINGS]:
            self.err.print(f"{finding.where or finding.rule}: {finding.message}")
        if len(bad) > _SHOWN_FINDINGS:
            self.err.print(f"… and {len(bad) - _SHOWN_FINDINGS} more")
        if failure.exit_code == ExitCode.INTERRUPTED and self.err.is_terminal:
            self.err.print()  # the terminal has written ^C where the cursor stood
        self.err.print(f"error: {failure.what}", style="bold red")
        see = "tunewright check PAIRS --page data.html shows every row and why" if failure.findings else ""
        for name, text in (("where", failure.where), ("fix", failure.fix), ("see", see)):
            if text:
                self.err.print(f"  {name + ':':<6} {text}")


def option(*names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A click option that is also `TUNEWRIGHT_NAME` in the environment."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    settings.setdefault("envvar", "TUNEWRIGHT_" + long.removeprefix("--").replace("-", "_").upper())
    return click.option(*names, **settings)


def command(name: str | None = None, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that takes `--json`, `--home`, `--config`, gets a `Shell` first, and fails in words."""

    def wrap(function: Callable[..., Any]) -> click.Command:
        def called(*, debug: bool, **rest: Any) -> None:
            shared = {key: rest.pop(key) for key in ("as_json", "home", "config_path", "patience_s")}
            shell = Shell(**shared)
            # Before an SDK is imported: its own logging, switched on by its own variable, then finds a guarded handler.
            logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, stream=sys.stderr)
            guard_logs(shell.secrecy)
            try:
                guarded(shell, functools.partial(function, shell, **rest))
            finally:
                shell.close()

        functools.update_wrapper(called, function)
        decorated: Callable[..., Any] = called
        for decorate in _COMMON:
            decorated = decorate(decorated)
        called_by = name or function.__name__.replace("_", "-")
        return click.command(called_by, click.Command, **settings)(decorated)

    return wrap


_COMMON = (
    option("--debug", is_flag=True, hidden=True, help="Log what is sent and retried, without keys."),
    option("--patience", "patience_s", type=float, hidden=True, help="Seconds an unreachable platform is waited for."),
    option("--config", "config_path", type=click.Path(path_type=Path), help="Settings [nearest tunewright.toml]."),
    option("--home", type=click.Path(path_type=Path), help="The project's folder [nearest .tunewright]."),
    option("--json", "as_json", is_flag=True, help="One JSON document on stdout; progress on stderr."),
)


def guarded(shell: Shell, work: Callable[[], object]) -> None:
    """Do the work; every failure is told in words. A defect of ours keeps its traceback, for the report of it."""
    try:
        work()
    except BrokenPipeError:
        # Whoever read us has left (`| head`): nothing to tell, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.ERROR))
    except (SystemExit, GeneratorExit, click.exceptions.Exit):
        raise
    except BaseException as error:  # noqa: BLE001
        shell.fail(_failure(shell, innermost(error)))


def _failure(shell: Shell, error: BaseException) -> Failure:
    standing = Standing(shell.run_id, shell.job_id, shell.job_ended, _in_doubt(shell))
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError, click.Abort)):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second one must not cut off what is told now
        return interrupted(standing)
    failure = told(error)
    if failure is None:
        shell.err.print("".join(traceback.format_exception(error)), style="dim")
        what = f"tunewright itself has a defect: {type(error).__name__}: {error}"
        failure = Failure("defect", what, "", "please report it with the lines above")
    return with_way_back(failure, standing)


def _in_doubt(shell: Shell) -> bool:
    """Whether a paid request that this call sent has no answer yet. Only a ledger that is open is asked."""
    if shell.opened is None:
        return False
    from ..ledger import UNSETTLED

    unsettled = shell.opened.desk.ledger.intents.all(UNSETTLED)
    return any(intent.sent_at is not None and intent.sent_at >= shell.started_at for intent in unsettled)


@contextmanager
def _ctrl_c_soon() -> Iterator[None]:
    """Ctrl-C ends waiting by cancelling, as asyncio does, and breaks into a long count or check that does not wait.

    asyncio alone would only cancel, which is heard at the next `await`: after the whole file was read. Breaking in at
    once would be worse: an exception in the middle of handing a call to a thread leaves both waiting for ever.
    """
    if sys.platform == "win32":  # no timer there: asyncio's own way has to do
        yield
        return
    cancel: Any = signal.getsignal(signal.SIGINT)
    loop = asyncio.get_running_loop()

    def stop(number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, _DEAF_S)
        loop.call_soon_threadsafe(signal.setitimer, signal.ITIMER_REAL, 0.0)  # whoever hears this hears the cancelling
        cancel(number, frame)

    def break_in(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, break_in)
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, cancel)
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _yes_or_no(typed: str) -> bool:
    said = typed.strip().lower()
    if said not in ("", "y", "yes", "n", "no"):
        raise click.BadParameter(f"{typed!r} is neither yes nor no")
    return said.startswith("y")
