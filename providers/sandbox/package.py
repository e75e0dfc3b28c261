"""A tuned sandbox model as one file to take away: its arrays, and a note of what they are."""

from __future__ import annotations

import io
import tarfile

import numpy as np

from .learner import Learner

__all__ = ["packed"]

_NOTE = """{name}

Made by the sandbox: a small classical learner, not the weights of the base model it is named after.
model.npz holds its arrays (numpy, no pickle): {arrays}.
"""


def packed(model: Learner, name: str) -> bytes:
    """A tar file with `model.npz` and `README`."""
    arrays = model.arrays()
    data = io.BytesIO()
    np.savez_compressed(data, allow_pickle=False, **arrays)
    note = _NOTE.format(name=name, arrays=", ".join(arrays)).encode()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for member, content in (("model.npz", data.getvalue()), ("README", note)):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return tar.getvalue()
