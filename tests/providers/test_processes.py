"""A supervised process is found again, stopped whole, and goes on from its checkpoint, whoever is killed. All real."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tiny_trainer

from providers.processes import supervisor
from providers.processes.folder import Launch, Order, RunFolder, claim
from providers.processes.history import OVER, deaths_in_a_row, hours_used, standing
from providers.processes.identity import ProcessId, identify, is_alive, marked, myself, stop_all
from providers.processes.keeping import write_json
from providers.processes.spawning import start_supervisor

WAIT_S = 60.0
TRAINER = str(Path(tiny_trainer.__file__))


def until(what: Callable[[], Any]) -> Any:
    """What it answers once that is true."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    told = [("my card is lost", "lost_card"), ("refund my order", "refund")] * 4
    lines = [[{"role": "user", "content": ask}, {"role": "assistant", "content": label}] for ask, label in told]
    path.write_text("".join(json.dumps({"messages": line}) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def begin(tmp_path: Path, rows: Path) -> Iterator[Callable[..., RunFolder]]:
    """Orders and starts a training; whatever of it still runs at the end of the test is killed."""
    made: list[RunFolder] = []

    def start(
        epochs: int = 2, restarts: int = 3, grace_s: float = 20.0, command: list[str] | None = None, **more: Any
    ) -> RunFolder:
        job = {
            "method": "sft",
            "continues": None,
            "train_file": str(rows),
            "validation_file": None,
            "seed": 7,
            "hyperparameters": {"epochs": epochs, **more},
        }
        launch = Launch(command=command or [sys.executable, TRAINER, "train"])
        tag = f"tw-{len(made)}"
        now = datetime.now(UTC).isoformat()
        order = Order(tag=tag, launch=launch, job=job, created_at=now, restarts=restarts, grace_s=grace_s)
        folder, _ = claim(tmp_path / "jobs", order)
        made.append(folder)
        start_supervisor(folder)
        return folder

    yield start
    for folder in made:
        supervisor = folder.process("supervisor")
        if is_alive(supervisor) and supervisor is not None:
            os.kill(supervisor.pid, signal.SIGKILL)
        stop_all(folder.process("process"), folder.mark, 0.0)


def over(folder: RunFolder) -> str:
    return str(until(lambda: ended if (ended := standing(folder.journal())) in OVER else None))


def steps(folder: RunFolder) -> list[int]:
    return [json.loads(line)["step"] for line in folder.metrics.read_text(encoding="utf-8").splitlines()]


def kill(folder: RunFolder, name: Any) -> ProcessId:
    process = until(lambda: folder.process(name))
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not is_alive(process))
    return process  # type: ignore[no-any-return]


def open_gate(folder: RunFolder) -> None:
    """Let a trainer that was held go on."""
    (folder.path / "go").touch()


def some_steps(folder: RunFolder, number: int = 2) -> None:
    until(lambda: len(folder.checkpoints(folder.order().launch)) >= number)


def test_a_server_does_not_count_as_running_before_the_port_of_its_last_life_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch, now = Launch(command=[sys.executable, "-c", "pass"]), datetime.now(UTC).isoformat()
    order = Order(tag="tw-0", launch=launch, job={}, created_at=now, restarts=0, grace_s=1.0, idle_timeout_s=60.0)
    folder, _ = claim(tmp_path / "servers", order)
    write_json(folder.path / "server.json", {"port": 9, "ready": True})
    told, note = [], RunFolder.note

    def noting(run: RunFolder, what: str, **more: Any) -> None:
        told.append((what, run.server()["ready"]))
        note(run, what, **more)

    monkeypatch.setattr(RunFolder, "note", noting)
    program = supervisor._start(folder, order)
    until(lambda: program.ended()[0])
    assert told == [("started", False)]


def test_a_training_runs_to_its_artefact(begin: Callable[..., RunFolder]) -> None:
    folder = begin()
    assert over(folder) == "succeeded"
    assert (folder.artefact / "model.json").exists()
    assert "epoch 2" in folder.log.read_text(encoding="utf-8")
    assert not marked(folder.mark)


def test_success_needs_the_artefact_whatever_the_exit_status_says(begin: Callable[..., RunFolder]) -> None:
    folder = begin(command=[sys.executable, "-c", "print('all is well')"])
    assert over(folder) == "failed"
    assert "without artefact" in folder.journal()[-1]["error"]
    assert "all is well" in folder.journal()[-1]["error"]


def test_a_program_that_is_not_there_fails_and_is_named(begin: Callable[..., RunFolder]) -> None:
    folder = begin(command=["/no/such/program"])
    assert over(folder) == "failed"
    assert "/no/such/program" in folder.journal()[-1]["error"]


def test_an_error_is_not_tried_again(begin: Callable[..., RunFolder]) -> None:
    folder = begin(command=[sys.executable, "-c", "raise ValueError('bad rows')"])
    assert over(folder) == "failed"
    assert "bad rows" in folder.journal()[-1]["error"]
    assert [entry["what"] for entry in folder.journal()].count("started") == 1


def test_a_killed_trainer_goes_on_from_its_last_checkpoint(begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=6, gate=3)
    some_steps(folder)
    kill(folder, "process")
    open_gate(folder)
    assert over(folder) == "succeeded"
    assert steps(folder) == list(range(1, 7))  # nothing that was saved is learned again
    assert "going on from step" in folder.log.read_text(encoding="utf-8")


def test_a_killed_supervisor_leaves_the_trainer_running_and_the_next_one_takes_over(
    begin: Callable[..., RunFolder],
) -> None:
    folder = begin(epochs=20, gate=3)
    some_steps(folder)
    kill(folder, "supervisor")
    trainer = folder.process("process")
    assert is_alive(trainer)
    start_supervisor(folder)
    until(lambda: "adopted" in [entry["what"] for entry in folder.journal()])
    assert folder.process("process") == trainer
    open_gate(folder)
    assert over(folder) == "succeeded"
    assert steps(folder) == list(range(1, 21))


def test_when_both_are_killed_it_is_seen_and_goes_on(begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=8, gate=3)
    some_steps(folder)
    kill(folder, "supervisor")
    kill(folder, "process")
    assert standing(folder.journal()) == "running"  # its last word, and nobody is there
    open_gate(folder)
    start_supervisor(folder)
    assert over(folder) == "succeeded"
    assert "died" in [entry.get("outcome") for entry in folder.journal()]
    assert set(steps(folder)) == set(range(1, 9))


def test_the_hours_of_a_run_that_died_unseen_end_with_the_last_heartbeat(begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=100, gate=3)
    some_steps(folder)
    kill(folder, "supervisor")
    kill(folder, "process")
    begun = datetime.fromisoformat(next(e["at"] for e in folder.journal() if e["what"] == "started"))
    os.utime(folder.heartbeat, (begun.timestamp() + 3600, begun.timestamp() + 3600))
    folder.wish_for("cancel")
    start_supervisor(folder)
    assert over(folder) == "cancelled"
    assert round(hours_used(folder.journal(), None), 3) == 1


def test_one_that_dies_again_and_again_is_given_up(begin: Callable[..., RunFolder]) -> None:
    folder = begin(
        command=[sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], restarts=2
    )
    assert over(folder) == "failed"
    assert [entry["what"] for entry in folder.journal()].count("started") == 3
    assert deaths_in_a_row(folder.journal()) == 3
    assert "died 3 times" in folder.journal()[-1]["error"]


def test_of_many_supervisors_one_watches(begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=1000, pause_s=0.1)
    watching = folder.process("supervisor")
    for _ in range(3):
        start_supervisor(folder)
    assert folder.process("supervisor") == watching
    folder.wish_for("cancel")
    assert over(folder) == "cancelled"
    assert [entry["what"] for entry in folder.journal()].count("started") == 1


def test_a_tag_is_claimed_once(begin: Callable[..., RunFolder]) -> None:
    folder = begin()
    again, made = claim(folder.path.parent, replace(folder.order(), created_at="later"))
    assert (again, made) == (folder, False)
    assert folder.order().created_at != "later"
    assert [path.name for path in folder.path.parent.iterdir()] == [folder.path.name]


@pytest.mark.parametrize("child", ["near", "far"])
def test_a_cancel_ends_the_whole_family_and_lets_it_save_first(child: str, begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=500, gate=2, child=child)
    some_steps(folder, 1)
    assert len(until(lambda: marked(folder.mark) if len(marked(folder.mark)) == 2 else None)) == 2
    folder.wish_for("cancel")
    assert over(folder) == "cancelled"
    assert marked(folder.mark) == ()
    assert "told to stop: saved" in folder.log.read_text(encoding="utf-8")


def test_one_that_does_not_listen_is_killed_after_the_grace(begin: Callable[..., RunFolder]) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    folder = begin(command=[sys.executable, "-c", deaf], grace_s=0.2)
    until(lambda: folder.log.exists() and "deaf" in folder.log.read_text(encoding="utf-8"))
    folder.wish_for("cancel")
    assert over(folder) == "cancelled"
    assert marked(folder.mark) == ()


def test_what_a_dead_trainer_left_behind_is_ended_before_another_starts(begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=8, gate=3, child="far")
    some_steps(folder)
    until(lambda: len(marked(folder.mark)) == 2)
    before = set(marked(folder.mark))
    kill(folder, "supervisor")
    kill(folder, "process")
    assert len(marked(folder.mark)) == 1
    open_gate(folder)
    start_supervisor(folder)
    assert over(folder) == "succeeded"
    assert not [process for process in before if is_alive(process)]


def test_a_paused_run_goes_on_when_it_is_wanted_again(begin: Callable[..., RunFolder]) -> None:
    folder = begin(epochs=6, gate=3)
    some_steps(folder)
    folder.wish_for("pause")
    until(lambda: standing(folder.journal()) == "paused")
    assert marked(folder.mark) == ()
    folder.wish_for("run")
    open_gate(folder)
    start_supervisor(folder)
    assert over(folder) == "succeeded"
    assert steps(folder) == list(range(1, 7))


def test_a_process_id_used_again_is_not_the_process(begin: Callable[..., RunFolder]) -> None:
    """The record's id is that of a process that lives, this test's: neither taken for the trainer, nor hit."""
    folder = begin(epochs=8, gate=3)
    some_steps(folder)
    kill(folder, "supervisor")
    dead = kill(folder, "process")
    folder.write_process("process", replace(dead, pid=os.getpid()))
    folder.write_process("supervisor", replace(dead, pid=os.getpid()))
    open_gate(folder)
    start_supervisor(folder)
    assert over(folder) == "succeeded"
    assert is_alive(myself())


def test_a_machine_started_anew_has_none_of_its_processes(begin: Callable[..., RunFolder]) -> None:
    me = myself()
    assert is_alive(me)
    assert not is_alive(replace(me, boot="another start"))
    assert not is_alive(replace(me, started="another moment"))
    assert identify(me.pid) == me
