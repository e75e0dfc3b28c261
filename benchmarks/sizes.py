"""What each install weighs: a fresh virtual environment an extra, megabytes and packages. Needs the package index."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("", "[fast]", "[tokenizers]", "[evaluate]", "[formats]", "[sandbox]")


def main() -> None:
    """Print one line an install."""
    for extra in EXTRAS:
        with tempfile.TemporaryDirectory() as folder:
            size_mb, packages = weigh(Path(folder), extra)
        print(f"tunewright{extra}: {size_mb:.0f} MB, {packages} packages")


def weigh(folder: Path, extra: str) -> tuple[float, int]:
    """Megabytes and packages that installing `tunewright{extra}` adds to an empty environment."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    empty = _bytes(folder)
    pip = [folder / "bin" / "pip", "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--no-compile", f"{ROOT}{extra}"]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    listed = subprocess.run([*pip, "list", "--format", "freeze"], check=True, capture_output=True, text=True)
    return (_bytes(folder) - empty) / 1e6, len(listed.stdout.splitlines())


def _bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main()
