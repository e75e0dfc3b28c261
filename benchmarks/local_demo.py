"""The whole way on this machine: SmolLM2-135M tuned on queries of bank customers, its trainer killed in the middle.

    python benchmarks/local_demo.py [--base FOLDER] [--project FOLDER] [--shots N] [--no-kill]

Runs the ordinary `tunewright run --to local:…`, sends the trainer SIGKILL once half of its checkpoints are saved, and
prints what base, few-shot-prompted base and tuned model answer exactly right. Ends with 1 unless the tuned model is
right in at least 85 of 100, the verdict is "deploy", and the job went on from a checkpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from providers.local.smollm2 import prepare

ROOT = Path(__file__).resolve().parents[1]
BANK = ROOT / "samples" / "bank"
SETTINGS = {"lora_layers": 8, "n_checkpoints": 10, "n_evals": 4, "max_hours": 2}
KILLED_AT = 20
LEAST = 0.85


def command(base: Path, home: Path, shots: int) -> list[str]:
    """What a person would type."""
    words = [sys.executable, "-m", "orchestrator.cli", "run", str(BANK / "train.jsonl"), "--json", "--home", str(home)]
    words += ["--validation", str(BANK / "validation.jsonl"), "--test", str(BANK / "test.jsonl")]
    words += ["--system-prompt-file", str(BANK / "prompt.txt"), "--prices", str(BANK / "own_machine.toml")]
    words += ["--to", f"local:{base}", "--epochs", "1", "--batch-size", "4", "--learning-rate", "0.001"]
    words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    words += ["--grader", "exact", "--max-tokens", "8", "--concurrency", "2", "--yes", "--max-usd", "1"]
    return [*words, "--also-shots", str(shots)] if shots else words


class Killer(threading.Thread):
    """Waits for the checkpoint in the middle, and kills the trainer as a crash would."""

    def __init__(self, jobs: Path) -> None:
        super().__init__(daemon=True)
        self._jobs = jobs
        self.killed: int | None = None

    def run(self) -> None:
        while not (found := list(self._jobs.glob(f"*/checkpoints/step-{KILLED_AT}"))):
            time.sleep(0.2)
        process = json.loads((found[0].parents[1] / "process.json").read_text(encoding="utf-8"))
        self.killed = int(process["pid"])
        os.kill(self.killed, signal.SIGKILL)
        print(f"killed the trainer (process {self.killed}, SIGKILL) after step {KILLED_AT} was saved", file=sys.stderr)


def curve(jobs: Path) -> list[dict[str, Any]]:
    """Every point of the run's curve, in the order of its steps."""
    lines = [line for path in jobs.glob("*/metrics.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted((json.loads(line) for line in lines), key=lambda point: point["step"])


def went_on(jobs: Path) -> str | None:
    """What the second attempt said it began with."""
    for path in jobs.glob("*/log.txt"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("going on from"):
                return line
    return None


def figures(told: dict[str, Any], points: list[dict[str, Any]]) -> list[str]:
    """The lines to be printed."""
    rows = [("base", told["base"]), ("tuned", told["tuned"])]
    lines = [f"{'exact match':28} of {told['difference']['prompts']} held-out queries"]
    lines += [f"  {name:26} {side['score']:.2f}" for name, side in rows]
    lines += [f"  {one['name']} ({one['label']}): {one['score']:.2f}" for one in told["contenders"]]
    gap = told["difference"]
    lines.append(f"difference {gap['value']:+.2f} ({gap['low']:+.2f} to {gap['high']:+.2f}), p {gap['p_value']:.2g}")
    losses = [point["train_loss"] for point in points if "train_loss" in point]
    held = [point["valid_loss"] for point in points if "valid_loss" in point]
    lines.append(
        f"training loss {losses[0]:.2f} to {losses[-1]:.2f} over {len(losses)} points; validation {held[-1]:.2f}"
    )
    return [*lines, f"verdict: {told['verdict']}", f"report: {told['report']}"]


def main() -> int:
    """See above."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, default=ROOT / ".venv-local" / "smollm2-135m")
    parser.add_argument("--project", type=Path, default=ROOT / ".venv-local" / "demo")
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--no-kill", action="store_true")
    given = parser.parse_args()
    base, home = prepare(given.base).resolve(), given.project / ".tunewright"
    if (home / "local").exists():
        print(f"{home} holds an earlier demo: remove it, or name another --project", file=sys.stderr)
        return 2
    given.project.mkdir(parents=True, exist_ok=True)
    jobs, killer = home / "local" / "jobs", Killer(home / "local" / "jobs")
    if not given.no_kill:
        killer.start()
    began = time.monotonic()
    done = subprocess.run(command(base, home, given.shots), stdout=subprocess.PIPE, text=True, check=False)
    told = json.loads(done.stdout)
    if "verdict" not in told:
        print(json.dumps(told, indent=2))
        return 1
    print("\n".join(figures(told, curve(jobs))))
    resumed = went_on(jobs)
    print(f"{(time.monotonic() - began) / 60:.1f} minutes; {resumed or 'never interrupted'}")
    right = told["tuned"]["score"] >= LEAST and told["verdict"] == "deploy"
    return 0 if right and (given.no_kill or (killer.killed is not None and resumed)) else 1


if __name__ == "__main__":
    sys.exit(main())
