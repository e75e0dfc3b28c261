"""`estimate`: what it will cost, platform by platform, before a cent is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..canonical import plain
from .options import PAIRS, asking, gather, reading, targets, training
from .quoting import print_limits, print_quotes
from .shell import Shell, command, option

__all__ = ["estimate"]


@command()
@PAIRS
@reading
@targets
@training
@asking
@option(
    "--sample",
    type=int,
    metavar="N",
    help="Read about N rows at random places of JSON Lines too large to read, and estimate, with an interval.",
)
def estimate(shell: Shell, pairs: Path, **given: Any) -> None:
    """Quote the same PAIRS at one or more targets. Needs no key and no network; writes nothing.

    `--to PLATFORM` quotes a model that stands for it, `--to all` one of every platform.

    \b
    A price file for --prices is TOML:
      [[price]]
      provider = "openai"
      model    = "gpt-4.1-mini-2025-04-14"
      item     = "train"        # train, input, output, tuned_input, tuned_output, hosting; or a list
      usd      = "5.00"
      per      = "mtok"         # mtok, hour, job
    """
    from ..costing import compare_table

    quotes = shell.call(lambda orchestrator: orchestrator.estimate(pairs, **gather(given)))
    limits = shell.call(lambda orchestrator: orchestrator.limits())
    table = [row.to_json() for row in compare_table(quotes)]
    told = {"quotes": [quote.to_json() for quote in quotes], "table": table, "left_out": shell.left_out}
    shell.emit({**told, "limits": plain(limits)})
    print_quotes(shell, quotes)
    print_limits(shell.out, limits)
