"""`python -m orchestrator.cli`: the same as the console script."""

from __future__ import annotations

from . import main

main()
