"""The promises of the seam as a suite of tests that any package's adapter inherits; needs pytest, and nothing of ours.

    from providers.testing import ProviderContract

    class TestMine(ProviderContract):
        name, model = "mine", "mine-8b"

`ProviderContract` holds every part that needs no control over the platform; `OverHTTP` adds what must hold when the
wire fails, and `OnSandbox` both, for an adapter whose wire our sandbox speaks. See docs/plugins.md.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("adapter", "jobs", "machines", "offline", "over_http", "preference"))
)
pytest.register_assert_rewrite(f"{__name__}.questions", f"{__name__}.on_sandbox")

from .adapter import AdapterSuite  # noqa: E402  the assertions of what follows are rewritten, so that they explain
from .jobs import FilesAndJobs  # noqa: E402
from .machines import Machines  # noqa: E402
from .making import SAMPLE_TAG, sample_file, sample_plan  # noqa: E402
from .offline import SaidWithoutANetwork  # noqa: E402
from .on_sandbox import OnSandbox, SandboxControls  # noqa: E402
from .over_http import OverHTTP  # noqa: E402
from .preference import PreferenceTraining  # noqa: E402
from .questions import Questions  # noqa: E402
from .whole import ProviderContract  # noqa: E402

__all__ = [
    "SAMPLE_TAG",
    "AdapterSuite",
    "FilesAndJobs",
    "Machines",
    "OnSandbox",
    "OverHTTP",
    "PreferenceTraining",
    "ProviderContract",
    "Questions",
    "SaidWithoutANetwork",
    "SandboxControls",
    "sample_file",
    "sample_plan",
]
