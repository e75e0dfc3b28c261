"""Who is asked beside base and tuned: over the sandbox's wire, each asked once, quoted before, kept after."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator import AsyncOrchestrator
from orchestrator.config import Config, EvaluationConfig
from orchestrator.dataset.records import Row
from orchestrator.errors import BudgetRefused, DataRefused, UsageError
from orchestrator.evaluation.questions import Answer, Candidate, Spec, questions
from orchestrator.evaluation.recorded import lines, matched, read
from orchestrator.jobs.desk import Notice
from orchestrator.pipeline.evaluating import Evaluated
from orchestrator.pipeline.run import asked_before
from orchestrator.pipeline.shots import draw_shots
from providers.errors import Auth, NotFound
from providers.records import Example, Message, Sampling

pytestmark = pytest.mark.anyio

WORDS = ("refund", "parcel", "invoice", "battery")
CAP = {"max_usd": Decimal(50)}
BASE, BIGGER = "openai:gpt-4.1-mini-2025-04-14", "openai:gpt-4.1-2025-04-14"


def write_pairs(path: Path, numbers: range, salt: str = "") -> Path:
    rows = ({"input": f"question {salt}{n} about a {WORDS[n % 4]}", "output": WORDS[n % 4]} for n in numbers)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def heard() -> list[Notice]:
    return []


@pytest.fixture
def make(environ: dict[str, str], tmp_path: Path, heard: list[Notice], wire: Any) -> Callable[..., AsyncOrchestrator]:
    assert not wire.asked  # as good as new, whatever the test before had it refuse
    keys = {environ["OPENAI_BASE_URL"]: "OPENAI_API_KEY"}
    usual = Config(evaluation=EvaluationConfig(endpoint_keys=keys))

    def made(config: Config = usual, **changes: str) -> AsyncOrchestrator:
        return AsyncOrchestrator(
            tmp_path / "home", config=config, environ={**environ, **changes}, on_notice=heard.append
        )

    return made


@pytest.fixture
def library(make: Callable[..., AsyncOrchestrator]) -> AsyncOrchestrator:
    return make()


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Twelve pairs that nobody was trained on."""
    return write_pairs(tmp_path / "fresh.jsonl", range(12), tmp_path.name)


async def evaluated(library: AsyncOrchestrator) -> Evaluated:
    """The newest run's evaluation, as the ledger holds it."""
    return await asked_before(library.session, await library._begun(None))


async def compared(library: AsyncOrchestrator, pairs: Path, **options: Any) -> Evaluated:
    await library.compare(pairs, base=BASE, tuned=BIGGER, **{**CAP, "max_tokens": 8, **options})
    return await evaluated(library)


def labels(found: Evaluated) -> dict[str, str]:
    return {candidate.name: candidate.label for candidate in found.spec.candidates}


# ── what an evaluation is called ────────────────────────────────────────────────────────────────────────────────────


def test_an_evaluation_of_base_and_tuned_alone_keeps_the_name_it_always_had() -> None:
    both = (Candidate(name="base", provider="p", model="m"), Candidate(name="tuned", provider="p", model="t"))
    assert Spec(candidates=both, questions=("a-1", "b-1"), sampling=Sampling(stream=True)).id == "14782687181ee74e"


@pytest.mark.parametrize("change", [{"system": "be brief"}, {"shots": (Message("user", "a"),)}, {"model": "n"}])
def test_what_a_candidate_is_asked_is_part_of_the_name(change: dict[str, Any]) -> None:
    named = {"name": "also1", "provider": "p", "model": "m"}
    ids = {
        Spec(candidates=(Candidate(**{**named, **more}),), questions=(), sampling=Sampling()).id
        for more in ({}, change)
    }
    assert len(ids) == 2


def test_a_prompt_stands_in_place_of_the_row_s_own_and_examples_before_the_question() -> None:
    row = Example((Message("system", "old"), Message("user", "q"), Message("assistant", "a")))
    shots = (Message("user", "s"), Message("assistant", "t"))
    candidate = Candidate(name="also1", provider="p", model="m", system="new", shots=shots)
    told = [(message.role, message.text) for message in candidate.puts(row).prompt]
    assert told == [("system", "new"), ("user", "s"), ("assistant", "t"), ("user", "q")]


