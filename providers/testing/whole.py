"""Every part that needs no control over the platform, in one class."""

from __future__ import annotations

from .jobs import FilesAndJobs
from .machines import Machines
from .offline import SaidWithoutANetwork
from .preference import PreferenceTraining
from .questions import Questions

__all__ = ["ProviderContract"]


class ProviderContract(SaidWithoutANetwork, FilesAndJobs, PreferenceTraining, Questions, Machines):
    """What any `Platform` and `Provider` must do. An adapter sets `name` and `model`; see `AdapterSuite`."""
