"""Promises about large files: shards give what one reading gives, a killed scan goes on, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from orchestrator.dataset import Dataset, check
from orchestrator.dataset.reading import open_part
from orchestrator.dataset.records import Columns, Policy
from orchestrator.dataset.scanning import Stretch, Work
from orchestrator.dataset.shard_files import read_scan, write_scan
from orchestrator.dataset.shards import Share, work_on
from orchestrator.errors import UsageError

ROWS = 60_000
SCAN = """import sys
from pathlib import Path
from orchestrator.dataset import check
from orchestrator.dataset.records import Policy
print(check(Path(sys.argv[1]), policy=Policy(skip=("near-duplicates",))).sha256)"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two shards: usual rows, some of which repeat, two that are broken and a blank line."""
    path = tmp_path_factory.mktemp("large") / "rows.jsonl"
    filler = " ".join(f"word{number}" for number in range(60))
    with path.open("w") as out:
        for number in range(ROWS):
            asked = f"question {number % (ROWS - 500)} {filler}"
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"answer {number % 7}"}]
            out.write(json.dumps({"messages": turns}) + "\n")
            if number in (10, ROWS - 10):
                out.write('{"messages": 1}\n\n')
    return path


@pytest.fixture(scope="module")
def digest(large: Path) -> str:
    """What an undisturbed scan makes of it."""
    return check(large, policy=Policy(skip=("near-duplicates",))).sha256


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tunewright" / "scans"


def packed(path: Path, folder: Path) -> Path:
    """The same file packed, which is never cut into shards."""
    import gzip

    made = folder / "rows.jsonl.gz"
    made.write_bytes(gzip.compress(path.read_bytes(), 1))
    return made


def told(dataset: Dataset) -> list[tuple[object, ...]]:
    return [(finding.rule, finding.row, finding.message, finding.related) for finding in dataset.findings]


def test_shards_give_what_one_reading_gives(large: Path, cache: Path, tmp_path: Path) -> None:
    policy = Policy(skip=("near-duplicates",))
    sharded = check(large, policy=policy, tokenizers=["o200k_base"])
    whole = check(packed(large, tmp_path), policy=policy, tokenizers=["o200k_base"])
    assert (sharded.sha256, sharded.counts, told(sharded)) == (whole.sha256, whole.counts, told(whole))
    one, other = sharded.lengths("train", "o200k_base"), whole.lengths("train", "o200k_base")
    assert one is not None
    assert other is not None
    assert np.array_equal(one.usual, other.usual)
    assert [row.number for row in sharded.split.test] == [row.number for row in whole.split.test]


def test_a_finished_scan_leaves_nothing_in_the_cache(large: Path, cache: Path) -> None:
    check(large, policy=Policy(skip=("near-duplicates", "sensitive")))
    assert list(cache.iterdir()) == []


def test_after_a_kill_finished_shards_are_not_scanned_again(large: Path, digest: str, cache: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", SCAN, str(large)], stdout=subprocess.PIPE, start_new_session=True)
    while not (finished := list(cache.glob("*/shard-?????.npz"))) and first.poll() is None:
        time.sleep(0.005)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert finished
    kept = {path: path.stat().st_mtime_ns for path in cache.glob("*/shard-?????.npz")}
    share = Share(_work(large), (Stretch(0, 1, 1),) * 2, next(iter(kept)).parent)
    assert all(share.done(int(path.stem.removeprefix("shard-"))) == path for path in kept)
    work_on(share)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    again = subprocess.run([sys.executable, "-c", SCAN, str(large)], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == digest


@pytest.mark.skipif(
    not Path("/proc/self/task").exists() or len(os.sched_getaffinity(0)) < 2,
    reason="children are found in /proc, and helpers are started on a second core",
)
def test_what_a_killed_helper_had_claimed_is_scanned_by_us(large: Path, digest: str, cache: Path) -> None:
    """A helper that dies at once, as one killed for its memory does, leaves claims and no results."""
    watcher = subprocess.Popen([sys.executable, "-c", SCAN, str(large)], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    killed = False
    while not killed and watcher.poll() is None and time.monotonic() < deadline:
        children = Path(f"/proc/{watcher.pid}/task/{watcher.pid}/children")
        for child in children.read_text().split() if children.exists() else []:
            if list(cache.glob("*/claim-*")):
                os.kill(int(child), signal.SIGKILL)
                killed = True
    assert watcher.communicate()[0].strip() == digest
    assert killed


def test_a_shard_survives_its_file(large: Path, tmp_path: Path) -> None:
    share = Share(_work(large), (Stretch(0, 4_000, 1),), tmp_path)
    scan = share.scan(0)
    write_scan(scan, tmp_path / "shard.npz")
    kept = read_scan(tmp_path / "shard.npz")
    assert np.array_equal(kept.table.keys, scan.table.keys)
    assert (kept.rows, kept.names, kept.tally, kept.answers) == (scan.rows, scan.names, scan.tally, scan.answers)
    assert kept.collector.findings == scan.collector.findings


def test_rows_of_a_file_that_was_changed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    line = json.dumps({"input": "a question", "output": "an answer"}) + "\n"
    path.write_text(line * 3)
    dataset = check(path)
    path.write_text(line * 4)
    with pytest.raises(UsageError, match="changed while it was being used"):
        list(dataset.rows)


def _work(path: Path) -> Work:
    part = open_part(path, Columns()).part
    return Work(part.file, part.unit, part.layout, Policy())
