"""Every word that an SDK knows for a state stands in our table exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import pytest
from openai.types import Batch, FileObject
from openai.types.fine_tuning import FineTuningJob
from together.lib.types.fine_tuning import FinetuneJobStatus
from together.types import FileResponse, FinetuneResponse
from together.types.batch_job import BatchJob
from together.types.deployment_status import DeploymentStatus
from together.types.fine_tuning_cancel_response import FineTuningCancelResponse
from together.types.fine_tuning_list_response import FineTuningListResponse

from providers.openai import answers as openai_answers
from providers.openai.batches import BATCH_STATES as OPENAI_BATCH_STATES
from providers.records import TERMINAL_STATES, JobState
from providers.together import answers as together_answers
from providers.together.batches import BATCH_STATES as TOGETHER_BATCH_STATES
from providers.together.leases import DEPLOYMENT_STATES


def words(model: Any, field: str) -> set[str]:
    """The literal values of a field, also when it is optional."""
    annotation = model.model_fields[field].annotation
    found: list[Any] = [annotation]
    while any(get_args(one) for one in found):
        found = [inner for one in found for inner in (get_args(one) or (one,))]
    return {one for one in found if isinstance(one, str)}


TABLES: Iterable[tuple[Mapping[str, Any], set[str], set[str]]] = [
    (openai_answers.JOB_STATES, words(FineTuningJob, "status"), {"paused"}),
    (together_answers.JOB_STATES, words(FinetuneResponse, "status"), {"user_error"}),
    (together_answers.JOB_STATES, words(FineTuningCancelResponse, "status"), {"user_error"}),
    (together_answers.JOB_STATES, {member.value for member in FinetuneJobStatus}, set()),
    (together_answers.FILE_STATES, words(FileResponse, "processing_status"), set()),
    (OPENAI_BATCH_STATES, words(Batch, "status"), set()),
    (TOGETHER_BATCH_STATES, words(BatchJob, "status"), set()),
    (DEPLOYMENT_STATES, words(DeploymentStatus, "state"), set()),
]


@pytest.mark.parametrize(("table", "sdk", "ours"), TABLES)
def test_a_table_holds_the_sdks_words_and_no_others_but_the_documented(
    table: Mapping[str, Any], sdk: set[str], ours: set[str]
) -> None:
    assert sdk
    assert set(table) == sdk | ours


def test_the_listed_jobs_of_together_use_the_same_words() -> None:
    listed = get_args(FineTuningListResponse.model_fields["data"].annotation)[0]
    assert words(listed, "status") <= set(together_answers.JOB_STATES)


def test_every_job_state_that_the_sdks_call_final_is_final_here() -> None:
    final = {"succeeded", "failed", "cancelled"}
    assert {openai_answers.JOB_STATES[word] for word in final} <= TERMINAL_STATES
    assert {together_answers.JOB_STATES[word] for word in ("completed", "error", "user_error", "cancelled")} <= (
        TERMINAL_STATES
    )


def test_no_table_calls_a_known_word_unknown() -> None:
    assert JobState.UNKNOWN not in {*openai_answers.JOB_STATES.values(), *together_answers.JOB_STATES.values()}


def test_openai_files_use_no_word_that_we_have_not_read() -> None:
    assert words(FileObject, "status") == {"uploaded", "processed", "error"}