def test_every_sample_has_a_seed_of_its_own() -> None:
    spec = Spec(candidates=(), questions=(), sampling=Sampling(temperature=1, seed=7), samples=3)
    assert [spec.sampling_of(sample).seed for sample in range(3)] == [7, 8, 9]


# ── who is asked ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_other_platforms_and_a_server_by_its_url_are_asked_every_question_once(
    library: AsyncOrchestrator, environ: dict[str, str], fresh: Path, wire: Any
) -> None:
    url = f"{environ['OPENAI_BASE_URL']}#gpt-4.1-nano-2025-04-14"
    found = await compared(library, fresh, also=("together:Qwen/Qwen3-8B", url))
    assert list(labels(found)) == ["base", "tuned", "also1", "also2"]
    assert labels(found)["also2"] == url
    assert len(wire.counts) == 4 * 12
    assert set(wire.counts.values()) == {1}
    assert all(not answer.missing for name in labels(found) for answer in found.of(name))


async def test_candidates_of_one_question_are_asked_side_by_side(
    library: AsyncOrchestrator, environ: dict[str, str], fresh: Path, wire: Any
) -> None:
    url = f"{environ['OPENAI_BASE_URL']}#gpt-4.1-nano-2025-04-14"
    await compared(library, fresh, also=url, concurrency=1)
    asked = [question for question in wire.asked if question[1] != "ping"]
    rows = [asked[place : place + 3] for place in range(0, len(asked), 3)]
    assert all(len({text for _, text in row}) == 1 and len({model for model, _ in row}) == 3 for row in rows)


async def test_what_a_run_was_asked_is_known_later_without_a_key(
    library: AsyncOrchestrator, environ: dict[str, str], fresh: Path, tmp_path: Path
) -> None:
    found = await compared(library, fresh, also=f"{environ['OPENAI_BASE_URL']}#gpt-4.1-nano-2025-04-14")
    later = AsyncOrchestrator(tmp_path / "home", config=Config(), environ={})
    assert await evaluated(later) == found
    assert (await later.decide()).judged.comparison.n == 12


@pytest.mark.parametrize(
    ("also", "said"),
    [
        (BASE, "compared already"),
        (BIGGER, "compared already"),
        ("gpt-4", "is not PLATFORM:MODEL"),
        ("http://127.0.0.1:9/v1", "names no model"),
        ("checkpoint:three", "is no step"),
        ("checkpoints", "no such checkpoint"),
    ],
)
async def test_what_names_no_further_candidate_is_refused(
    library: AsyncOrchestrator, fresh: Path, wire: Any, also: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        await compared(library, fresh, also=also)
    assert not wire.asked


async def test_a_misspelt_candidate_is_not_waited_for(library: AsyncOrchestrator, fresh: Path, wire: Any) -> None:
    wire.refuse = lambda model, _text: (404, {"message": "no such model"}) if model == "gpt-9" else None
    with pytest.raises(NotFound, match="no such model"):
        await compared(library, fresh, also="openai:gpt-9")


async def test_the_same_candidate_under_two_names_is_refused(library: AsyncOrchestrator, fresh: Path) -> None:
    prompt = fresh.with_name("prompt.txt")
    prompt.write_text("Answer with one word.")
    twin = fresh.with_name("twin.txt")
    twin.write_text("Answer with one word.")
    with pytest.raises(UsageError, match="asked twice, as also1 and also2"):
        await compared(library, fresh, also_prompt=[prompt, twin])


async def test_a_key_for_an_endpoint_comes_from_the_variable_that_the_configuration_names(
    make: Callable[..., AsyncOrchestrator], environ: dict[str, str], fresh: Path
) -> None:
    url = environ["OPENAI_BASE_URL"]
    config = Config(evaluation=EvaluationConfig(endpoint_keys={url: "LAB_KEY"}))
    with pytest.raises(Auth, match="LAB_KEY is not set"):
        await compared(make(config), fresh, also=f"{url}#gpt-4.1-nano-2025-04-14")
    found = await compared(
        make(config, LAB_KEY="sk-sandbox-lab-canary-0123456789"), fresh, also=f"{url}#gpt-4.1-nano-2025-04-14"
    )
    assert not any(answer.missing for answer in found.of("also1"))
    assert "canary" not in Path(make().session.desk.ledger.place).read_bytes().decode("latin-1")


async def test_a_variable_whose_value_would_not_be_cut_from_logs_is_refused(
    make: Callable[..., AsyncOrchestrator], environ: dict[str, str], fresh: Path
) -> None:
    url = environ["OPENAI_BASE_URL"]
    config = Config(evaluation=EvaluationConfig(endpoint_keys={url: "LAB"}))
    with pytest.raises(UsageError, match="LAB is to hold a key"):
        await compared(make(config, LAB="x" * 20), fresh, also=f"{url}#gpt-4.1-nano-2025-04-14")


# ── a run's own candidates ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_run_asks_its_checkpoints_and_the_base_with_a_prompt_and_examples(
    library: AsyncOrchestrator, pairs: Path, tmp_path: Path, wire: Any
) -> None:
    prompt = tmp_path / "better.txt"
    prompt.write_text("Name the queue: lost_card, refund or delivery.")
    await library.run(pairs, to=BASE, epochs=3, also="checkpoints", also_prompt=prompt, also_shots=6, **CAP)
    found = await evaluated(library)
    told = labels(found)
    assert [name for name in told if "checkpoint at step" in told[name]] == ["also1", "also2"]
    assert told["also3"] == f"{BASE} with prompt better.txt and 6 examples"
    assert len(wire.counts) == len(found.questions) * 4  # the base with other words is asked the same last turn
    plain, worded = (sum(answer.input_tokens or 0 for answer in found.of(name)) for name in ("base", "also3"))
    assert worded > 3 * plain


