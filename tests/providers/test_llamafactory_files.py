"""What LLaMA-Factory is told, and what it leaves behind: YAML, `dataset_info.json`, its log, state and failures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.dialects import LLAMA_FACTORY
from providers.errors import InvalidData, Unsupported
from providers.llamafactory import command, launch, logs, models, outcome
from providers.llamafactory.config import Base, dataset_json, serving, training, yaml_text
from providers.llamafactory.settings import check
from providers.llamafactory.templates import template_of
from providers.records import Example, Hyperparameters, Message, Method

ARGUMENTS = json.loads((Path(__file__).parents[1] / "support" / "llamafactory_arguments.json").read_text("utf-8"))
NAME = "/models/SmolLM2-135M-Instruct"
BASE = Base(model=NAME, family=NAME)


def told(method: Method = Method.SFT, validated: bool = False, base: Base = BASE, **given: Any) -> dict[str, Any]:
    core = {name: given.pop(name) for name in ("epochs", "learning_rate", "batch_size", "lora") if name in given}
    return training(base, method, Hyperparameters(**core, extra=given), validated=validated)


# ── the YAML ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_option_is_one_that_the_real_parser_knows() -> None:
    everything = told(
        validated=True, qlora=True, lora_r=4, lora_alpha=8, lora_dropout=0.1, lora_trainable_modules="q_proj",
        max_seq_length=512, save_steps=5, eval_steps=5, save_total_limit=2, early_stopping_patience=2,
        precision="bf16", gradient_checkpointing=False, packing=True, train_on_inputs=True, template="qwen",
    )  # fmt: skip
    preferring = told(Method.DPO, preference_loss="simpo", simpo_gamma=0.3, preference_sft_weight=0.1)
    smoothed = told(Method.DPO, label_smoothing=0.1)
    assert {*everything, *preferring, *smoothed} <= set(ARGUMENTS["train"])
    assert set(serving(Base(model="m", family="m", adapter="a"), Hyperparameters(extra={"qlora": True}))) <= set(
        ARGUMENTS["infer"]
    )


def test_the_yaml_reads_back_as_it_was_meant() -> None:
    config = told(
        learning_rate=1e-5, weight_decay=0.0, max_grad_norm=1e20, base=Base(model='/odd: #{name} "é"', family="x")
    )
    assert yaml.safe_load(yaml_text(config)) == config


def test_a_text_that_omegaconf_would_replace_is_refused() -> None:
    with pytest.raises(Unsupported, match="model_name_or_path"):
        yaml_text({"model_name_or_path": "/models/${oc.env:HOME}"})


def test_a_loss_that_is_no_number_is_not_hidden_and_nothing_is_sent_elsewhere() -> None:
    config = told()
    assert (config["logging_nan_inf_filter"], config["logging_steps"], config["report_to"]) == (False, 1, "none")
    assert config["trust_remote_code"] is False


def test_a_run_resumes_because_nothing_tells_it_to_delete_the_attempt_before() -> None:
    assert "overwrite_output_dir" not in told()
    with pytest.raises(Unsupported, match="deletes the log"):
        told(overwrite_output_dir=True)


def test_four_bits_are_bitsandbytes_nf4_under_a_lora_adapter() -> None:
    config = told(qlora=True)
    assert (config["quantization_bit"], config["quantization_method"], config["finetuning_type"]) == (4, "bnb", "lora")
    assert (config["quantization_type"], config["double_quantization"]) == ("nf4", True)
    assert serving(BASE, Hyperparameters(extra={"qlora": True}))["quantization_bit"] == 4


def test_the_batch_is_what_one_step_takes() -> None:
    config = told(batch_size=8, gradient_accumulation_steps=4)
    assert (config["per_device_train_batch_size"], config["gradient_accumulation_steps"]) == (2, 4)


def test_full_training_knows_no_adapter() -> None:
    config = told(lora=False)
    assert config["finetuning_type"] == "full"
    assert not [name for name in config if name.startswith("lora_")]


def test_going_on_from_an_adapter_names_it_beside_the_base() -> None:
    config = told(Method.DPO, base=Base(model="org/base", family="org/base", adapter="/runs/one/output"))
    assert (config["model_name_or_path"], config["adapter_name_or_path"]) == ("org/base", "/runs/one/output")


def test_a_validation_file_is_measured_once_an_epoch_unless_steps_are_given() -> None:
    assert told()["eval_strategy"] == "no"
    assert told(validated=True)["eval_strategy"] == "epoch"
    assert told(validated=True, eval_steps=3)["eval_steps"] == 3


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        (Method.SFT, {"lora": False, "qlora": True}, "qlora: means nothing in full training"),
        (Method.SFT, {"batch_size": 8, "gradient_accumulation_steps": 3}, "does not divide the batch of 8"),
        (Method.SFT, {"mask_history": True, "train_on_inputs": True}, "contradicts train_on_inputs"),
        (Method.SFT, {"eval_steps": 5}, "eval_steps: needs a validation file"),
        (Method.SFT, {"early_stopping_patience": 2}, "needs a validation file"),
        (Method.SFT, {"early_stopping_patience": 2, "save_steps": 5}, "must equal eval_steps"),
        (Method.SFT, {"lora_rank": 8}, "is called lora_r here"),
        (Method.SFT, {"quantization_bit": 4}, "qlora=true"),
        (Method.SFT, {"precision": "fp8"}, "'fp8' is not 'bf16' or 'fp16'"),
        (Method.SFT, {"beta": 0.1}, "beta: only preference training has it"),
        (Method.DPO, {"packing": True}, "packing: preference training"),
        (Method.DPO, {"simpo_gamma": 0.5}, "only means something with preference_loss=simpo"),
        (Method.DPO, {"preference_loss": "ipo", "label_smoothing": 0.1}, "only the sigmoid loss"),
        (Method.SFT, {"wandb_api_key": "x"}, "never part of a plan"),
        (Method.SFT, {"trust_remote_code": True}, "your own trainer"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(method: Method, given: dict[str, Any], says: str) -> None:
    with pytest.raises(Unsupported, match=says):
        told(method, **given)


def test_a_setting_that_is_unknown_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(Unsupported) as unknown:
        check(Method.SFT, Hyperparameters(extra={"lora_dropuot": 0.1}))
    assert unknown.value.fix == "did you mean 'lora_dropout'?"


def test_the_dataset_is_registered_under_the_names_that_the_yaml_uses() -> None:
    found = json.loads(dataset_json({"train": "/files/a.jsonl", "validation": "/files/b.jsonl"}, Method.DPO))
    config = told(Method.DPO, validated=True)
    assert set(found) == {config["dataset"], config["eval_dataset"]}
    assert found["tunewright_train"]["file_name"] == "/files/a.jsonl"
    assert found["tunewright_train"]["ranking"] is True


# ── templates ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "template"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2"),
        ("/home/me/models/SmolLM2-135M-Instruct", "smollm2"),
        ("Qwen/Qwen3-8B", "qwen3"),
        ("Qwen/Qwen3-4B-Instruct-2507", "qwen3_nothink"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3"),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", None),
        ("/tmp/my-own-model", None),
    ],
)
def test_the_template_is_the_familys_or_is_left_to_the_models_own_tokenizer(model: str, template: str | None) -> None:
    assert template_of(model) == template


def test_a_template_that_was_chosen_is_served_with_too() -> None:
    chosen = Hyperparameters(extra={"template": "chatml"})
    assert training(BASE, Method.SFT, chosen, validated=False)["template"] == "chatml"
    assert serving(BASE, chosen)["template"] == "chatml"


# ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def row(step: int, at: str = "0:00:00", **values: Any) -> dict[str, Any]:
    return {"current_steps": step, "total_steps": 10, "elapsed_time": at, "epoch": step / 5, **values}


def test_a_half_written_line_is_not_read_yet() -> None:
    text = json.dumps(row(1, loss=2.0)) + "\n" + json.dumps(row(2, loss=1.0))[:20]
    assert [line["current_steps"] for line in logs.rows_of(text)] == [1]


def test_losses_of_training_and_validation_meet_at_their_step() -> None:
    points = logs.metrics([row(1, loss=2.0, lr=1e-4), row(2, loss=1.5), row(2, eval_loss=1.7), row(2)])
    assert [(point.step, point.train_loss, point.valid_loss) for point in points] == [(1, 2.0, None), (2, 1.5, 1.7)]
    assert points[0].learning_rate == 1e-4


def test_steps_that_a_kill_threw_away_are_no_part_of_the_curve() -> None:
    first = [row(step, loss=10.0) for step in (1, 2, 3, 4)]
    again = [row(step, loss=1.0) for step in (3, 4, 5)]
    assert [point.train_loss for point in logs.metrics([*first, *again])] == [10.0, 10.0, 1.0, 1.0, 1.0]


def test_rewards_come_from_the_state_where_the_log_has_none() -> None:
    history = [{"step": 1, "rewards/margins": 0.25, "loss": 9.0}, {"step": 7, "loss": 1.0}]
    (point,) = logs.metrics([row(1, loss=2.0, accuracy=0.5)], history)
    assert (point.train_loss, point.reward_accuracy, point.reward_margin) == (2.0, 0.5, 0.25)


def test_a_loss_that_diverged_is_seen() -> None:
    (point,) = logs.metrics(logs.rows_of('{"current_steps": 1, "total_steps": 2, "loss": NaN}\n'))
    assert point.train_loss != point.train_loss


def test_the_pace_is_that_of_the_latest_attempt() -> None:
    slow = [row(step, f"0:0{step}:00") for step in (1, 2, 3, 4)]
    resumed = [row(3, "0:00:10"), row(4, "0:00:20"), row(5, "0:00:30", total_tokens=77)]
    found = logs.progress([*slow, *resumed])
    assert found == logs.Progress(step=5, total=10, seconds_left=50, tokens=77)


def test_one_line_tells_no_pace_and_none_no_progress() -> None:
    only = logs.progress([row(1, "0:00:10")])
    assert only is not None
    assert only.seconds_left is None
    assert logs.progress([]) is None


@pytest.mark.parametrize(("span", "s"), [("0:00:07", 7), ("1 day, 2:03:04", 93784), ("2 days, 0:00:00", 172800)])
def test_spans_are_read_as_python_writes_them(span: str, s: int) -> None:
    assert logs.seconds(span) == s
    assert logs.seconds("soon") is None


RUN = Path(__file__).parents[1] / "support" / "llamafactory_run"
"""What llamafactory-cli 0.9.5 itself wrote over three steps of SmolLM2-135M on a CPU; in `dpo/` by preference, killed
after the second step and started again."""


def test_the_real_commands_own_log_is_read_whole() -> None:
    points = logs.metrics(outcome.log(RUN), outcome.history(RUN))
    assert [point.step for point in points] == [1, 2, 3]
    assert [round(point.train_loss or 0, 2) for point in points] == [5.40, 3.29, 2.71]
    assert [round(point.valid_loss or 0, 2) for point in points] == [0, 2.12, 1.78]
    assert points[0].learning_rate == 1e-3
    assert logs.progress(outcome.log(RUN)) == logs.Progress(step=3, total=3, seconds_left=0, tokens=249)


def test_the_real_commands_rewards_are_read_across_a_kill() -> None:
    points = logs.metrics(outcome.log(RUN / "dpo"), outcome.history(RUN / "dpo"))
    assert [point.step for point in points] == [1, 2, 3]
    assert (points[0].reward_accuracy, points[0].reward_margin) == (0, 0)
    assert points[-1].reward_accuracy == 1
    assert (points[-1].reward_margin or 0) > 0
    assert points[-1].valid_reward_accuracy == 1


@pytest.mark.parametrize(("method", "recorded"), [(Method.SFT, RUN), (Method.DPO, RUN / "dpo")])
def test_the_stand_in_writes_the_real_commands_names(tmp_path: Path, method: Method, recorded: Path) -> None:
    """Every name that the stand-in writes is one that the real command has written."""
    for folder in ("data", "base"):
        (tmp_path / folder).mkdir()
    better, worse = ({"from": "gpt", "value": label} for label in ("lost_card", "refund"))
    asked = {"system": "", "tools": "", "conversations": [{"from": "human", "value": "lost"}]}
    row_ = {**asked, "chosen": better, "rejected": worse}
    if method is Method.SFT:
        row_ = {**asked, "conversations": [*asked["conversations"], better]}
    files = {name: str(tmp_path / f"data/{name}.jsonl") for name in ("train", "validation")}
    for path in files.values():
        Path(path).write_text(f"{json.dumps(row_)}\n" * 2, encoding="utf-8")
    (tmp_path / "data/dataset_info.json").write_text(dataset_json(files, method), encoding="utf-8")
    config = told(method, validated=True, base=Base(model=str(tmp_path / "base"), family="x"), epochs=2)
    (tmp_path / "train.yaml").write_text(yaml_text(config), encoding="utf-8")
    stand_in = [sys.executable, str(RUN.with_name("llamafactory_cli.py")), "train", "train.yaml"]
    subprocess.run(stand_in, cwd=tmp_path, check=True)
    output = tmp_path / "output"
    assert _names(outcome.log(output)) <= _names(outcome.log(recorded))
    assert _names(outcome.history(output)) <= _names(outcome.history(recorded))
    assert set(outcome.state(output)) <= set(outcome.state(recorded))


def _names(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    return {name for row in rows for name in row}


# ── what is left behind ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """What a finished run leaves."""
    for name in ("adapter_config.json", "adapter_model.safetensors", "train_results.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    _state(tmp_path, 10)
    return tmp_path


def _state(folder: Path, step: int) -> None:
    folder.mkdir(exist_ok=True)
    state = {"global_step": step, "max_steps": 10, "log_history": [{"step": step, "loss": 1.0}]}
    (folder / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")


def test_a_finished_run_lacks_nothing(output: Path) -> None:
    assert outcome.missing(output, lora=True, early=False) == ()


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors", "train_results.json"])
def test_an_absent_or_empty_file_is_named(output: Path, name: str) -> None:
    (output / name).write_bytes(b"")
    assert outcome.missing(output, lora=True, early=False) == (name,)
    (output / name).unlink()
    assert outcome.missing(output, lora=True, early=False) == (name,)


def test_a_last_state_before_the_last_step_is_no_success_unless_it_was_stopped_early(output: Path) -> None:
    _state(output, 7)
    assert outcome.missing(output, lora=True, early=False) == ("steps 8 to 10 of trainer_state.json",)
    assert outcome.missing(output, lora=True, early=True) == ()


def test_a_whole_model_needs_its_weights_and_not_an_adapters(output: Path) -> None:
    assert outcome.missing(output, lora=False, early=False) == ("config.json", "model.safetensors")


def test_a_checkpoint_without_its_state_was_cut_short(output: Path) -> None:
    _state(output / "checkpoint-10", 10)
    (output / "checkpoint-12").mkdir()
    assert [folder.name for folder in outcome.unfinished(output)] == ["checkpoint-12"]


def test_the_newest_state_is_the_final_one_else_the_last_checkpoints(output: Path) -> None:
    _state(output / "checkpoint-9", 9)
    _state(output / "checkpoint-10", 10)
    assert outcome.history(output) == [{"step": 10, "loss": 1.0}]
    (output / "trainer_state.json").unlink()
    assert outcome.state(output)["global_step"] == 10
    assert outcome.log(output) == []


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("ValueError: Template x does not exist.\n", "ValueError", "Template x does not exist"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n", "out_of_memory", "CUDA out of"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory\n", "out_of_memory", "allocate"),
        ("KeyError: 'chosen'\nsubprocess.CalledProcessError: Command '[…]' returned 1\n", "KeyError", "chosen"),
        ("", "exit", "exit code 3"),
    ],
)
def test_a_failure_is_told_in_the_trainers_own_last_words(said: str, code: str, words: str) -> None:
    failure = outcome.failure_of(said, 3)
    assert failure.code == code
    assert words in failure.words


# ── the keeper ───────────────────────────────────────────────────────────────────────────────────────────────────────


def kept(folder: Path, *command_: str) -> subprocess.CompletedProcess[str]:
    """The process that a run starts, over a command that stands for the trainer's."""
    words = [sys.executable, "-I", "-c", launch.BEGIN, str(Path(__file__).parents[2]), str(folder), "lora", "whole"]
    return subprocess.run([*words, *command_], cwd=folder, capture_output=True, text=True, check=False)


