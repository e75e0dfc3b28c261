"""Vocabulary files inside installed packages: found without importing the package, used only if their SHA-256 is known.

Most packages that carry a vocabulary are wanted for that file alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

__all__ = ["check_files", "is_installed", "package_folder", "read_file", "sha256"]


def is_installed(package: str) -> bool:
    """Whether the top-level package can be found; it is not imported."""
    return find_spec(package) is not None


def package_folder(package: str) -> Path:
    """The folder of an installed package. Raises `ModuleNotFoundError` without it."""
    spec = find_spec(package)
    roots = list(spec.submodule_search_locations or ()) if spec else []
    if not roots:
        raise ModuleNotFoundError(f"no package {package}", name=package)
    return Path(roots[0])


def read_file(package: str, path: str, known: str) -> bytes:
    """The bytes of a file inside a package. Raises `RuntimeError` unless their SHA-256 is `known`."""
    file = package_folder(package) / path
    if not file.is_file():
        raise RuntimeError(f"{file} is missing: reinstall {package}")
    content = file.read_bytes()
    if sha256(content) != known:
        raise RuntimeError(f"{file} is not the known vocabulary: its SHA-256 is another, so it is not used")
    return content


def check_files(package: str, folder: str, known: Mapping[str, str]) -> Path:
    """The folder inside the package, once each named file in it has its known SHA-256; see `read_file`."""
    for name, digest in known.items():
        read_file(package, f"{folder}/{name}", digest)
    return package_folder(package) / folder


def sha256(content: bytes) -> str:
    """Lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()
