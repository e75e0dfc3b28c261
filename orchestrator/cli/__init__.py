"""The command line: parse, call the library, print. One file a noun; a command's code is imported when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

import click

from ..errors import TunewrightError
from ..seam import require_our_providers

__all__ = ["main"]

# name → (module here, what it does). Listed so that `--help` imports nothing.
_HAPPY_PATH = {
    "init": ("setup", "write a commented tunewright.toml"),
    "advise": ("advise", "should you fine-tune at all? the five questions, the common mistakes"),
    "check": ("data", "every finding with rule, row, field and fix"),
    "prepare": ("data", "clean, split and convert to each platform's file"),
    "estimate": ("estimate", "one quote table across platforms; needs no key and no network"),
    "run": ("run", "the whole job: prepare, quote, submit, watch, evaluate, decide, report"),
    "submit": ("run", "buy the job, exactly once, and leave it running"),
    "watch": ("run", "watch a job, or --all, to the end; Ctrl-C leaves it running"),
    "work": ("work", "watch every job of the ledger, as a service; several at once"),
    "evaluate": ("evaluate", "ask base and tuned the same held-out questions"),
    "decide": ("evaluate", "the verdict by the rule recorded before"),
    "report": ("evaluate", "write the report of a run"),
    "failures": ("failures", "what the tuned model still gets wrong, as rows for the next round"),
    "migrate": ("migrate", "move a tuned model to another platform, and show that it is as good there"),
    "demo": ("demo", "the whole way on a packaged sample and the embedded sandbox"),
}
_NOUNS = {
    "runs": ("runs", "ls, show"),
    "jobs": ("jobs", "ls, show, events, metrics, cancel, pause, resume, recover, resolve, adopt, audit"),
    "models": ("models", "ls, sunset, download, choose"),
    "providers": ("providers", "ls, show"),
    "budget": ("budget", "show, set, settle"),
    "leases": ("leases", "ls, stop, resolve"),
    "batches": ("batches", "ls, cancel, resolve"),
    "webhooks": ("webhooks", "serve"),
    "sandbox": ("sandbox", "serve"),
    "doctor": ("doctor", "what is installed, which ledger, budget and keys apply"),
    "config-schema": ("setup", "the JSON schema of tunewright.toml"),
}
_COMMANDS = {**_HAPPY_PATH, **_NOUNS}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        require_our_providers()
        module = import_module(f".{_COMMANDS[cmd_name][0]}", __name__)
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, table in (("From pairs to a verdict", _HAPPY_PATH), ("Nouns", _NOUNS)):
            with formatter.section(title):
                formatter.write_dl([(name, words) for name, (_, words) in table.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=1)
            raise click.UsageError(f"No such command {args[0]!r}.{_hint(near)}", ctx) from error


def _hint(near: list[str]) -> str:
    return f" Did you mean {near[0]!r}?" if near else ""


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tunewright")
def cli() -> None:
    """From input-output pairs to a fine-tuned model that has earned its place.

    Checks the pairs, says what training will cost before a cent is spent, submits the job exactly once, watches it,
    asks base and tuned the same held-out questions, and says with statistics whether to deploy, iterate or stop.

    \b
    Exit codes: 0 done (verdict: deploy) · 1 error · 2 usage · 3 data refused · 4 budget refused
    5 job failed or cancelled · 6 verdict iterate or stop · 7 inconclusive
    75 still running when --timeout passed · 130 interrupted (the job keeps running)
    """


def main() -> NoReturn:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = cli.main(prog_name="tunewright", standalone_mode=False)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.ClickException, TunewrightError) as error:
        _refuse(error)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: Exception) -> NoReturn:
    """A command line that cannot be parsed: told like every other failure, as JSON too where that was asked for."""
    from .failing import Failure, told
    from .shell import Shell

    asked = "--json" in sys.argv[1:] or bool(os.environ.get("TUNEWRIGHT_JSON"))
    Shell(as_json=asked).fail(told(error) or Failure("usage", str(error)))