def test_a_run_that_was_killed_after_its_last_step_is_not_trained_again(output: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    output_ = run / "output"
    output_.mkdir()
    for path in [path for path in output.iterdir() if path.is_file()]:
        path.rename(output_ / path.name)
    (output_ / "checkpoint-10").mkdir()
    assert kept(run, "/no/such/trainer").returncode == 0
    assert {path.name for path in (run / "artefact").iterdir()} == {path.name for path in output_.glob("*.*")}


def test_the_trainers_own_exit_code_and_last_exception_are_passed_on(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("KeyError: 'chosen'\nsubprocess.CalledProcessError: no\n", encoding="utf-8")
    ended = kept(tmp_path, sys.executable, "-c", "raise SystemExit(3)")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (3, "KeyError: 'chosen'")


def test_a_trainer_that_was_killed_is_told_from_one_that_failed(tmp_path: Path) -> None:
    ended = kept(tmp_path, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert ended.returncode == 128 + 9


# ── base models ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def base_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "SmolLM2-135M-Instruct"
    folder.mkdir()
    (folder / "config.json").write_text('{"dtype": "bfloat16"}', encoding="utf-8")
    for name in ("tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_a_model_that_is_whole_has_no_problem_and_tells_its_type(base_folder: Path) -> None:
    found = models.look(str(base_folder), None, {})
    assert (list(found.problems), found.dtype, found.size) == ([], "bfloat16", 2)
    slow = command.warnings_about(command.About(version="0.9.5"), found.dtype)
    assert "float32" in slow[0]
    assert command.warnings_about(command.About(version="0.9.5", gpus=1), found.dtype) == []


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_what_a_model_lacks_is_named(base_folder: Path, name: str) -> None:
    (base_folder / name).unlink()
    assert len(models.look(str(base_folder), None, {}).problems) == 1


def test_a_hub_model_is_looked_for_in_the_hubs_own_folder(base_folder: Path, tmp_path: Path) -> None:
    environ = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    name = "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert "HF_HUB_OFFLINE" in models.look(name, None, environ).problems[0]
    assert "downloaded" in models.look(name, None, {**environ, "HF_HUB_OFFLINE": "0"}).warnings[0]
    snapshots = tmp_path / "hf/hub/models--HuggingFaceTB--SmolLM2-135M-Instruct/snapshots"
    snapshots.mkdir(parents=True)
    base_folder.rename(snapshots / "abc")
    assert models.look(name, None, environ).problems == []


def test_a_chat_template_of_its_own_is_enough(base_folder: Path) -> None:
    folder = base_folder.rename(base_folder.with_name("mine"))
    assert "--set template=" in models.look(str(folder), None, {}).problems[0]
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}', encoding="utf-8")
    found = models.look(str(folder), None, {})
    assert (list(found.problems), "own tokenizer" in found.warnings[0]) == ([], True)


def test_a_weight_of_one_message_is_refused_with_what_can_be_said_instead() -> None:
    turns = (Message("user", "a"), Message("assistant", "b", weight=0), Message("user", "c"), Message("assistant", "d"))
    with pytest.raises(Unsupported, match="weight 0") as refused:
        LLAMA_FACTORY.encode(Example(turns))
    assert "mask_history=true" in str(refused.value.fix)


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as absent:
        command.found(str(tmp_path / "llamafactory-cli"))
    assert "export LLAMAFACTORY_CLI=" in str(absent.value.fix)


def test_serving_is_bound_to_loopback_with_a_key_and_the_models_own_name() -> None:
    environment = command.serving_environment("/lf/bin/llamafactory-cli", "/usr/bin", "the-model")
    wanted = {"API_HOST": "127.0.0.1", "API_KEY": "{key}", "API_PORT": "{port}", "API_MODEL_NAME": "the-model"}
    assert wanted.items() <= environment.items()
    assert environment["API_VERBOSE"] == "0"
    assert environment["PATH"].startswith("/lf/bin")


ENV = """
- `llamafactory` version: 0.9.5
- Platform: Linux
- PyTorch version: 2.13.0+cpu
"""


def test_what_the_environment_says_of_itself_is_read() -> None:
    assert command.about(ENV) == command.About(version="0.9.5")
    gpu = command.about(ENV + "- GPU type: NVIDIA H100\n- GPU number: 2\n- Bitsandbytes version: 0.48.1\n")
    assert (gpu.gpu, gpu.gpus, gpu.bitsandbytes) == ("NVIDIA H100", 2, "0.48.1")


def test_another_program_is_told_apart() -> None:
    with pytest.raises(Unsupported, match="is no llamafactory-cli"):
        command.about("usage: something else\n")


def test_four_bits_need_a_gpu_and_bitsandbytes() -> None:
    without = command.problems_with(command.about(ENV), {"qlora": True})
    assert ["GPU" in without[0], "bitsandbytes" in without[1]] == [True, True]
    assert command.problems_with(command.about(ENV), {}) == []


def test_another_release_is_told_and_one_that_is_too_old_refused() -> None:
    assert "is not 0.9.5" in command.warnings_about(command.About(version="0.9.4"), None)[0]
    assert command.warnings_about(command.About(version="0.9.5.dev0"), None) == []
    assert "0.9.1 is too old" in command.problems_with(command.About(version="0.9.1"), {})[0]


def test_expected_hours_are_the_owners_own_word() -> None:
    assert command.expected_hours("0.5-2") == (Decimal("0.5"), Decimal(2))
    assert command.expected_hours("3") == (Decimal(3), Decimal(3))
    assert command.expected_hours(None) is None


@pytest.mark.parametrize("told", ["soon", "2-1", "-1", "nan", "1-inf"])
def test_hours_that_are_none_are_refused(told: str) -> None:
    with pytest.raises(InvalidData, match="LLAMAFACTORY_HOURS"):
        command.expected_hours(told)