async def test_a_candidate_that_comes_later_costs_its_own_answers_alone(
    library: AsyncOrchestrator, pairs: Path, wire: Any, heard: list[Notice]
) -> None:
    first = await library.run(pairs, to=BASE, **CAP)
    wire.asked.clear()
    second = await library.evaluate(also=BIGGER)
    found = await evaluated(library)
    assert {model for model, _ in wire.counts} == {BIGGER.partition(":")[2]}
    assert set(wire.counts.values()) == {1}
    assert first.billed.evaluation_usd is not None
    added = sum((answer.usd or Decimal(0) for answer in found.of("also1")), Decimal(0))
    assert second.billed.evaluation_usd == first.billed.evaluation_usd + added
    assert [line["answers"] for line in heard_quote(heard)] == [0, 0, len(found.questions)]


async def test_examples_that_come_later_cost_their_own_answers_alone(
    library: AsyncOrchestrator, pairs: Path, heard: list[Notice]
) -> None:
    await library.run(pairs, to=BASE, **CAP)
    await library.evaluate(also_shots=4)
    found = await evaluated(library)
    assert labels(found)["also1"] == f"{BASE} with 4 examples"
    assert [line["answers"] for line in heard_quote(heard)] == [0, 0, len(found.questions)]


async def test_asking_again_with_nothing_new_asks_nobody(library: AsyncOrchestrator, pairs: Path, wire: Any) -> None:
    await library.run(pairs, to=BASE, also=BIGGER, **CAP)
    wire.asked.clear()
    await library.evaluate()
    await library.evaluate(also=BIGGER)
    assert not wire.asked


def heard_quote(heard: list[Notice]) -> list[dict[str, Any]]:
    return next(notice.data["asking"]["lines"] for notice in reversed(heard) if "asking" in notice.data)


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_examples_come_from_the_training_split_and_hold_as_many_of_each_label(
    library: AsyncOrchestrator, pairs: Path
) -> None:
    dataset = await library.check(pairs)
    drawn = draw_shots(dataset, 9)
    assert sorted(row.example.answer for row in drawn) == sorted(["lost_card", "refund", "delivery"] * 3)
    assert {row.number for row in drawn} <= {row.number for row in dataset.split.train}
    assert [row.number for row in draw_shots(dataset, 9)] == [row.number for row in drawn]


async def test_held_out_pairs_are_never_examples(library: AsyncOrchestrator, fresh: Path, wire: Any) -> None:
    with pytest.raises(UsageError, match="there is no training split here"):
        await compared(library, fresh, also_shots=4)
    assert not wire.asked


