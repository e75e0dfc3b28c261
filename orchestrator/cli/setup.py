"""`init` and `config-schema`: the project's settings file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ..errors import UsageError
from .shell import Shell, command

__all__ = ["config_schema", "init"]


@command()
@click.option("--force", is_flag=True, help="Overwrite the file that is there.")
def init(shell: Shell, force: bool) -> None:
    """Write a commented tunewright.toml into this folder."""
    from ..config import CONFIG_NAME, template

    path = Path(CONFIG_NAME)
    if path.exists() and not force:
        raise UsageError("the file is there already", where=str(path.absolute()), fix="--force overwrites it")
    path.write_text(template(), encoding="utf-8")
    shell.emit({"config": str(path.absolute())})
    shell.out.print(f"wrote {path.absolute()}")


@command(name="config-schema")
def config_schema(shell: Shell) -> None:
    """The JSON schema of tunewright.toml, for editors; with --json inside the usual document."""
    from ..config import schema

    if shell.as_json:
        shell.emit({"schema": schema()})
    else:
        click.echo(json.dumps(schema(), indent=2))
