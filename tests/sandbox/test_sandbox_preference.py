"""Preference jobs on both wires: the rejected answer becomes less likely, and what is no preference is refused."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
import together

from providers.sandbox import Sandbox
from providers.sandbox.learner import Learner, Pair, Point, Setting, learner
from providers.sandbox.preference import LabelPreference, TextPreference
from providers.sandbox.rows import BadFile, openai_rows, together_rows

REPLIES = {
    "late": ("I'm sorry. We'll ask the courier.", "Wait."),
    "broken": ("I'm sorry. We'll send a new one.", "Buy another."),
    "twice": ("I'm sorry. We'll return one payment.", "Ask your bank."),
}
WORDS = {
    "late": ("parcel", "courier", "delivery", "late"),
    "broken": ("broke", "cracked", "snapped", "fell apart"),
    "twice": ("paid", "charged", "payment", "bank"),
}
USER = {"role": "user", "content": "hi"}
CHOSEN, REJECTED = {"role": "assistant", "content": "hello"}, {"role": "assistant", "content": "what"}


def replies(count: int, seed: int = 1) -> list[Pair]:
    rng = random.Random(seed)
    kinds = (sorted(REPLIES) * count)[:count]
    return [Pair("", f"my {' '.join(rng.sample(WORDS[kind], 2))} {i}", *REPLIES[kind]) for i, kind in enumerate(kinds)]


def texts(count: int) -> list[Pair]:
    """Answers of their own, so free text: kind ones to prefer, rude ones to reject."""
    kind = [f"Thank you for asking, we gladly help with part {i}." for i in range(count)]
    rude = [f"Read the manual, page {i}." for i in range(count)]
    return [Pair("", f"question about part {i}", kind[i], rude[i]) for i in range(count)]


def trained(train: list[Pair], valid: list[Pair], setting: Setting, reference: Learner | None = None) -> Any:
    model = learner(train, valid, setting, reference)
    points = [point for _ in range(setting.epochs) for point in model.epoch(lambda: False) or ()]
    return model, points


# ── learning ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("pairs", "kind"), [(replies(60), LabelPreference), (texts(40), TextPreference)])
def test_rejected_answers_become_less_likely_and_preferred_ones_likelier(pairs: list[Pair], kind: type) -> None:
    asked = pairs[0]
    untrained = learner(pairs, [], Setting(2, 4))
    before = untrained.leanings("", asked.user)
    model, _ = trained(pairs, [], Setting(2, 4))
    after = model.leanings("", asked.user)
    assert isinstance(model, kind)
    assert before[asked.answer] == before[asked.rejected or ""]
    assert after[asked.answer] > before[asked.answer] > after[asked.rejected or ""]


def test_it_answers_unseen_questions_as_preferred() -> None:
    model, _ = trained(replies(60), [], Setting(3, 4))
    unseen = replies(30, seed=2)
    right = sum(model.answer("", pair.user) == pair.answer for pair in unseen)
    assert right >= 27


def test_a_preference_holds_for_texts_never_seen() -> None:
    _, points = trained(texts(40)[:30], texts(40)[30:], Setting(3, 4, evals=3))
    last = points[-1]
    assert last.valid_accuracy == 1
    assert last.valid_margin > 0


def test_training_begins_where_both_answers_are_equally_likely() -> None:
    _, points = trained(replies(60), [], Setting(2, 4))
    first: Point = points[0]
    assert first.loss == pytest.approx(math.log(2))
    assert (first.margin, first.accuracy) == (0, 0)
    assert points[-1].loss < 0.6 * first.loss


def test_a_higher_beta_stays_nearer_to_the_reference() -> None:
    def moved(beta: float) -> float:
        model, _ = trained(replies(60), [], Setting(5, 4, beta=beta))
        scores = model.leanings("", replies(1)[0].user)
        return float(max(scores.values()) - min(scores.values()))

    assert moved(0.05) > moved(0.5) > moved(2)


def test_the_same_seed_gives_the_same_preferences() -> None:
    assert trained(replies(60), [], Setting(2, 4, seed=3))[1] == trained(replies(60), [], Setting(2, 4, seed=3))[1]


def test_a_checkpoint_of_preferences_is_not_changed_by_further_epochs() -> None:
    model = learner(replies(60), [], Setting(2, 4))
    model.epoch(lambda: False)
    kept = model.snapshot()
    before = kept.arrays()["weights"].copy()
    model.epoch(lambda: False)
    assert (kept.arrays()["weights"] == before).all()


def test_what_the_model_before_knew_is_kept_where_nothing_was_preferred() -> None:
    known = [
        Pair("", f"opening hours on day {i}", "From nine to six." if i % 2 else "We are closed.") for i in range(40)
    ]
    before, _ = trained(known, [], Setting(3, 4))
    after, _ = trained(replies(60), [], Setting(2, 4), before)
    assert after.answer("", "opening hours on day 7") == before.answer("", "opening hours on day 7")
    assert after.answer("", "my parcel courier is late") == REPLIES["late"][0]


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def row(**changes: Any) -> bytes:
    sides = {"preferred_output": [CHOSEN], "non_preferred_output": [REJECTED]}
    return json.dumps({"input": {"messages": [USER]}, **sides, **changes}).encode() + b"\n"


BAD_ROWS = [
    (row(input="hi"), "needs input.messages"),
    (row(input={"messages": []}), "non-empty"),
    (row(input={"messages": [USER, CHOSEN]}), "must not end with an assistant"),
    (row(preferred_output=[]), "preferred_output must be a list of exactly one"),
    (row(non_preferred_output=[REJECTED, REJECTED]), "non_preferred_output must be a list of exactly one"),
    (row(non_preferred_output=[{"role": "user", "content": "a"}]), "must be from the assistant"),
    (row(non_preferred_output=[{"role": "assistant", "content": 5}]), "no text content"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS)
@pytest.mark.parametrize("read", [lambda data: openai_rows(data, "dpo"), lambda data: together_rows(data, "dpo")])
def test_a_bad_preference_is_refused_with_its_line(read: Callable[[bytes], Any], bad: bytes, reason: str) -> None:
    with pytest.raises(BadFile, match=reason) as refused:
        read(row() * 10 + bad)
    assert refused.value.line == 11


def test_both_answers_are_learned_from_and_billed_with_their_prompt() -> None:
    rows = openai_rows(row() * 10, "dpo")
    chat = json.dumps({"messages": [USER, CHOSEN]}).encode() + b"\n"
    assert (rows.pairs[0].answer, rows.pairs[0].rejected) == ("hello", "what")
    assert rows.tokens == together_rows(row() * 10, "dpo").tokens == 2 * openai_rows(chat * 10, "supervised").tokens


@pytest.mark.parametrize(("data", "method"), [(row() * 10, "supervised"), (b'{"text": "a"}\n' * 10, "dpo")])
def test_together_trains_preferences_by_preference_only(data: bytes, method: str) -> None:
    with pytest.raises(BadFile, match="does not take a dataset in"):
        together_rows(data, method)


# ── on the wires ────────────────────────────────────────────────────────────────────────────────────────────────────


def preference_lines(pairs: list[Pair]) -> bytes:
    turn = {"role": "assistant"}
    rows = (
        row(
            input={"messages": [{"role": "user", "content": pair.user}]},
            preferred_output=[turn | {"content": pair.answer}],
            non_preferred_output=[turn | {"content": pair.rejected}],
        )
        for pair in pairs
    )
    return b"".join(rows)


@pytest.fixture
def prefer(client: openai.OpenAI) -> Callable[..., Any]:
    """Upload the replies and start a preference job with the stock client; more by keyword."""

    def create(model: str = "gpt-4.1-mini", data: bytes = preference_lines(replies(60)), **changes: Any) -> Any:
        method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.3}}}
        file = client.files.create(file=("t.jsonl", data), purpose="fine-tune").id
        fields = {"model": model, "training_file": file, "seed": 7, "method": method, **changes}
        return client.fine_tuning.jobs.create(**fields)

    return create


def say(client: Any, model: str, text: str) -> str:
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
    return str(answer.choices[0].message.content)


def test_openais_client_trains_by_preference_and_gets_the_preferred_answer(
    client: openai.OpenAI, sandbox: Sandbox, prefer: Callable[..., Any]
) -> None:
    job = prefer()
    sandbox.advance(1000)
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert (done.status, done.method and done.method.type) == ("succeeded", "dpo")
    assert done.method is not None
    assert done.method.dpo is not None
    assert done.method.dpo.hyperparameters is not None
    assert done.method.dpo.hyperparameters.beta == 0.3
    assert say(client, str(done.fine_tuned_model), "my courier is late") == REPLIES["late"][0]


def test_events_tell_the_rewards(client: openai.OpenAI, sandbox: Sandbox, prefer: Callable[..., Any]) -> None:
    job = prefer()
    sandbox.advance(1000)
    told = [e.data for e in client.fine_tuning.jobs.list_events(job.id, limit=500) if e.type == "metrics"]
    newest: Any = told[0]
    assert newest["train_reward_margin"] > 0
    assert newest["train_reward_accuracy"] == 1
    assert "train_mean_token_accuracy" not in newest


def test_a_malformed_preference_file_fails_the_job_with_the_platforms_error(
    client: openai.OpenAI, sandbox: Sandbox, prefer: Callable[..., Any]
) -> None:
    job = prefer(data=row() * 10 + row(preferred_output=[]))
    sandbox.advance(100)
    error = client.fine_tuning.jobs.retrieve(job.id).error
    assert error is not None
    assert (error.code, error.param) == ("invalid_training_file", "training_file")
    assert "Line 11: preferred_output" in error.message


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": "gpt-4o-mini"}, "method.type"),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3}}}}, "beta"),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0}}}}, "beta"),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"beta": 0.1}}}}, "beta"),
    ],
)
def test_what_cannot_be_preferred_by_is_refused_by_name(
    prefer: Callable[..., Any], changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        prefer(**changes)
    assert refused.value.param == param


def test_preference_training_goes_on_from_a_tuned_model_also_after_a_restart(tmp_path: Path) -> None:
    chat = [json.dumps({"messages": [{"role": "user", "content": f"hours of day {i}"}, CHOSEN]}) for i in range(12)]
    with Sandbox(tmp_path, pace_s=0) as first:
        before = _job(first, "supervised", "\n".join(chat).encode())
        first.advance(10)
        after = _job(first, "dpo", preference_lines(replies(60)), parent=before, parent_epoch=1)
        first.advance(10)
        (model,) = [tuned for tuned in first.tuned("openai") if tuned.job.id == after]
        said = first.recall(model).leanings("", "hours of day 3")
    with Sandbox(tmp_path, pace_s=0) as again:
        assert again.recall(model).leanings("", "hours of day 3") == said
    assert "hello" in said


def test_a_model_that_went_on_from_a_deleted_one_still_answers_after_a_restart(tmp_path: Path) -> None:
    chat = [json.dumps({"messages": [USER, CHOSEN]})] * 12
    with Sandbox(tmp_path, pace_s=0) as first:
        before = _job(first, "supervised", "\n".join(chat).encode())
        first.advance(10)
        after = _job(first, "dpo", preference_lines(replies(60)), parent=before, parent_epoch=1)
        first.advance(10)
        first.delete_job(before)
    with Sandbox(tmp_path, pace_s=0) as again:
        (model,) = [tuned for tuned in again.tuned("openai") if tuned.job.id == after]
        assert again.recall(model).answer("", "my parcel courier is late") == REPLIES["late"][0]


def _job(world: Sandbox, method: str, data: bytes, **changes: Any) -> str:
    file = world.files.add("openai", "t.jsonl", "fine-tune", data).id
    fields: dict[str, Any] = {"model": "sandbox-small", "method": method, "training_file": file, "suffix": ""}
    settings: dict[str, Any] = {"seed": 7, "epochs": 1, "batch_size": 4, "rate": 1.0, "evals": None, "request": {}}
    return world.create_job("openai", "ftjob-", validation_file=None, **fields, **settings, **changes).id


@pytest.fixture
def preference_file(tmp_path: Path) -> Path:
    path = tmp_path / "preferences.jsonl"
    path.write_bytes(preference_lines(replies(60)))
    return path


def test_togethers_client_trains_by_preference_and_sees_the_rewards(
    tog: together.Together, sandbox: Sandbox, preference_file: Path
) -> None:
    file = tog.files.upload(preference_file).id
    made = {"training_file": file, "validation_file": file, "n_evals": 1, "training_method": "dpo", "dpo_beta": 0.2}
    job = tog.fine_tuning.create(model="Qwen/Qwen3-8B", n_epochs=2, **made)  # type: ignore[arg-type]
    sandbox.advance(1000)
    done: Any = tog.fine_tuning.retrieve(job.id)
    assert (done.status, done.training_method.dpo_beta) == ("completed", 0.2)
    rows: Any = tog.fine_tuning.list_metrics(job.id).metrics
    assert rows[-1]["eval/rewards/accuracies"] == 1
    assert rows[-1]["train/rewards/margins"] > 0


def test_togethers_client_goes_on_from_a_checkpoint(
    tog: together.Together, sandbox: Sandbox, preference_file: Path, train_file: Path
) -> None:
    first = tog.fine_tuning.create(model="Qwen/Qwen3-8B", training_file=tog.files.upload(train_file).id)
    sandbox.advance(1000)
    file = tog.files.upload(preference_file).id
    job = tog.fine_tuning.create(from_checkpoint=first.id, training_file=file, training_method="dpo")
    sandbox.advance(1000)
    done: Any = tog.fine_tuning.retrieve(job.id)
    assert (done.status, done.model) == ("completed", "Qwen/Qwen3-8B")


def test_a_checkpoint_that_is_not_there_is_refused(tog: together.Together, preference_file: Path) -> None:
    file = tog.files.upload(preference_file).id
    with pytest.raises(together.NotFoundError):
        tog.fine_tuning.create(from_checkpoint="ft-absent", training_file=file, training_method="dpo")


def test_a_supervised_job_on_preferences_is_the_users_error(
    tog: together.Together, sandbox: Sandbox, preference_file: Path
) -> None:
    job = tog.fine_tuning.create(model="Qwen/Qwen3-8B", training_file=tog.files.upload(preference_file).id)
    sandbox.advance(1000)
    done: Any = tog.fine_tuning.retrieve(job.id)
    assert done.status == "user_error"
