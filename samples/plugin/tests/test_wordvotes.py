"""The adapter keeps the promises that every adapter keeps."""

from __future__ import annotations

from providers.records import Hyperparameters
from providers.testing import ProviderContract


class TestWordVotes(ProviderContract):
    name = "wordvotes"
    model = "words"
    another = Hyperparameters(learning_rate=0.5)
    streams = False
