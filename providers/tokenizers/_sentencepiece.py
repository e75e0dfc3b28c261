"""Mistral's SentencePiece models, from the files inside `mistral-common`; the package is located, not imported."""

from __future__ import annotations

from collections.abc import Sequence

from ._counter import Engine, label, tally_with
from ._files import read_file

__all__ = ["PACKAGE", "load"]

PACKAGE = "mistral_common"

# mistral-common 1.13.1 (Mistral AI, Apache-2.0).
_MODELS = {
    "mistral_v1": (
        "data/tokenizer.model.v1",
        "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
    ),
    "mistral_v3": (
        "data/mistral_instruct_tokenizer_240323.model.v3",
        "9addc8bdce5988448ae81b729336f43a81262160ae8da760674badab9d4c7d33",
    ),
}


def load(name: str) -> Engine:
    """Raises `ModuleNotFoundError` without the packages, `RuntimeError` where the file is not the known one."""
    path, known = _MODELS[name]
    content = read_file(PACKAGE, path, known)
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_proto=content)

    def encode(text: str) -> Sequence[int]:
        return processor.encode(text, out_type=int)  # type: ignore[no-any-return]

    return Engine(
        label=label("sentencepiece", "sentencepiece"),
        encode=encode,
        tally=tally_with(lambda text: len(encode(text))),
    )
