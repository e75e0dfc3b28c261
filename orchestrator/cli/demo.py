"""`demo`: the whole way on the packaged sample and the embedded sandbox. No key, no money, a minute or two."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from ..client import AsyncOrchestrator
from ..costing import Quote
from ..errors import MissingExtra, TunewrightError
from ..options import RunOptions
from ..pipeline.result import RunResult
from ..settings import RunSettings
from .data import print_sources
from .live import Counter
from .quoting import print_quote
from .shell import Shell, command
from .verdict import print_result
from .watching import Watcher

__all__ = ["demo", "samples_folder"]

_SAMPLE = "support_tickets.csv"
_PROMPT = "triage_prompt.txt"
_EPILOGUE = """This was a sandbox: a small classical learner on this machine, not a language model.
Next, on your own pairs: tunewright check PAIRS, then tunewright estimate PAIRS --to PLATFORM:MODEL"""


def samples_folder() -> Path:
    """Where the samples are: inside the installed package, or in the checkout it is run from."""
    package = Path(__file__).parents[1]
    for folder in (package / "_samples", package.parent / "samples"):
        if (folder / _SAMPLE).is_file():
            return folder
    raise TunewrightError("the packaged sample is missing", where=str(package), fix="reinstall tunewright")


@command()
def demo(shell: Shell) -> None:
    """Check, quote, train, watch, compare and decide on a sample of support tickets, in the embedded sandbox."""
    _need_extras()
    folder = samples_folder()
    pairs, prompt = folder / _SAMPLE, (folder / _PROMPT).read_text(encoding="utf-8").strip()
    shell.err.print(f"sample: {pairs}\n", style="dim")

    def shown(quote: Quote | None, _settings: RunSettings) -> None:
        if quote is not None:
            print_quote(shell.err, quote)

    async def whole(orchestrator: AsyncOrchestrator) -> RunResult:
        options: RunOptions = {
            "input": "message",
            "output": "queue",
            "system_text": prompt,
            "to": ["sandbox:small"],
            "max_usd": Decimal(100),
        }
        shell.err.print("1 check", style="bold")
        print_sources(shell, await orchestrator.check(pairs, **options))
        shell.err.print("\n2 train, exactly once", style="bold")
        with Watcher(shell) as see, Counter(shell) as count:
            return await orchestrator.run(
                pairs,
                consent=shown,
                see=see,
                progress=count,
                **options,
            )

    result = shell.call(whole)
    shell.emit(result.to_json())
    print_result(shell, result)
    shell.out.print(
        "\nThis was a sandbox: a small classical learner on this machine, not a language model.", style="dim"
    )
    shell.out.print(
        "Next, on your own pairs: tunewright check PAIRS, then tunewright estimate PAIRS --to …", style="dim"
    )


def _need_extras() -> None:
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("starlette", "uvicorn", "scipy")):
        raise MissingExtra("the demo needs the sandbox", fix="pip install 'tunewright[sandbox]'")
