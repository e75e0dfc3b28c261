"""The data page: one HTML file that shows what the pairs are. It loads nothing and runs no script.

What stands in rows reaches it only as escaped text, clipped, with control characters made visible.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from .data_drawing import PLOT_PX, draw, label_parts
from .data_sentence import answer, explained, first_steps, part
from .data_view import DataPicture
from .files import replace
from .templates import template
from .twin import dumps

__all__ = ["render_data_page", "write_data_page"]


def render_data_page(picture: DataPicture) -> str:
    """The picture as one HTML document. The same picture gives the same bytes."""
    lengths, labels = picture.lengths, picture.labels
    return template("data_page.html.j2").render(
        p=picture,
        answer=answer(picture),
        explained=explained(picture),
        steps=first_steps(picture),
        drawn={
            "prompt": draw(lengths.prompt),
            "answer": draw(lengths.answer),
            "whole": draw(lengths.whole, lengths.limits),
        }
        if lengths
        else None,
        parts=label_parts(labels) if labels else [],
        part=part,
        repeated={rule for kind in picture.repeats for rule in kind.rules},
        plot_px=PLOT_PX,
        nonce=_nonce(picture),
    )


def write_data_page(picture: DataPicture, path: Path) -> Path:
    """The page at `path`, whole or not at all, for its owner alone. Raises `OSError` if it cannot."""
    page = render_data_page(picture)
    replace(path, page)
    return path


def _nonce(picture: DataPicture) -> str:
    """Made from the content, so that no two runs differ; no text in the content can hold its own hash."""
    return hashlib.sha256(dumps(picture.to_json()).encode()).hexdigest()[:32]
