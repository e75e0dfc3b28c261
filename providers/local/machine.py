"""What this machine and this installation offer to a training, asked without loading PyTorch; and what is wanted."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .bases import BaseModel

__all__ = ["INSTALL", "gpu_memory_bytes", "is_installed", "memory_bytes", "missing_packages", "shortages"]

INSTALL = (
    "pip install 'tunewright[local]'; without a GPU take PyTorch's CPU build first, which is a tenth of the size: "
    "pip install torch --index-url https://download.pytorch.org/whl/cpu"
)
_TO_TRAIN = ("torch", "transformers", "peft", "trl", "accelerate", "datasets")
_TO_SERVE = ("torch", "transformers", "peft", "starlette", "uvicorn")
_GIB = 1024**3
_ASK_GPU_S = 20.0


def missing_packages(*, to_serve: bool = False) -> list[str]:
    """What the extra would have installed and is not there; vLLM serves without the rest of it."""
    if to_serve and is_installed("vllm"):
        return []
    return [name for name in (_TO_SERVE if to_serve else _TO_TRAIN) if not is_installed(name)]


def is_installed(package: str) -> bool:
    """Without importing it."""
    return find_spec(package) is not None


def memory_bytes() -> int | None:
    """Memory that is free to be taken; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        told = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(told.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def gpu_memory_bytes() -> list[int]:
    """Free memory of each NVIDIA GPU, by its own tool; empty without one, or without the tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_GPU_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [int(line) * 1024**2 for line in told.stdout.split() if line.isdecimal()]


def shortages(base: BaseModel, settings: Mapping[str, Any], home: Path) -> Iterator[str]:
    """What is less than this training wants at the least: memory for the weights, room for its checkpoints."""
    wanted, why = _memory_wanted(base, settings)
    gpus = gpu_memory_bytes()
    free = max(gpus, default=0) if gpus else memory_bytes()
    where = "on the largest GPU" if gpus else "of memory"
    if wanted and free is not None and free < wanted:
        yield f"{free / _GIB:.1f} GiB {where} are free, and {why} want {wanted / _GIB:.1f} GiB at the least"
    room = shutil.disk_usage(next(path for path in (home, *home.parents) if path.exists())).free
    needed = _room_wanted(base, settings)
    if room < needed:
        wanted_text = f"the checkpoints want about {needed / _GIB:.1f} GiB"
        yield f"{room / _GIB:.1f} GiB of disk are free at {home}, and {wanted_text}"


def _memory_wanted(base: BaseModel, settings: Mapping[str, Any]) -> tuple[int, str]:
    """The least: activations come on top, and depend on the rows."""
    size = base.parameters or 0
    if settings.get("qlora"):
        return size * 3 // 4, "the base in 4 bits and its adapter"
    if settings.get("lora", True):
        return size * (2 if gpu_memory_bytes() else 4), "the base's weights"
    return size * 16, "weights, gradients and the optimiser in 32 bits"


def _room_wanted(base: BaseModel, settings: Mapping[str, Any]) -> int:
    saved = int(settings.get("n_checkpoints", 4)) + 1
    size = base.parameters or 0
    if settings.get("lora", True):
        return saved * size // 10 + _GIB // 10
    return saved * size * 4 + size * 8
