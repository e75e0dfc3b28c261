"""What this machine says of a base, of a training, and of itself, before PyTorch is loaded; none is needed here."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import providers
from providers.errors import NotFound, Unsupported
from providers.local import account, bases, machine
from providers.local.account import LocalAccount
from providers.local.order import Card, card_of, read_order, write_card
from providers.local.rows import IGNORED, UnsuitableRows, lengths_of, supervised
from providers.local.serve import vllm_command
from providers.records import Capability, Hyperparameters, Method, Plan, Sampling
from providers.testing.making import ASK

LOCAL = providers.platform("local")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base's folder: a configuration, a template, and weights of which only the header is ever read."""
    folder = tmp_path / "base"
    folder.mkdir()
    config = {"model_type": "llama", "max_position_embeddings": 2048}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    header = json.dumps({"a": {"dtype": "F32", "shape": [3, 5], "data_offsets": [0, 60]}, "__metadata__": {}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(60))
    return folder


def opened(tmp_path: Path) -> LocalAccount:
    return LocalAccount(LOCAL, LOCAL.connection({}, None, tmp_path / "home"))


# ── bases ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bases_own_files_tell_its_size_and_context(base: Path) -> None:
    facts = LOCAL.model(str(base))
    assert facts.context_tokens == 2048
    found = bases.look_at(str(base))
    assert found is not None
    assert (found.parameters, found.has_template) == (15, True)
    assert "licence is not known" in facts.tunable.reason


def test_a_tuned_model_has_its_bases_facts_under_its_own_name(base: Path) -> None:
    name = f"{base}@tw-a2b3c4d5e6f7g2h3"
    assert (LOCAL.model(name).name, LOCAL.model(name).context_tokens) == (name, 2048)


def test_a_hub_id_that_was_not_downloaded_is_not_known_yet() -> None:
    facts = LOCAL.model("org/some-model")
    assert (facts.tunable.answer, facts.context_tokens) == ("unknown", None)


def test_what_is_neither_a_folder_nor_a_hub_id_is_not_found() -> None:
    with pytest.raises(NotFound, match="no folder with a config"):
        LOCAL.model("nowhere at all")


def test_a_downloaded_model_is_found_in_the_hubs_own_cache(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "hub" / "models--org--name"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc123", encoding="ascii")
    (kept / "snapshots").mkdir()
    base.rename(kept / "snapshots" / "abc123")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert LOCAL.model("org/name").context_tokens == 2048


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def recipe(method: Method = Method.SFT, rows: int = 1000, **given: Any) -> Hyperparameters:
    core = {key: given.pop(key) for key in ("epochs", "batch_size", "lora") if key in given}
    return LOCAL.recipe("x", method, Hyperparameters(**core, extra=given), rows, 0).hyperparameters


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"beta": 0.1}, "beta"),
        ({"lora": False, "lora_r": 8}, "lora_r"),
        ({"lora": False, "qlora": True}, "qlora"),
        ({"long_rows": "cut"}, "long_rows"),
        ({"batch_size": 8, "micro_batch_size": 3}, "micro_batch_size"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(Unsupported, match=f"^.*{named}:"):
        recipe(**given)


def test_few_rows_are_passed_more_often() -> None:
    assert (recipe(rows=1000).epochs, recipe(rows=24).epochs) == (3, 5)


def test_a_validation_file_is_measured_as_often_as_checkpoints_are_saved() -> None:
    told = LOCAL.recipe("x", Method.SFT, Hyperparameters(epochs=6), 100, 10).hyperparameters.extra
    assert (told["n_evals"], told["n_checkpoints"]) == (6, 6)


def test_both_methods_and_both_kinds_of_weights_are_offered() -> None:
    told = LOCAL.capabilities(date(2026, 11, 26))
    assert all(told[key] for key in (Capability.SFT, Capability.DPO, Capability.LORA, Capability.FULL))


# ── what stands in the way ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were installed, so that what comes after it is looked at."""
    monkeypatch.setattr(account, "missing_packages", list)


@pytest.fixture
def plan_of(make_plan: Callable[..., Plan]) -> Callable[..., Plan]:
    def make(model: str | Path, **extra: Any) -> Plan:
        return make_plan("local", str(model), hyperparameters=Hyperparameters(epochs=1, extra=extra))

    return make


def test_what_is_not_installed_is_named_with_its_extra_and_the_cpu_build(
    base: Path, tmp_path: Path, plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "is_installed", lambda name: name != "torch")
    (problem,) = opened(tmp_path).problems(plan_of(base)).problems
    assert problem.startswith("torch is not installed")
    assert "pip install 'tunewright[local]'" in problem
    assert "whl/cpu" in problem


@pytest.mark.anyio
async def test_asking_without_the_extra_says_how_to_install_it(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "is_installed", lambda name: name not in ("torch", "vllm"))
    with pytest.raises(Unsupported, match="torch is not installed") as refused:
        await opened(tmp_path).complete(str(base), ASK, Sampling())
    assert "pip install 'tunewright[local]'" in str(refused.value.fix)


def test_four_bits_are_refused_without_a_gpu(
    base: Path, tmp_path: Path, installed: None, plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "gpu_memory_bytes", list)
    assert opened(tmp_path).problems(plan_of(base)).problems == ()
    (problem,) = opened(tmp_path).problems(plan_of(base, qlora=True)).problems
    assert "CUDA GPU" in problem


def test_a_base_without_a_chat_template_is_refused(
    base: Path, tmp_path: Path, installed: None, plan_of: Callable[..., Plan]
) -> None:
    (base / "chat_template.jinja").unlink()
    assert "no chat template" in opened(tmp_path).problems(plan_of(base)).problems[0]


def test_a_base_larger_than_the_memory_and_the_disk_is_refused(tmp_path: Path) -> None:
    huge = bases.BaseModel(
        folder=tmp_path, kind="x", parameters=10**15, weights_bytes=0, context_tokens=None, has_template=True
    )
    memory, disk = machine.shortages(huge, {}, tmp_path / "not" / "there")
    assert "free, and the base's weights want" in memory
    assert "of disk are free" in disk


def test_a_hub_that_cannot_be_asked_is_said(
    tmp_path: Path, installed: None, plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (problem,) = opened(tmp_path).problems(plan_of("org/absent")).problems
    assert "org/absent" in problem
    assert "cannot be asked" in problem


def test_naming_the_platform_and_its_account_loads_no_pytorch() -> None:
    code = (
        "import providers, sys; providers.platform('local'); import providers.local.account; "
        "print(*({'torch', 'transformers', 'trl', 'peft'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == ""


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Letters:
    """A tokenizer of single characters, with a template that marks each turn's end."""

    chat_template = "…"

    def apply_chat_template(
        self, messages: Any, tools: Any = None, tokenize: bool = False, add_generation_prompt: bool = False
    ) -> str:
        text = "".join(f"<{turn['role'][0]}>{turn['content']}|" for turn in messages)
        return text + ("<a>" if add_generation_prompt else "")

    def __call__(self, text: str, **more: Any) -> dict[str, Any]:
        places = [(at, at + 1) for at in range(len(text))]
        return {"input_ids": [ord(letter) for letter in text], "offset_mapping": places}


class _Forgetful(_Letters):
    """Its template drops earlier answers once others follow, as those of reasoning models do."""

    def apply_chat_template(self, messages: Any, **more: Any) -> str:
        last = len(messages) - 1
        kept = [
            {**turn, "content": turn["content"] if index == last or turn["role"] != "assistant" else ""}
            for index, turn in enumerate(messages)
        ]
        return super().apply_chat_template(kept, **more)


def talk(*turns: str) -> dict[str, Any]:
    roles = ["user", "assistant"] * len(turns)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, turns, strict=False)]}


