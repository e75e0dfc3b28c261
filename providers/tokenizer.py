"""The old name of the OpenAI encodings in `providers.tokenizers`, kept until its last caller counts with `counter`."""

from __future__ import annotations

from .tokenizers._openai import encoding, encoding_names

__all__ = ["encoding", "encoding_names"]
