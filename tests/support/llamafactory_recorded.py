"""Run inside LLaMA-Factory's own environment: what its parsers know, and which templates there are, as JSON.

    lf/bin/python tests/support/llamafactory_recorded.py > tests/support/llamafactory_arguments.json

The tests hold this adapter's settings and the stand-in against it; where the real package is installed they compare.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from typing import Any


def recorded() -> dict[str, Any]:
    from llamafactory.data.template import TEMPLATES
    from llamafactory.extras.env import VERSION
    from llamafactory.hparams import parser

    return {
        "version": VERSION,
        "train": sorted({field.name for group in parser._TRAIN_ARGS for field in fields(group)}),
        "infer": sorted({field.name for group in parser._INFER_ARGS for field in fields(group)}),
        "templates": sorted(TEMPLATES),
    }


if __name__ == "__main__":
    json.dump(recorded(), sys.stdout, indent=0, sort_keys=True)
    print()
