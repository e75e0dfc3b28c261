"""Which input of a trainer takes what: found under usual names, said by the user, or refused by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.errors import NotFound, Unsupported
from providers.records import Hyperparameters, Message, Method, Plan, Sampling
from providers.replicate.bodies import Known, create_body, destination_of
from providers.replicate.places import problems, training_inputs
from providers.replicate.trainer import Inputs, read_trainer

pytest.importorskip("replicate")
from providers.replicate.predictions import prediction_input

PLATFORM = providers.platform("replicate")
MODEL = "acme/trainer:abc123"
URLS = {"train": "https://x/train.jsonl"}
FIELDS: dict[str, Any] = {
    "train_data": {"type": "string", "format": "uri"},
    "validation_data": {"type": "string", "format": "uri"},
    "num_train_epochs": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
    "learning_rate": {"type": "number", "default": 1e-4},
    "optimizer": {"allOf": [{"$ref": "#/components/schemas/optimizer"}], "default": "adamw"},
    "notes": {"type": "array"},
}
OPTIMIZER = {"type": "string", "enum": ["adamw", "sgd"]}


def version(fields: dict[str, Any] = FIELDS, required: tuple[str, ...] = ("train_data",), **more: Any) -> Any:
    training = {"type": "object", "properties": fields, "required": list(required)}
    schemas = {"TrainingInput": training, "optimizer": OPTIMIZER, **more}
    return {"id": "abc123", "openapi_schema": {"components": {"schemas": schemas}}}


def inputs(fields: dict[str, Any] = FIELDS, required: tuple[str, ...] = ("train_data",)) -> Inputs:
    found = read_trainer(version(fields, required)).train
    assert found is not None
    return found


@pytest.fixture
def planned(make_plan: Callable[..., Plan]) -> Callable[..., Plan]:
    def made(validated: bool = False, epochs: int | None = None, **extra: Any) -> Plan:
        settings = Hyperparameters(epochs=epochs, extra=extra)
        held_out = "b" * 64 if validated else None
        return make_plan("replicate", MODEL, hyperparameters=settings, validation_sha256=held_out)

    return made


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_settings_and_files_find_the_trainers_own_names(planned: Any) -> None:
    urls = {**URLS, "validation": "https://x/valid.jsonl"}
    assert training_inputs(planned(True, 2, optimizer="sgd", notes=["a"]), inputs(), urls) == {
        "train_data": "https://x/train.jsonl",
        "validation_data": "https://x/valid.jsonl",
        "num_train_epochs": 2,
        "optimizer": "sgd",
        "notes": ["a"],
    }


def test_the_user_says_where_an_unusual_trainer_takes_them(planned: Any) -> None:
    unusual = inputs({"corpus": {"type": "string"}, "rounds": {"type": "integer"}}, ())
    assert "say --set train_input=NAME" in problems(planned(), unusual)[0]
    said = planned(epochs=2, train_input="corpus", epochs_input="rounds")
    assert training_inputs(said, unusual, URLS) == {"corpus": "https://x/train.jsonl", "rounds": 2}


def test_the_only_file_that_a_trainer_must_have_is_the_training_file(planned: Any) -> None:
    only = inputs({"archive": {"type": "string", "format": "uri"}, "steps": {"type": "integer"}}, ("archive",))
    assert training_inputs(planned(), only, URLS) == {"archive": "https://x/train.jsonl"}


def test_epochs_are_left_to_a_trainer_that_has_none_only_when_that_is_said(planned: Any) -> None:
    without = inputs({"train_data": FIELDS["train_data"]})
    (problem,) = problems(planned(epochs=3), without)
    assert "--set epochs_input=none to leave it to the trainer" in problem
    assert training_inputs(planned(epochs=3, epochs_input="none"), without, URLS) == {
        "train_data": "https://x/train.jsonl"
    }


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({"learning_rat": 0.1}, "learning_rat: is not an input of this trainer; did you mean 'learning_rate'?"),
        ({"beta": 0.1}, "beta: is not an input of this trainer; its inputs: "),
        ({"optimizer": "adam"}, "optimizer: 'adam' is not 'adamw' or 'sgd'"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' is not a number"),
        ({"train_input": "train_dat"}, "train_input: 'train_dat' is not an input of this trainer; did you mean"),
    ],
)
def test_what_a_trainer_does_not_take_is_refused_by_name(planned: Any, extra: Any, problem: str) -> None:
    found = problems(planned(**extra), inputs())
    assert found[0].startswith(problem)
    with pytest.raises(Unsupported) as refused:
        training_inputs(planned(**extra), inputs(), URLS)
    assert refused.value.nothing_created


def test_a_value_out_of_range_is_refused_under_our_name_for_it(planned: Any) -> None:
    assert problems(planned(epochs=11), inputs()) == ("epochs: 11 is above 10",)


def test_a_validation_file_needs_an_input_for_it(planned: Any) -> None:
    without = inputs({"train_data": FIELDS["train_data"]})
    assert problems(planned(True), without)[0].startswith("validation_input: it is not known which input")


def test_what_a_trainer_must_have_is_asked_for(planned: Any) -> None:
    strict = inputs(FIELDS | {"trigger": {"type": "string"}}, ("train_data", "trigger"))
    assert problems(planned(), strict) == ("trigger: the trainer needs it; give it with --set trigger=…",)
    assert problems(planned(trigger="x"), strict) == ()


@pytest.mark.parametrize("odd", [{}, {"openapi_schema": None}, {"openapi_schema": {"components": {"schemas": []}}}])
def test_a_version_that_tells_no_inputs_trains_and_answers_nothing(odd: Any) -> None:
    assert (read_trainer(odd).train, read_trainer(odd).predict) == (None, None)


# ── the whole request ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_plans_destination_is_before_the_accounts(planned: Any) -> None:
    assert destination_of(planned(), "me/usual") == "me/usual"
    assert destination_of(planned(destination="me/other"), "me/usual") == "me/other"
    assert destination_of(planned(), None) is None


@pytest.mark.parametrize("told", ["me", "me/model:1", "me/a/b", "https://replicate.com/me/model"])
def test_a_destination_is_an_owner_and_a_name(planned: Any, told: str) -> None:
    with pytest.raises(Unsupported, match="OWNER/NAME"):
        destination_of(planned(destination=told), None)


def test_without_a_destination_nothing_is_bought(planned: Any) -> None:
    with pytest.raises(Unsupported, match="destination") as refused:
        create_body(planned(), Known(), inputs(), URLS)
    assert refused.value.nothing_created


def test_word_of_the_end_is_asked_for_where_an_address_is_given(planned: Any) -> None:
    body = create_body(planned(), Known("me/model", "https://me.example/hook"), inputs(), URLS)
    assert (body["webhook"], body["webhook_events_filter"]) == ("https://me.example/hook", ["completed"])
    assert set(create_body(planned(), Known("me/model"), inputs(), URLS)) == {"destination", "input"}


def test_before_the_trainer_is_read_the_paid_body_is_told_in_words(planned: Any) -> None:
    (paid,) = [request for request in PLATFORM.requests(planned(epochs=2), [], "tw-x") if request.paid]
    assert paid.url == "https://api.replicate.com/v1/models/acme/trainer/versions/abc123/trainings"
    assert isinstance(paid.body, str)
    assert "read from the trainer before anything is sent" in paid.body


# ── names and settings without a network ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["acme/trainer", "trainer:abc", "trainer"])
def test_a_trainer_is_named_with_its_version(model: str) -> None:
    with pytest.raises((Unsupported, NotFound), match=r"names no version|no model|no base model"):
        PLATFORM.recipe(model, Method.SFT, Hyperparameters(), 100, 0)


def test_a_target_on_the_command_line_keeps_the_trainers_colon() -> None:
    from orchestrator.settings import Target

    target = Target.parse(f"replicate:{MODEL}")
    assert (target.provider, target.model, str(target)) == ("replicate", MODEL, f"replicate:{MODEL}")


@pytest.mark.parametrize("price", ["cheap", "-1", "NaN"])
def test_a_price_that_is_none_is_refused_by_the_variables_name(price: str, tmp_path: Any) -> None:
    environ = {"REPLICATE_API_TOKEN": "r8_x", "REPLICATE_USD_PER_SECOND": price}
    with pytest.raises(providers.errors.InvalidData, match="REPLICATE_USD_PER_SECOND"):
        PLATFORM.connection(environ, None, tmp_path)


# ── questions ───────────────────────────────────────────────────────────────────────────────────────────────────────

ASK = (Message("system", "Answer shortly."), Message("user", "Why?"))


def predicting(**fields: Any) -> Inputs:
    return Inputs({name: {"type": kind} for name, kind in fields.items()})


def test_a_question_goes_where_the_model_takes_it() -> None:
    whole = predicting(prompt="string", system_prompt="string", max_new_tokens="integer", temperature="number")
    assert prediction_input(whole, ASK, Sampling(max_tokens=9)) == {
        "prompt": "Why?",
        "system_prompt": "Answer shortly.",
        "max_new_tokens": 9,
        "temperature": 0.0,
    }
    assert prediction_input(predicting(prompt="string"), ASK, Sampling()) == {"prompt": "Answer shortly.\n\nWhy?"}
    turns = [{"role": "system", "content": "Answer shortly."}, {"role": "user", "content": "Why?"}]
    assert prediction_input(predicting(messages="array"), ASK, Sampling())["messages"] == turns
    assert isinstance(prediction_input(predicting(messages="string"), ASK, Sampling())["messages"], str)


def test_a_conversation_does_not_fit_into_one_prompt() -> None:
    longer = (*ASK, Message("assistant", "So."), Message("user", "But why?"))
    with pytest.raises(Unsupported, match="conversation"):
        prediction_input(predicting(prompt="string"), longer, Sampling())


def test_a_model_that_takes_no_words_cannot_be_asked() -> None:
    with pytest.raises(Unsupported, match="takes no prompt; its inputs: image"):
        prediction_input(predicting(image="string"), ASK, Sampling())


# ── without the SDK ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_its_sdk_the_platform_still_tells_its_requests_and_says_what_to_install(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["replicate"] = None
import providers
from pathlib import Path
platform = providers.platform("replicate")
connection = platform.connection({"REPLICATE_API_TOKEN": "r8_x"}, None, Path())
try:
    platform.open(connection)
except providers.errors.Unsupported as error:
    print(error.fix)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "pip install 'tunewright[replicate]'"
