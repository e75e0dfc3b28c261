"""What every command shares: options, calling the library, one JSON document, errors as what / where / fix."""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import click

from providers.errors import Auth, InvalidData, NotFound, ProviderError, Unsupported

from ..errors import ExitCode, TunewrightError

if TYPE_CHECKING:
    from rich.console import Console

    from ..client import AsyncOrchestrator
    from ..jobs.desk import Notice

__all__ = ["SCHEMA_VERSION", "Shell", "command", "option", "plain_text"]

SCHEMA_VERSION = 1
P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Shell:
    """One call of the tool: where it prints, and what it would tell somebody who interrupts it."""

    as_json: bool = False
    debug: bool = False
    home: Path | None = None
    config_path: Path | None = None
    run_id: str | None = None
    job_id: str | None = None
    consoles: dict[str, Console] = field(default_factory=dict)

    @property
    def err(self) -> Console:
        """Progress, prompts and errors: stderr."""
        return self._console("err", stderr=True)

    @property
    def out(self) -> Console:
        """What was asked for, when it is for people: stdout; nothing is printed there beside `--json`."""
        return self._console("out", stderr=self.as_json)

    def _console(self, name: str, *, stderr: bool) -> Console:
        if name not in self.consoles:
            from rich.console import Console

            # A pipe or a log has no width of its own: 80 columns would fold paths and commands in two.
            piped = not (sys.stderr if stderr else sys.stdout).isatty()
            width = int(os.environ.get("COLUMNS", "120")) if piped else None
            self.consoles[name] = Console(stderr=stderr, highlight=False, markup=False, width=width, soft_wrap=piped)
        return self.consoles[name]

    @property
    def interactive(self) -> bool:
        """True when a person can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.as_json

    def orchestrator(self, **options: Any) -> AsyncOrchestrator:
        """The library, told to report here."""
        from ..client import AsyncOrchestrator

        return AsyncOrchestrator(home=self.home, config=self.config_path, on_notice=self.heard, **options)

    def call(self, work: Callable[[AsyncOrchestrator], Awaitable[T]], **options: Any) -> T:
        """Run one piece of library work to its end."""
        import anyio

        orchestrator = self.orchestrator(**options)

        async def go() -> T:
            return await work(orchestrator)

        return anyio.run(go)

    def heard(self, notice: Notice) -> None:
        """Print what the library tells while it works; remember what to re-attach to."""
        self.run_id = notice.data.get("run", self.run_id)
        self.job_id = notice.data.get("job", self.job_id)
        if notice.text:
            style = {"warning": "yellow", "retrying": "dim", "in_doubt": "yellow"}.get(notice.kind, "")
            self.err.print(plain_text(notice.text), style=style)

    def emit(self, document: dict[str, Any]) -> None:
        """The one JSON document, when asked for."""
        if self.as_json:
            click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **document}, ensure_ascii=False, indent=2))

    def fail(self, code: str, what: str, where: str, fix: str, exit_code: int) -> NoReturn:
        """Say what, where and how to fix it, and end with the documented code."""
        if self.as_json:
            error = {"code": code, "what": what, "where": where, "fix": fix, "exit_code": int(exit_code)}
            click.echo(
                json.dumps(
                    {"schema_version": SCHEMA_VERSION, "run": self.run_id, "error": error}, ensure_ascii=False, indent=2
                )
            )
        else:
            self.err.print(f"error: {plain_text(what)}", style="bold red")
            if where:
                self.err.print(f"  where: {plain_text(where)}")
            if fix:
                self.err.print(f"  fix:   {plain_text(fix)}")
        sys.exit(int(exit_code))


def plain_text(text: str) -> str:
    """Untrusted text for a terminal: control characters (ANSI escapes among them) made visible, bidi marks removed."""
    shown = []
    for char in text:
        code = ord(char)
        if char in "\n\t":
            shown.append(char)
        elif code < 0x20 or 0x7F <= code < 0xA0:
            shown.append(f"\\x{code:02x}")
        elif code in _BIDI:
            shown.append(f"\\u{code:04x}")
        else:
            shown.append(char)
    return "".join(shown)


_BIDI = frozenset((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def option(*names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A click option that is also `TUNEWRIGHT_NAME` in the environment."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    settings.setdefault("envvar", "TUNEWRIGHT_" + long.removeprefix("--").replace("-", "_").upper())
    return click.option(*names, **settings)


def command(name: str | None = None, **settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that takes `--json`, `--home`, `--config`, `--debug`, gets a `Shell` first, and fails in words."""

    def wrap(function: Callable[..., Any]) -> click.Command:
        def called(
            context: click.Context,
            /,
            *,
            as_json: bool,
            debug: bool,
            home: Path | None,
            config: Path | None,
            **rest: Any,
        ) -> None:
            shell = Shell(as_json=as_json, debug=debug, home=home, config_path=config)
            context.obj = shell
            if debug:
                logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
            _guarded(shell, functools.partial(function, shell, **rest))

        functools.update_wrapper(called, function)
        decorated: Any = click.pass_context(called)
        for decorate in _COMMON:
            decorated = decorate(decorated)
        make: Any = click.command(name or function.__name__.replace("_", "-"), **settings)
        made: click.Command = make(decorated)
        return made

    return wrap


