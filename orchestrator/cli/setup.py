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
    """The JSON schema of tunewright.toml, for editors."""
    from ..config import Config

    click.echo(json.dumps(Config.model_json_schema(), indent=2))