def learned(row: dict[str, Any]) -> str:
    (tokens,) = supervised(_Letters(), [row])
    return "".join(chr(one) for one in tokens.labels if one != IGNORED)


def test_only_the_assistants_turns_and_their_ends_are_learned() -> None:
    assert learned(talk("hi", "yes")) == "yes|"
    assert learned(talk("hi", "yes", "sure?", "no")) == "yes|no|"


def test_every_token_of_a_row_is_read() -> None:
    (tokens,) = supervised(_Letters(), [talk("hi", "yes")])
    assert "".join(chr(one) for one in tokens.ids) == "<u>hi|<a>yes|"


def test_a_template_that_rewrites_earlier_turns_is_refused_and_the_row_named() -> None:
    rows = [talk("hi", "yes"), talk("hi", "yes", "sure?", "no")]
    with pytest.raises(UnsuitableRows, match=r"row 2: .*differently once others follow"):
        supervised(_Forgetful(), rows)


def test_a_row_with_nothing_to_learn_is_refused() -> None:
    with pytest.raises(UnsuitableRows, match="nothing to learn"):
        supervised(_Letters(), [talk("hi")])


def test_rows_beyond_the_limit_are_counted_with_what_would_be_lost() -> None:
    lengths = lengths_of([10, 30, 50], 20)
    assert (lengths.longer, lengths.lost) == (2, 40)
    assert lengths.text.startswith("2 rows are longer than 20 tokens (the longest has 50): 40 tokens")


# ── files of ours ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_card_says_what_weights_are_to_be_put_on(tmp_path: Path) -> None:
    write_card(tmp_path, Card("/models/base", "sft", 12.5))
    assert card_of(tmp_path) == Card("/models/base", "sft", 12.5)
    assert card_of(tmp_path / "elsewhere") is None


def test_an_order_is_read_as_the_supervisor_writes_it(tmp_path: Path) -> None:
    places = {key: str(tmp_path / key) for key in ("checkpoints", "artefact", "metrics", "train_file")}
    told = {"model": "m", "method": "dpo", "hyperparameters": {"lora": False, "seed": 5}, "seed": 5, **places}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    order = read_order(path)
    assert (order.seed, order.preference, order.adapter, order.source) == (5, True, False, "m")
    assert (order.resume_from, order.continues, order.validation_file) == (None, None, None)


def test_vllm_serves_base_and_adapter_at_loopback_and_its_key_is_in_no_argument(tmp_path: Path) -> None:
    write_card(tmp_path, Card("/models/base", "sft"))
    (tmp_path / "adapter_config.json").write_text('{"r": 12}', encoding="utf-8")
    told = {"base": "/models/base", "base_name": "base", "tuned": str(tmp_path), "tuned_name": "base@tw-x"}
    words = vllm_command(told, "8123")
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--max-lora-rank") + 1] == "16"
    adapter = json.loads(words[words.index("--lora-modules") + 1])
    assert adapter == {"name": "base@tw-x", "path": str(tmp_path), "base_model_name": "base"}
    assert not any("key" in word for word in words)
