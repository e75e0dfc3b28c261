"""What a finished job leaves in its output folder: its curve, as the two CSV files that Bedrock writes. Pure."""

from __future__ import annotations

import csv
import io
from math import exp
from urllib.parse import urlsplit

from .jobs import View
from .world import Sandbox

__all__ = ["outputs"]

_TRAINING = "training_artifacts/step_wise_training_metrics.csv"
_VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"


def outputs(world: Sandbox, bucket: str) -> dict[str, bytes]:
    """Key → bytes of everything that jobs have written into the bucket. Steps count from 0, as there."""
    found = {}
    for seen in world.book.views("bedrock"):
        place = urlsplit(str(seen.job.request["outputDataConfig"]["s3Uri"]))
        if seen.phase != "succeeded" or place.netloc != bucket:
            continue
        folder = f"{place.path.strip('/')}/model-customization-job-{seen.job.id[-12:]}".removeprefix("/")
        found[f"{folder}/{_TRAINING}"] = _table(seen, "training_loss", "loss")
        if seen.job.validation_file:
            found[f"{folder}/{_VALIDATION}"] = _table(seen, "validation_loss", "valid_loss")
    return found


def _table(seen: View, column: str, field: str) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("step_number", "epoch_number", column, "perplexity"))
    for epoch in seen.epochs:
        for point in epoch.points:
            value = getattr(point, field)
            if value is not None:
                table.writerow((point.step - 1, epoch.number - 1, f"{value:.6f}", f"{exp(min(value, 50.0)):.6f}"))
    return text.getvalue().encode()
