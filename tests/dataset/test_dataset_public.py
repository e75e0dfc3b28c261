"""The public lists, pinned: other rooms build on these names."""

from __future__ import annotations

import orchestrator.dataset as dataset
import providers.dialects as dialects


def test_every_public_name_of_the_dataset_exists() -> None:
    assert all(hasattr(dataset, name) for name in dataset.__all__)
    assert {"load", "check", "write_file", "Columns", "Policy", "Dataset", "PairsRefused"} <= set(dataset.__all__)


def test_the_records_of_a_dataset_are_importable_without_its_readers() -> None:
    import subprocess
    import sys

    code = "import sys, orchestrator.dataset.records; print('orchestrator.dataset.loading' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_every_dialect_has_its_own_name() -> None:
    named = (dialects.OPENAI_CHAT, dialects.TOGETHER_CONVERSATION, dialects.TOGETHER_INSTRUCTION, dialects.TEXT)
    assert [dialect.name for dialect in named] == [
        "openai_chat",
        "together_conversation",
        "together_instruction",
        "text",
    ]
