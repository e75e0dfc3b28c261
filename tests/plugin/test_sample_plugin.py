"""The sample adapter of another package, installed, is found by its entry point and held to the suite that it inherits,
in a process of its own."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import providers

ROOT = Path(providers.__file__).parents[1]
SAMPLE = ROOT / "samples" / "plugin"
ADAPTER = SAMPLE / "tunewright_wordvotes" / "__init__.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as an installer leaves it: the package, and the metadata that its pyproject.toml comes to."""
    place, told = tmp_path_factory.mktemp("site"), tomllib.loads((SAMPLE / "pyproject.toml").read_text("utf-8"))
    project = told["project"]
    shutil.copytree(ADAPTER.parent, place / ADAPTER.parent.name, ignore=shutil.ignore_patterns("__pycache__"))
    metadata = place / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    words = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(words, encoding="utf-8")
    points = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in of.items()) for group, of in
              project["entry-points"].items()]  # fmt: skip
    (metadata / "entry_points.txt").write_text("\n".join(points), encoding="utf-8")
    return place


def _run(installed: Path, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python, with the plugin on its path beside this checkout."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(where), "PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=where, env=environ, capture_output=True, text=True, timeout=300, check=False)


def test_it_passes_the_suite_that_it_inherits(installed: Path, tmp_path: Path) -> None:
    suite = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tmp_path)]
    done = _run(installed, tmp_path, *suite, str(SAMPLE / "tests"))
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"(\d+) passed", done.stdout)
    assert counted, done.stdout
    assert int(counted[1]) >= 35
    assert "failed" not in done.stdout


def test_a_broken_adapter_does_not_pass_it(installed: Path, tmp_path: Path) -> None:
    """The suite can fail: an adapter whose jobs lose their tag is caught."""
    (tmp_path / "test_forgetful.py").write_text(
        "import tunewright_wordvotes as wordvotes\n"
        "from dataclasses import replace\n"
        "from providers.testing import ProviderContract\n"
        "kept = wordvotes.Account.job\n"
        "async def forgetful(self, job_id):\n"
        "    return replace(await kept(self, job_id), tag=None)\n"
        "wordvotes.Account.job = forgetful\n"
        "class TestForgetful(ProviderContract):\n"
        "    name, model, streams = 'wordvotes', 'words', False\n",
        encoding="utf-8",
    )
    suite = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "-k", "tag", "test_forgetful.py"]
    done = _run(installed, tmp_path, *suite)
    assert done.returncode == 1
    assert "test_a_job_is_found_by_its_tag" in done.stdout


def test_the_whole_job_runs_on_it(installed: Path, tmp_path: Path) -> None:
    with (tmp_path / "pairs.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["text", "label"])
        for number in range(400):
            table.writerow(
                [f"my card is lost since day {number}", "lost_card"]
                if number % 2
                else [f"please refund order {number}", "refund"]
            )
    command = ["run", "pairs.csv", "--to", "wordvotes:words", "--yes", "--max-usd", "1", "--no-guard-general"]
    done = _run(installed, tmp_path, "-m", "orchestrator.cli", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: deploy" in done.stdout


def test_it_overrides_none_of_ours(installed: Path, tmp_path: Path) -> None:
    code = "import providers; print(*providers.platform_names())"
    names = _run(installed, tmp_path, "-c", code).stdout.split()
    assert names == [*providers.platform_names(), "wordvotes"]


def test_the_adapter_stays_under_150_lines() -> None:
    assert len(ADAPTER.read_text(encoding="utf-8").splitlines()) < 150