_COMMON = (
    option("--debug", is_flag=True, hidden=True, help="Log what is sent and retried, without keys."),
    option("--config", type=click.Path(path_type=Path), help="The configuration file [nearest tunewright.toml]."),
    option("--home", type=click.Path(path_type=Path), help="The project's folder [nearest .tunewright]."),
    option("--json", "as_json", is_flag=True, help="One JSON document on stdout; progress on stderr."),
)


def _guarded(shell: Shell, work: Callable[[], object]) -> None:
    try:
        work()
    except BaseExceptionGroup as group:
        _fail(shell, _innermost(group))
    except (TunewrightError, ProviderError, OSError, KeyboardInterrupt) as error:
        _fail(shell, error)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _fail(shell: Shell, error: BaseException) -> NoReturn:
    if isinstance(error, KeyboardInterrupt):
        _interrupted(shell)
    if isinstance(error, TunewrightError):
        shell.fail(error.code, error.what, error.where, error.fix, error.exit_code)
    if isinstance(error, ProviderError):
        where = " ".join(part for part in (error.provider, error.operation) if part)
        status = f" (HTTP {error.status}, request {error.request_id})" if error.status else ""
        shell.fail(error.code, error.message + status, where, error.fix or "", _provider_exit(error))
    if isinstance(error, OSError):
        _os_error(shell, error)
    raise error


def _provider_exit(error: ProviderError) -> ExitCode:
    """Names and values that are wrong before anything was sent are usage; a refused file is data; the rest error."""
    asked_nobody = error.status is None
    if isinstance(error, Unsupported) or (isinstance(error, (Auth, NotFound)) and asked_nobody):
        return ExitCode.USAGE
    return ExitCode.DATA_REFUSED if isinstance(error, InvalidData) else ExitCode.ERROR


def _os_error(shell: Shell, error: OSError) -> NoReturn:
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        sys.exit(int(ExitCode.ERROR))
    where = str(error.filename or "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        shell.fail(
            "disk_full", "no space left on the disk; nothing was half-written", where, "free some space, then retry", 1
        )
    shell.fail("os_error", error.strerror or str(error), where, "", ExitCode.ERROR)


def _interrupted(shell: Shell) -> NoReturn:
    """Ctrl-C never cancels a job; say what goes on and how to come back."""
    if shell.job_id and shell.run_id:
        what = f"interrupted; job {shell.job_id} keeps running"
        fix = f"tunewright watch {shell.run_id}    (to stop paying for it: tunewright jobs cancel {shell.job_id})"
    elif shell.run_id:
        what = "interrupted before anything was bought, or while asking; what was done is kept"
        fix = f"start the same command again; it takes up where it stopped (run {shell.run_id})"
    else:
        what, fix = "interrupted; nothing was started", ""
    shell.fail("interrupted", what, "", fix, ExitCode.INTERRUPTED)