# ── recorded answers ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_model_that_was_switched_off_is_compared_by_its_recorded_answers(
    library: AsyncOrchestrator, fresh: Path, tmp_path: Path, wire: Any
) -> None:
    kept = tmp_path / "kept.jsonl"
    before = await compared(library, fresh, save_answers=kept)
    wire.asked.clear()
    wire.refuse = lambda model, _text: (404, {"message": "gone"}) if model == BIGGER.partition(":")[2] else None
    await library.compare(fresh, base=BASE, tuned=f"answers:{kept}#tuned", max_tokens=8, **CAP)
    after = await evaluated(library)
    assert {model for model, _ in wire.asked} == {BASE.partition(":")[2]}
    assert [answer.text for answer in after.of("tuned")] == [answer.text for answer in before.of("tuned")]
    assert [answer.latency_s for answer in after.of("tuned")] == [answer.latency_s for answer in before.of("tuned")]
    assert kept.stat().st_mode & 0o077 == 0


async def test_two_files_are_compared_without_a_key_a_network_or_a_cap(
    library: AsyncOrchestrator, fresh: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    await compared(library, fresh, save_answers=kept)
    alone = AsyncOrchestrator(tmp_path / "elsewhere", config=Config(), environ={})
    result = await alone.compare(fresh, base=f"answers:{kept}#base", tuned=f"answers:{kept}#tuned")
    assert (result.judged.comparison.n, result.billed.total_usd) == (12, Decimal(0))


async def test_a_file_stays_known_after_it_was_deleted(library: AsyncOrchestrator, fresh: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    await compared(library, fresh, save_answers=kept)
    await library.compare(fresh, base=BASE, tuned=f"answers:{kept}#tuned", max_tokens=8, **CAP)
    kept.unlink()
    assert (await library.evaluate()).judged.comparison.n == 12


def held_out(*prompts: str) -> tuple[Any, ...]:
    turns = [(Message("user", prompt), Message("assistant", "a")) for prompt in prompts]
    return questions([Row(number, "p", Example(turn)) for number, turn in enumerate(turns, start=1)])


def file_of(*rows: Any) -> bytes:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("rows", "where", "said"),
    [
        (['{"prompt": "one"'], "old.jsonl, row 1", "no JSON"),
        ([{"prompt": "one", "text": "x"}], "old.jsonl, row 1", 'no "answer"'),
        ([{"answer": "x"}], "old.jsonl, row 1", 'neither "key" nor'),
        ([{"prompt": "one", "answer": "x"}, {"prompt": "three", "answer": "y"}], "old.jsonl, row 2", "'three'"),
        ([{"prompt": "one", "answer": "x"}, {"prompt": "one", "answer": "y"}], "old.jsonl, row 2", "as row 1"),
        ([{"key": "nobody", "answer": "x"}], "old.jsonl, row 1", "no question that is held out here"),
        ([{"prompt": "twice", "answer": "x"}], "old.jsonl, row 1", "2 held-out questions"),
        ([{"prompt": "one", "answer": "x", "sample": 1}], "old.jsonl, row 1", "is sample 1"),
        ([{"prompt": "one", "answer": "x", "latency_s": "soon"}], "old.jsonl, row 1", "latency_s"),
    ],
)
def test_a_row_that_cannot_be_matched_is_named(rows: list[Any], where: str, said: str) -> None:
    with pytest.raises(DataRefused, match=said) as refused:
        matched(read(file_of(*rows), "old.jsonl"), held_out("one", "two", "twice", "twice"), 1)
    assert refused.value.where == where
    assert refused.value.fix


def test_a_file_of_several_candidates_wants_one_to_be_named() -> None:
    content = file_of(*({"prompt": "one", "answer": "x", "candidate": name} for name in ("base", "tuned")))
    with pytest.raises(DataRefused, match="several candidates: base, tuned"):
        read(content, "old.jsonl")
    assert read(content, "old.jsonl", "tuned").candidate == "tuned"


def test_what_is_kept_reads_back_as_it_was_answered() -> None:
    asked = held_out("one", "two")
    spec = Spec(
        candidates=(Candidate(name="base", provider="p", model="m"),),
        questions=tuple(question.key for question in asked),
        sampling=Sampling(temperature=1),
        samples=2,
    )
    told = {
        ("base", asked[0].key, 0): Answer(text="x\u2028\x1b[1m", usd=Decimal("0.0000001"), latency_s=0.5),
        ("base", asked[0].key, 1): Answer(text="", error="timeout"),
        ("base", asked[1].key, 0): Answer(text="", refusal="no", input_tokens=3),
        ("base", asked[1].key, 1): Answer(text="y"),
    }
    back = matched(read("".join(lines(spec, asked, told)).encode(), "f"), asked, 2)
    assert {("base", *place): _as_asked(answer) for place, answer in back.items()} == told


def _as_asked(answer: Answer) -> Answer:
    from dataclasses import replace

    return replace(answer, paid_by=None)


async def test_a_row_that_a_file_lacks_counts_as_missing(
    library: AsyncOrchestrator, fresh: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.jsonl"
    await compared(library, fresh, save_answers=kept)
    rows = kept.read_text().splitlines()
    kept.write_text("\n".join(row for row in rows if json.loads(row)["candidate"] == "tuned")[:-1].rpartition("\n")[0])
    result = await library.compare(fresh, base=BASE, tuned=f"answers:{kept}", max_tokens=8, **CAP)
    assert result.judged.missing_tuned == 1


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_every_candidate_is_asked_as_often_as_samples_are_wanted(
    library: AsyncOrchestrator, fresh: Path, wire: Any
) -> None:
    found = await compared(library, fresh, samples=3, temperature=0.7)
    assert set(wire.counts.values()) == {3}
    assert all(len(answers) == 3 and not answers[2].missing for answers in found.samples_of("tuned"))


async def test_samples_at_temperature_0_are_refused(library: AsyncOrchestrator, fresh: Path) -> None:
    with pytest.raises(UsageError, match="at temperature 0"):
        await compared(library, fresh, samples=3)


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_quote_has_a_line_a_candidate_with_samples_and_examples_counted(
    library: AsyncOrchestrator, fresh: Path, heard: list[Notice], tmp_path: Path
) -> None:
    prompt = tmp_path / "long.txt"
    prompt.write_text("word " * 200)
    await compared(library, fresh, also_prompt=prompt)
    once = heard_quote(heard)
    await compared(library, fresh, also_prompt=prompt, samples=2, temperature=1)
    twice = heard_quote(heard)
    assert [line["name"] for line in once] == ["base", "tuned", "also1"]
    assert [Decimal(two["usd"]) for two in twice] == [2 * Decimal(one["usd"]) for one in once]
    words = (Decimal(once[2]["usd"]) - Decimal(once[0]["usd"])) * 1_000_000 / (12 * Decimal("0.4"))
    assert 195 < words < 215


async def test_the_sum_is_not_known_where_one_price_is_not_and_nothing_is_asked(
    make: Callable[..., AsyncOrchestrator], fresh: Path, heard: list[Notice]
) -> None:
    real = make(OPENAI_BASE_URL="https://nobody.invalid/v1")
    with pytest.raises(BudgetRefused, match="price of asking these models is not known"):
        await real.compare(fresh, base=BASE, tuned=BIGGER, also="https://nobody.invalid/v2#m", max_tokens=8)
    said = next(notice for notice in heard if notice.kind == "quote")
    assert said.data["usd"] is None
    assert "not known, for base, tuned, also1 is not" in said.text  # at another host nothing is priced by our facts


async def test_a_price_file_prices_a_server_by_its_url(
    library: AsyncOrchestrator, environ: dict[str, str], fresh: Path, heard: list[Notice]
) -> None:
    url = environ["OPENAI_BASE_URL"]
    prices = fresh.with_name("prices.toml")
    row = '[[price]]\nprovider = "{}"\nitem = "{}"\nusd = "5"\nas_of = 2026-11-20\n'
    prices.write_text(row.format(url, "input") + row.format(url, "output"))
    found = await compared(library, fresh, also=f"{url}#gpt-4.1-nano-2025-04-14", prices=prices)
    assert Decimal(heard_quote(heard)[2]["usd"]) > 0
    assert all(answer.usd for answer in found.of("also1"))


async def test_what_so_many_prompts_can_show_is_said_before_any_is_asked(
    library: AsyncOrchestrator, fresh: Path, heard: list[Notice]
) -> None:
    await compared(library, fresh)
    kinds = [notice.kind for notice in heard]
    said = heard[kinds.index("power")].text
    assert said.startswith("with 12 held-out prompts the smallest gap you can see is about 54 points (at 80% power")
    assert said.endswith("; 626 would show 5")
    assert kinds.index("power") < kinds.index("quote") < kinds.index("run")


async def test_the_same_comparison_again_is_quoted_as_answered_and_asks_nobody(
    library: AsyncOrchestrator, fresh: Path, heard: list[Notice], wire: Any
) -> None:
    await compared(library, fresh)
    wire.asked.clear()
    await compared(library, fresh)
    assert [line["answers"] for line in heard_quote(heard)] == [0, 0]
    assert not wire.asked


async def test_a_cap_below_the_quote_asks_nobody(library: AsyncOrchestrator, fresh: Path, wire: Any) -> None:
    with pytest.raises(BudgetRefused, match="--max-usd"):
        await compared(library, fresh, max_usd=Decimal("0.0000001"))
    assert not wire.asked


async def test_nothing_is_asked_of_a_run_again_without_consent(
    library: AsyncOrchestrator, pairs: Path, wire: Any
) -> None:
    await library.run(pairs, to=BASE, **CAP)
    wire.asked.clear()

    def refuse(*_: Any) -> None:
        raise BudgetRefused("not agreed")

    with pytest.raises(BudgetRefused, match="not agreed"):
        await library.evaluate(also=BIGGER, consent=refuse)
    assert not wire.asked


async def test_a_run_s_quote_holds_its_further_candidates(library: AsyncOrchestrator, pairs: Path) -> None:
    plain, _ = await library.dry_run(pairs, to=BASE)
    wide, _ = await library.dry_run(pairs, to=BASE, also=BIGGER, samples=2, temperature=1)
    lines = {line.part: line for line in wide.lines if line.item == "evaluation"}
    assert list(lines) == ["base", "tuned", "also1"]
    assert lines["also1"].basis.startswith(f"{BIGGER}: ")
    assert lines["also1"].source
    assert lines["base"].high_usd == 2 * next(line.high_usd or 0 for line in plain.lines if line.part == "base")
    assert wide.high_usd == sum((line.high_usd or 0 for line in wide.lines), Decimal(0))
    assert wide.unknown == plain.unknown


# ── what is served by the hour, and who is base ─────────────────────────────────────────────────────────────────────


async def test_every_candidate_that_needs_a_machine_has_one_and_gives_it_back(
    library: AsyncOrchestrator, pairs: Path
) -> None:
    to = "together:Qwen/Qwen3-8B"
    other = await library.watch((await library.submit(pairs, to=to, **CAP)).id)
    await library.run(pairs, to=to, epochs=2, also=f"together:{other.tuned_model}", **CAP)
    found = await evaluated(library)
    served = [candidate for candidate in found.spec.candidates if candidate.serving == "dedicated"]
    rows = library.session.desk.ledger.leases.all()
    assert len(rows) == len(served) == 2
    assert not library.session.desk.ledger.leases.all(open_only=True)
    assert all(not answer.missing for candidate in served for answer in found.of(candidate.name))


async def test_servers_by_their_url_may_be_base_and_tuned(
    library: AsyncOrchestrator, environ: dict[str, str], fresh: Path
) -> None:
    url, nano = environ["OPENAI_BASE_URL"], "gpt-4.1-nano-2025-04-14"
    await library.compare(fresh, base=f"{url}#{BASE.partition(':')[2]}", tuned=f"{url}#{nano}", max_tokens=8, **CAP)
    result = await library.decide()
    assert (result.judged.comparison.n, result.billed.sandbox) == (12, True)
    assert list(labels(await evaluated(library)).values())[1] == f"{url}#{nano}"


async def test_the_same_run_started_again_with_one_more_asks_only_that_one(
    library: AsyncOrchestrator, pairs: Path, wire: Any
) -> None:
    await library.run(pairs, to=BASE, **CAP)
    wire.asked.clear()
    await library.run(pairs, to=BASE, also=BIGGER, **CAP)
    assert {model for model, _ in wire.counts} == {BIGGER.partition(":")[2]}


async def test_the_examples_that_were_shown_stand_in_no_provenance_record(
    library: AsyncOrchestrator, pairs: Path
) -> None:
    result = await library.run(pairs, to=BASE, also_shots=2, **CAP)
    told = json.loads(result.provenance.read_text())["evaluation"]["candidates"]
    assert told[2]["shots"].startswith("sha256:")
    assert "a question about" not in result.provenance.read_text()
